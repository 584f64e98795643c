"""The connection to Azure: the one in the cloud, or the sandbox on this computer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

from helpers import vm
from helpers.errors import TutorialError, explain
from helpers.names import check_names
from helpers.sessions import (
    METADATA_SERVICE,
    RESOURCE_MANAGER,
    LoopbackAdapter,
    routes_to,
    session_to,
    shared_transport,
)
from helpers.settings import SandboxSettings, points_to_sandbox, sandbox_settings
from helpers.tables import Table, show

_SCOPE = f"{RESOURCE_MANAGER}/.default"
_TARGETS = {"sandbox": "the sandbox on this computer", "azure": "Azure"}
_SLOW_CLI = 60  # seconds; the default of 10 is too short for a cold Azure CLI
_ANSWER_LIMIT = 60  # seconds
_SHOWN = 10  # subscriptions


@dataclass(frozen=True)
class Azure:
    """A signed-in connection.

    Attributes:
        target: ``"sandbox"`` or ``"azure"``.
        credential: The sign-in, for the clients of the Azure SDK.
        subscription: The subscription that the notebooks work in, as Resource Manager describes it.
        client_options: What a management client needs besides:
            ``ComputeManagementClient(azure.credential, azure.subscription_id, **azure.client_options)``.
    """

    target: str
    credential: TokenCredential = field(repr=False)
    client_options: Mapping[str, Any] = field(repr=False)
    subscription: Mapping[str, Any] = field(repr=False, default_factory=dict)
    _sandbox: SandboxSettings | None = field(repr=False, default=None)

    @property
    def subscription_id(self) -> str:
        """The subscription's GUID."""
        return str(self.subscription["subscriptionId"])

    def session(self) -> requests.Session:
        """Return a session of requests in which Azure's literal addresses work.

        They are ``https://management.azure.com`` and ``https://login.microsoftonline.com``.
        """
        return session_to(self._routes) if self._sandbox else requests.Session()

    def on_vm(self, vm_id: str) -> requests.Session:
        """Return a session as the machine has it: ``http://169.254.169.254`` is that machine's metadata service.

        From here on ``ManagedIdentityCredential`` asks the same service. On Azure this notebook has to run on the
        machine itself; in the sandbox any kernel on this computer may stand in for it.

        Args:
            vm_id: The machine's resource id.

        Raises:
            TutorialError: This is not the machine, or it is not running.
        """
        if self._sandbox is None:
            return vm.be_on(vm_id)
        answer = self.arm("GET", f"{vm_id}/providers/Sandbox.Local/metadataService", "2024-05-28")
        if not answer.ok:
            raise TutorialError(f"The machine cannot be entered. {explain(answer).message}")
        address = answer.json()["properties"]["endpoint"]
        vm.stand_in(address)
        return session_to({**self._routes, METADATA_SERVICE: LoopbackAdapter(address, self._sandbox.ca_file)})

    def arm(self, method: str, path: str, api_version: str, body: object = None) -> requests.Response:
        """Send one request to Resource Manager with this sign-in; ``path`` is a resource id. Refusals are answers too.

        Raises:
            TutorialError: Nobody is signed in.
        """
        try:
            token = self.credential.get_token(_SCOPE).token
        except ClientAuthenticationError as error:
            raise TutorialError(
                "Signing in to Azure did not work. In a terminal, 'az login' signs in (with --use-device-code "
                f"where no browser can open); then run this cell again. {explain(error)}"
            ) from error
        return self.session().request(
            method,
            f"{RESOURCE_MANAGER}{path}?api-version={api_version}",
            headers={"Authorization": f"Bearer {token}"},
            json=body,
            timeout=_ANSWER_LIMIT,
        )

    @cached_property
    def _routes(self) -> dict[str, LoopbackAdapter]:
        return routes_to(self._sandbox) if self._sandbox else {}

    def _table(self) -> Table:
        return show(
            {
                "Connected to": _TARGETS[self.target],
                "Subscription": self.subscription["displayName"],
                "Subscription id": self.subscription_id,
                "Tenant id": self.subscription["tenantId"],
            }
        )

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def connect(target: str = "sandbox", subscription_id: str = "") -> Azure:
    """Sign in and choose the subscription.

    Args:
        target: ``"sandbox"``: the one that the environment points to, else one on this computer, started if need
            be. ``"azure"``: the public cloud, with whatever sign-in ``DefaultAzureCredential`` finds, except that
            of a machine the kernel may run on: the sign-in stands for a person here.
        subscription_id: Its GUID. Empty: the sandbox's, or the only one that the sign-in sees.

    Raises:
        ValueError: There is no such target, or the id is no GUID.
        TutorialError: The sandbox does not start, nobody is signed in, or the subscription is not to be seen.
    """
    if target not in _TARGETS:
        raise ValueError(f"target = {target!r} is not known. It is 'sandbox' or 'azure'.")
    if subscription_id:
        check_names(subscription_id=subscription_id)
    azure = _to_sandbox(sandbox_settings()) if target == "sandbox" else _to_cloud()
    wanted = subscription_id or (azure._sandbox.subscription_id if azure._sandbox else "")
    return Azure(azure.target, azure.credential, azure.client_options, _subscription(azure, wanted), azure._sandbox)


def _to_sandbox(settings: SandboxSettings) -> Azure:
    transport = {"transport": shared_transport(connection_verify=settings.ca_file, use_env_settings=False)}
    credential = ClientSecretCredential(
        settings.tenant_id,
        settings.client_id,
        settings.client_secret,
        authority=settings.authority,
        disable_instance_discovery=True,
        **transport,
    )
    # The pace is for a sandbox that takes its time; one that does not says itself how soon to ask again.
    options = {"base_url": settings.endpoint, "credential_scopes": [_SCOPE], "polling_interval": 0.5, **transport}
    return Azure("sandbox", credential, options, _sandbox=settings)


def _to_cloud() -> Azure:
    if points_to_sandbox():
        raise TutorialError(
            "target is 'azure', but the environment points to a sandbox. Take what 'python -m sandbox env' set out "
            "of the environment, beginning with AZURE_RESOURCE_MANAGER_ENDPOINT, and restart the kernel."
        )
    credential = DefaultAzureCredential(exclude_managed_identity_credential=True, process_timeout=_SLOW_CLI)
    return Azure("azure", credential, {"polling_interval": 5, "transport": shared_transport()})


def _subscription(azure: Azure, wanted: str) -> Mapping[str, Any]:
    """Return the subscription ``wanted``, or the only one there is if that is empty."""
    if wanted:
        answer = azure.arm("GET", f"/subscriptions/{wanted}", "2022-12-01")
        if answer.ok:
            found: dict[str, Any] = answer.json()
            return found
    answer = azure.arm("GET", "/subscriptions", "2022-12-01")
    if not answer.ok:
        raise TutorialError(f"The subscriptions could not be listed.\n{explain(answer)}")
    seen: list[dict[str, Any]] = answer.json()["value"]
    if len(seen) == 1 and not wanted:
        return seen[0]
    if not seen:
        raise TutorialError("The sign-in sees no subscription: ask for a role in one, or sign in as somebody else.")
    listed = "\n".join(f"  {each['subscriptionId']}  {each['displayName']}" for each in seen[:_SHOWN])
    why = f"The sign-in does not see the subscription {wanted}" if wanted else "The sign-in sees several subscriptions"
    raise TutorialError(f"{why}. Set subscription_id to one of these:\n{listed}")
