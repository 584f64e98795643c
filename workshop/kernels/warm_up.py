"""What Azure's clients work out at first use and then remember, done once for all kernels.

They resolve each model's types, compile patterns and look up which class is a kind of which other: for the first cell
of a notebook that asks Azure, a third of what it takes. Here they are asked once before the first kernel is forked, and
get answers that are made up: nothing is sent anywhere, and of what is made only that stays which the libraries keep.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any

_NOBODY = "00000000-0000-0000-0000-000000000000"
_HOST = "https://warm-up.invalid"  # a name that can never be resolved: RFC 2606
_SCOPE = f"/subscriptions/{_NOBODY}/resourceGroups/warm-up"
_TIME = "2020-01-01T00:00:00.0000000Z"

# What a path ends with, in small letters, and what is answered.
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "/openid-configuration": {
        "authorization_endpoint": f"{_HOST}/{_NOBODY}/oauth2/v2.0/authorize",
        "token_endpoint": f"{_HOST}/{_NOBODY}/oauth2/v2.0/token",
        "issuer": f"{_HOST}/{_NOBODY}/v2.0",
    },
    "/token": {"token_type": "Bearer", "expires_in": 3599, "access_token": "none"},
    "/resourcegroups/warm-up": {"id": _SCOPE, "location": "eastus", "tags": {}, "properties": {}},
    "/virtualmachines/warm-up": {
        "id": f"{_SCOPE}/providers/Microsoft.Compute/virtualMachines/warm-up",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"warm-up": {}}},
        "properties": {
            "hardwareProfile": {},
            "storageProfile": {"imageReference": {}, "osDisk": {"managedDisk": {}}, "dataDisks": []},
            "osProfile": {"windowsConfiguration": {}},
            "networkProfile": {"networkInterfaces": [{}]},
            "timeCreated": _TIME,
        },
    },
    "/userassignedidentities/warm-up": {"id": _SCOPE, "location": "eastus", "tags": {}, "properties": {}},
    "/roledefinitions": {"value": [{"id": _SCOPE, "properties": {"permissions": [{}], "createdOn": _TIME}}]},
    "/roleassignments": {"value": [{"id": _SCOPE, "properties": {"principalId": _NOBODY, "createdOn": _TIME}}]},
}


def warm_up_clients() -> None:
    """Ask once for each kind of thing that the notebooks ask for.

    Raises:
        ImportError: Azure's clients are not installed. Anything else if they are no longer as they were.
    """
    _ask_who_is_a_mapping()
    _make_ready_for_tls()
    from azure.identity import ClientSecretCredential, ManagedIdentityCredential
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.msi import ManagedServiceIdentityClient
    from azure.mgmt.resource.resources import ResourceManagementClient

    transport = {"transport": _transport()}
    credential = ClientSecretCredential(
        _NOBODY, _NOBODY, "none", authority=_HOST, disable_instance_discovery=True, **transport
    )
    options: Any = {"base_url": _HOST, "credential_scopes": [f"{_HOST}/.default"], **transport}
    ResourceManagementClient(credential, _NOBODY, **options).resource_groups.get("warm-up")
    ComputeManagementClient(credential, _NOBODY, **options).virtual_machines.get("warm-up", "warm-up")
    identities = ManagedServiceIdentityClient(credential, _NOBODY, **options).user_assigned_identities
    identities.get("warm-up", "warm-up")
    authorization = AuthorizationManagementClient(credential, _NOBODY, **options)
    list(authorization.role_definitions.list(_SCOPE))
    list(authorization.role_assignments.list_for_scope(_SCOPE))
    ManagedIdentityCredential(client_id=_NOBODY, **transport).get_token(f"{_HOST}/.default")


def _ask_who_is_a_mapping() -> None:
    """Have Python answer once what logging and Azure's clients ask of almost every value.

    At the first question for a type it asks all subclasses of Mapping, of which Azure's models are some 400: 1 to 3 ms
    for each type, a tenth of what a kernel takes to start.
    """
    for kind in (bool, int, float, str, bytes, list, tuple, set, NoneType):
        issubclass(kind, Mapping)


def _make_ready_for_tls() -> None:
    """Have OpenSSL read its settings, and Python's client of HTTP prepare for headers."""
    from http.client import parse_headers

    from urllib3.util.ssl_ import create_urllib3_context

    create_urllib3_context()
    parse_headers(io.BytesIO(b"Content-Type: application/json\r\n\r\n"))


def _transport() -> Any:
    """What the clients send their requests by: it never leaves this process."""
    import requests
    from azure.core.pipeline.transport import RequestsTransport
    from requests.adapters import BaseAdapter
    from urllib3 import HTTPResponse

    class Answers(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
            path = str(request.path_url).partition("?")[0].lower()
            answer = next(answer for ending, answer in _ANSWERS.items() if path.endswith(ending))
            response = requests.Response()
            response.status_code, response.url, response.request = 200, str(request.url), request
            response.headers["Content-Type"] = "application/json"
            response.raw = HTTPResponse(io.BytesIO(json.dumps(answer).encode()), preload_content=False)
            return response

        def close(self) -> None:
            pass

    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Answers())
    session.mount("http://", Answers())
    return RequestsTransport(session=session, session_owner=False, use_env_settings=False)
