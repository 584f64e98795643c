"""Faults on order, as Azure's own clients and raw HTTP meet them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from sandbox.core.seed_data import RESOURCE_GROUP
from sandbox.state.state_directory import Settings
from tests.support.sandbox import RunningSandbox, running_sandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
METADATA = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
ARM_SCOPE = "https://management.azure.com/.default"
Start = Callable[[str], RunningSandbox]


@pytest.fixture
def start(tmp_path: Path, keys: Path) -> Iterator[Start]:
    """``start(rules)``: a sandbox in which these faults were ordered."""
    with ExitStack() as running:

        def started(rules: str) -> RunningSandbox:
            (tmp_path / "faults.yaml").write_text(rules)
            settings = Settings(faults=str(tmp_path / "faults.yaml"))
            return running.enter_context(running_sandbox(tmp_path / "state", settings=settings, keys_from=keys))

        yield started


def group(sandbox: RunningSandbox) -> str:
    return sandbox.seed_data.group(RESOURCE_GROUP)


def read_group(sandbox: RunningSandbox, token: str) -> int:
    return sandbox.arm("GET", group(sandbox), token=token, version="2024-07-01").status_code


def ask_metadata(sandbox: RunningSandbox, path: str = METADATA) -> requests.Response:
    return sandbox.session.get(sandbox.metadata_endpoint() + path, headers={"Metadata": "true"})


def make_identity(sandbox: RunningSandbox, name: str = "ID1", **options: object) -> Identity:
    client = sandbox.client(ManagedServiceIdentityClient, **options)
    return client.user_assigned_identities.create_or_update(RESOURCE_GROUP, name, Identity(location="eastus"))


# --- which -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "statuses"),
    [
        ("nth: 2", [200, 418, 200, 200, 200]),
        ("first: 2", [418, 418, 200, 200, 200]),
        ("every: 2", [200, 418, 200, 418, 200]),
        ("method: GET", [418] * 5),
        ("method: [PUT, DELETE]", [200] * 5),
        ("path: '*/resourcegroups/MYRESOURCEGROUPVM'", [418] * 5),
        ("path: '*/resourceGroups/other*'", [200] * 5),
    ],
)
def test_which_requests_fail(start: Start, which: str, statuses: list[int]) -> None:
    sandbox = start(f"- fault: 418\n  service: arm\n  {which}\n")
    token = sandbox.token()
    assert [read_group(sandbox, token) for _ in range(5)] == statuses


def test_a_time_is_counted_by_the_sandboxs_clock(start: Start) -> None:
    sandbox = start("- {fault: 503, service: arm, seconds: 30}")
    token = sandbox.token()
    sandbox.clock.advance(60)
    assert [read_group(sandbox, token) for _ in range(2)] == [503, 503]
    sandbox.clock.advance(31)
    assert read_group(sandbox, token) == 200


def test_a_time_ends_though_the_clock_is_set_back(start: Start) -> None:
    sandbox = start("- {fault: 503, service: arm, seconds: 30}")
    token = sandbox.token()
    sandbox.clock.advance(60)
    assert read_group(sandbox, token) == 503
    sandbox.clock.advance(-60)
    assert read_group(sandbox, token) == 503
    sandbox.clock.advance(31)
    assert read_group(sandbox, token) == 200


def test_of_several_rules_each_counts_and_the_first_answers(start: Start) -> None:
    rules = [(409, 2), (500, 2), (503, 3)]
    sandbox = start("".join(f"- {{fault: {status}, service: arm, nth: {number}}}\n" for status, number in rules))
    token = sandbox.token()
    assert [read_group(sandbox, token) for _ in range(4)] == [200, 409, 503, 200]


# --- in the words of the service -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 502, 503, 504, 599])
def test_resource_managers_statuses(start: Start, status: int) -> None:
    sandbox = start(f"- {{fault: {status}, service: arm, nth: 1, retry_after: 7}}")
    answer = sandbox.arm("GET", group(sandbox), version="2024-07-01")
    assert answer.status_code == status and answer.headers["Retry-After"] == "7"
    assert answer.json()["error"]["code"] and answer.json()["error"]["message"]
    assert answer.headers["x-ms-request-id"] and answer.headers["x-ms-routing-request-id"]


@pytest.mark.parametrize(("status", "code"), [(429, "AADSTS90055"), (503, "AADSTS90033"), (400, "AADSTS9002313")])
def test_entras_statuses(start: Start, status: int, code: str) -> None:
    sandbox = start(f"- {{fault: {status}, service: entra, first: 1}}")
    url = f"{sandbox.endpoint}/{sandbox.seed_data.tenant_id}/oauth2/v2.0/token"
    answer = sandbox.session.post(url, data={})
    assert answer.status_code == status and answer.json()["error_description"].startswith(code)


@pytest.mark.parametrize(("status", "code"), [(429, "TooManyRequests"), (503, "ServiceUnavailable")])
def test_graphs_statuses(start: Start, status: int, code: str) -> None:
    sandbox = start(f"- {{fault: {status}, service: graph}}")
    answer = sandbox.session.get(f"{sandbox.endpoint}/v1.0/servicePrincipals")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("status", [404, 410, 429, 500])
def test_the_metadata_services_statuses(start: Start, status: int) -> None:
    sandbox = start(f"- {{fault: {status}, service: metadata, first: 2}}")
    answer = ask_metadata(sandbox)
    assert answer.status_code == status and set(answer.json()) == {"error", "error_description"}
    assert set(ask_metadata(sandbox, "/metadata/instance?api-version=2021-02-01").json()) == {"error"}
    assert answer.headers["Server"].startswith("IMDS/")
    assert ask_metadata(sandbox).status_code == 400


def test_an_identity_that_is_not_found_for_a_while(start: Start) -> None:
    sandbox = start("- {fault: IdentityNotFound, seconds: 60}")
    machine = f"{group(sandbox)}/providers/Microsoft.Compute/virtualMachines/myVM"
    block = {"identity": {"type": "SystemAssigned"}}
    assert sandbox.arm("PATCH", machine, block, version="2024-07-01").status_code == 200
    answer = ask_metadata(sandbox)
    assert (answer.status_code, answer.json()["error_description"]) == (400, "Identity not found")
    sandbox.clock.advance(61)
    assert ask_metadata(sandbox).status_code == 200


def test_the_managed_identity_credential_says_that_no_identity_was_found(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start("- fault: IdentityNotFound")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.metadata_endpoint())
    with pytest.raises((CredentialUnavailableError, ClientAuthenticationError)):
        ManagedIdentityCredential().get_token(ARM_SCOPE)


# --- by name, through the SDK --------------------------------------------------------------------------------------


def test_the_sdk_waits_and_tries_again(start: Start) -> None:
    sandbox = start(
        "- {fault: 429, service: arm, method: PUT, nth: 1, retry_after: 1}\n"
        "- {fault: 503, service: entra, method: POST, nth: 1}\n"
        "- {fault: reset, service: arm, method: PUT, nth: 2}\n"
    )
    assert make_identity(sandbox).name == "ID1"


def test_a_principal_that_is_not_there_yet(start: Start) -> None:
    sandbox = start("- {fault: PrincipalNotFound, first: 1}")
    identity = make_identity(sandbox)
    client = sandbox.client(AuthorizationManagementClient)
    role = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    asked = {"properties": {"roleDefinitionId": role, "principalId": identity.principal_id}}
    with pytest.raises(HttpResponseError) as refused:
        client.role_assignments.create(group(sandbox), str(uuid.uuid4()), asked)
    assert refused.value.error is not None and refused.value.error.code == "PrincipalNotFound"
    assert str(identity.principal_id).replace("-", "") in refused.value.message
    made = client.role_assignments.create(group(sandbox), str(uuid.uuid4()), asked)
    assert made.principal_id == identity.principal_id


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("ScopeLocked", ResourceExistsError, "cannot perform write operation because following scope(s) are locked"),
        ("RequestDisallowedByPolicy", HttpResponseError, "Resource 'ID1' was disallowed by policy"),
        ("ReadOnlyDisabledSubscription", ResourceExistsError, "is disabled and therefore marked as read only"),
    ],
)
def test_a_refusal_of_what_changes_something(start: Start, name: str, kind: type[HttpResponseError], text: str) -> None:
    sandbox = start(f"- fault: {name}")
    with pytest.raises(kind) as refused:
        make_identity(sandbox)
    assert refused.value.error is not None and refused.value.error.code == name
    assert text in refused.value.message
    assert read_group(sandbox, sandbox.token()) == 200


def test_a_policy_tells_which_it_is(start: Start) -> None:
    sandbox = start("- fault: RequestDisallowedByPolicy")
    path = f"{group(sandbox)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    error = sandbox.arm("PUT", path, {"location": "eastus"}, version="2023-01-31").json()["error"]
    assert error["target"] == "ID1"
    [info] = [more["info"] for more in error["additionalInfo"] if more["type"] == "PolicyViolation"]
    assert info["policyAssignmentId"] in error["message"] and info["policyDefinitionEffect"] == "deny"


def test_a_claims_challenge(start: Start) -> None:
    sandbox = start("- fault: ClaimsChallenge")
    answer = sandbox.arm("PUT", f"{group(sandbox)}x", {"location": "eastus"}, version="2024-07-01")
    challenge = answer.headers["WWW-Authenticate"]
    assert answer.status_code == 401 and 'error="insufficient_claims"' in challenge
    claims = json.loads(base64.b64decode(challenge.partition('claims="')[2].partition('"')[0]))
    assert claims["access_token"]["acrs"]["essential"] is True
    with pytest.raises(ClientAuthenticationError):
        make_identity(sandbox)


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_connection_that_is_reset_has_done_nothing(start: Start) -> None:
    sandbox = start("- {fault: reset, service: arm, method: PUT, path: '*/ID1', nth: 1}")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        make_identity(sandbox, retry_total=0)
    client = sandbox.client(ManagedServiceIdentityClient)
    assert list(client.user_assigned_identities.list_by_resource_group(RESOURCE_GROUP)) == []


def test_an_answer_that_is_lost_was_kept(start: Start) -> None:
    sandbox = start("- {fault: lost, service: arm, method: PUT, path: '*/ID1', nth: 1}")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        make_identity(sandbox, retry_total=0)
    client = sandbox.client(ManagedServiceIdentityClient)
    assert [found.name for found in client.user_assigned_identities.list_by_resource_group(RESOURCE_GROUP)] == ["ID1"]


@pytest.mark.parametrize("service", ["arm", "entra", "graph", "metadata"])
def test_a_service_that_hangs_does_so_until_the_client_gives_up(start: Start, service: str) -> None:
    sandbox = start(f"- {{fault: hang, service: {service}, nth: 1}}")
    url = {
        "arm": f"{sandbox.endpoint}/subscriptions?api-version=2022-12-01",
        "entra": f"{sandbox.endpoint}/common/discovery/instance",
        "graph": f"{sandbox.endpoint}/v1.0/me",
        "metadata": f"{sandbox.metadata_endpoint()}/metadata/versions",
    }[service]
    with pytest.raises(requests.ReadTimeout):
        sandbox.session.get(url, timeout=(60, 0.5))
    assert sandbox.session.get(url, timeout=300).status_code in (200, 400, 401)


@pytest.mark.parametrize("service", ["arm", "metadata"])
def test_a_reset_is_one(start: Start, service: str) -> None:
    sandbox = start(f"- {{fault: reset, service: {service}}}")
    base = sandbox.endpoint if service == "arm" else sandbox.metadata_endpoint()
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted|EOF"):
        sandbox.session.get(f"{base}/subscriptions", timeout=300)
