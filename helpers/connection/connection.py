"""The connection to Azure: the one in the cloud, or the sandbox on this computer."""

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import requests
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from requests.adapters import HTTPAdapter

from helpers import transport
from helpers.connection.settings import points_to_sandbox, sandbox_settings
from helpers.connection.sign_in import WAYS, RememberingCredential, SignedIn, Way, azure_credential, token_of, who_has
from helpers.connection.subscriptions import active_in_az, choose_subscription
from helpers.errors import TutorialError, explain
from helpers.names import MADE_BY, ParameterError, check_names
from helpers.run_command import session_on
from helpers.tables import Shown, Table, show

Client = TypeVar("Client")

_TARGETS = {"sandbox": "the sandbox on this computer", "azure": "Azure"}
_POLLING_INTERVALS = {"sandbox": 0.5, "azure": 5}  # seconds, where the service does not say when to ask again
_LIMITS = (transport.CONNECT_LIMIT, 60)  # seconds, for an answer
_LOCAL_VERSION = "2024-05-28"
_STOPPED = "The virtual machine has stopped, or the sandbox has. Run the cells again, from the one with connect on."


@dataclass(frozen=True, repr=False)
class Connection(Shown):
    """A signed-in connection."""

    target: str  # "sandbox" or "azure"
    credential: TokenCredential  # for the clients of the Azure SDK
    subscription: Mapping[str, Any] = field(default_factory=dict)  # that one works in, as Resource Manager describes it
    reach_vm: str = "here"  # this kernel runs on the machine; "run-command": Azure runs scripts there
    _adapters: Mapping[str, HTTPAdapter] = field(default_factory=dict)

    @cached_property
    def signed_in(self) -> SignedIn:
        """Who is signed in."""
        return who_has(token_of(self.credential))

    @property
    def subscription_id(self) -> str:
        """The subscription's GUID."""
        return str(self.subscription["subscriptionId"])

    def mark(self, resource_group: str, name: str = "") -> str:
        """Return what marks a thing in the group, or the group itself, as made by the course for who is signed in.

        A mark that was copied from another thing, or inherited from the group, is not the thing's own.
        """
        who_where_what = (self.subscription_id, resource_group, name, self.signed_in.object_id)
        return f"{MADE_BY} {uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(who_where_what).casefold())}"

    def tags(self, resource_group: str, name: str = "") -> dict[str, str]:
        """Return the tags of a thing in the group, or of the group itself, that the course makes."""
        return {"made-by": MADE_BY, "made-for": self.mark(resource_group, name)}

    def session(self) -> requests.Session:
        """Return a session of requests in which ``https://management.azure.com`` leads to this Azure."""
        return transport.session_with(self._adapters, trust_env=self.target == "azure")

    @cached_property
    def client_options(self) -> Mapping[str, Any]:
        """What a management client needs besides, so that its requests leave as those of a session do."""
        waits = {"polling_interval": _POLLING_INTERVALS[self.target], "retry_connect": 0}
        return {"transport": transport.sdk_transport(self.session()), **waits}

    def client(self, kind: Callable[..., Client]) -> Client:
        """Return a management client of this kind."""
        return kind(self.credential, self.subscription_id, **self.client_options)

    def on_vm(self, vm_id: str) -> requests.Session:
        """Return a session as the machine has it: ``http://169.254.169.254`` is that machine's metadata service.

        It is for clients of the SDK, too: ``transport=RequestsTransport(session=…)``. Where its requests leave from
        is what ``reach_vm`` says; in the sandbox, any kernel on this computer may stand in for the machine.
        """
        transport.remove_other_sources()
        in_cloud = self.target == "azure"
        if self.reach_vm == "run-command":
            from azure.mgmt.compute import ComputeManagementClient  # a third of what importing this would take

            return session_on(self.client(ComputeManagementClient), vm_id, self._adapters, trust_env=in_cloud)
        adapters = {**self._adapters, **transport.at_metadata_service(self._metadata_adapter(vm_id))}
        session = transport.session_with(adapters, trust_env=in_cloud)
        if in_cloud:
            transport.check_machine(session, vm_id)
        return session

    def arm(self, method: str, path: str, api_version: str = "", body: Any = None) -> requests.Response:
        """Send one request to Resource Manager as the one who signed in, and return its answer or refusal."""
        headers = {"Authorization": f"Bearer {token_of(self.credential)}"}
        params = {"api-version": api_version} if api_version else None
        return transport.ask(self.session(), method, path, params=params, headers=headers, json=body, timeout=_LIMITS)

    def _metadata_adapter(self, vm_id: str) -> HTTPAdapter:
        if self.target == "azure":
            return transport.FixedAddressAdapter(transport.METADATA_SERVICE)
        answer = self.arm("GET", f"{vm_id}/providers/Sandbox.Local/metadataService", _LOCAL_VERSION)
        if not answer.ok:
            raise TutorialError(f"The machine cannot be entered. {explain(answer).message}")
        return transport.FixedAddressAdapter(answer.json()["properties"]["endpoint"], stopped=_STOPPED)

    def _table(self) -> Table:
        found, who = self.subscription, self.signed_in
        where = {"Connected to": _TARGETS[self.target], "Signed in as": f"{who.name} ({who.kind})"}
        ids = {"Subscription id": self.subscription_id, "Tenant id": found["tenantId"]}
        return show({**where, "Subscription": found["displayName"], **ids})


def connect(
    target: str = "sandbox", subscription_id: str = "", *, sign_in: Way = "auto", reach_vm: str = "here"
) -> Connection:
    """Sign in and choose the subscription.

    Args:
        target: ``"sandbox"``: the one that the environment points to, else one on this computer, started if need
            be. ``"azure"``: the public cloud.
        subscription_id: Its GUID. Empty: the one that ``AZURE_SUBSCRIPTION_ID`` names, or that the Azure CLI works
            in, or the only one that is enabled; in the sandbox its own.
        sign_in: How to sign in to Azure: by name, or a function that returns a credential. ``"auto"``: a pipeline's
            workload identity federation, or what ``DefaultAzureCredential`` finds but for the managed identity of the
            machine that the kernel may run on.
        reach_vm: ``"here"`` if this kernel runs on the machine. ``"run-command"`` has scripts run on it, as root or
            SYSTEM. Any kernel on this computer reaches the machines of the sandbox.
    """
    known = {"target": (target, _TARGETS), "sign_in": (sign_in, WAYS), "reach_vm": (reach_vm, ("here", "run-command"))}
    for name, (value, values) in known.items():
        if not callable(value) and value not in values:
            raise ParameterError(f"{name} = {value!r} is not known. It is {' or '.join(map(repr, values))}.")
    if subscription_id:
        check_names(subscription_id=subscription_id)
    in_cloud = target == "azure"
    connection = _connect_to_azure(subscription_id, sign_in) if in_cloud else _connect_to_sandbox(subscription_id)
    return replace(connection, reach_vm=reach_vm)


def _connect_to_sandbox(subscription_id: str) -> Connection:
    settings = sandbox_settings()
    adapters = {
        literal: transport.FixedAddressAdapter(address, settings.ca_file, stopped=settings.stopped)
        for literal, address in ((transport.RESOURCE_MANAGER, settings.endpoint), (transport.ENTRA, settings.authority))
    }
    credential = ClientSecretCredential(
        *(settings.tenant_id, settings.client_id, settings.client_secret),
        authority=transport.ENTRA,
        disable_instance_discovery=True,
        transport=transport.sdk_transport(transport.session_with(adapters, trust_env=False)),
    )
    connection = Connection("sandbox", RememberingCredential("sandbox", credential), _adapters=adapters)
    wanted = subscription_id or settings.subscription_id
    return replace(connection, subscription=choose_subscription(connection.arm, wanted))


def _connect_to_azure(subscription_id: str, sign_in: Way) -> Connection:
    if points_to_sandbox():
        raise TutorialError(
            "target is 'azure', but the environment points to a sandbox. Take what 'python -m sandbox env' set out "
            "of the environment, beginning with AZURE_RESOURCE_MANAGER_ENDPOINT, and restart the kernel."
        )
    wanted = subscription_id or os.environ.get("AZURE_SUBSCRIPTION_ID", "")
    # One, so that all sessions share its connections.
    adapters = {transport.RESOURCE_MANAGER: HTTPAdapter(max_retries=transport.RETRIES)}
    connection = Connection("azure", azure_credential(sign_in), _adapters=adapters)
    # Signing in would try for a minute where nothing can be reached.
    transport.ask(connection.session(), "GET", "/subscriptions", timeout=transport.CONNECT_LIMIT)
    preferred = "" if wanted else active_in_az(connection.signed_in.tenant_id)
    return replace(connection, subscription=choose_subscription(connection.arm, wanted, preferred))
