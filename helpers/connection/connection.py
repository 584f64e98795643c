"""The connection to Azure: the one in the cloud, or the sandbox on this computer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests
from azure.core.credentials import TokenCredential
from azure.mgmt.compute import ComputeManagementClient
from requests.adapters import HTTPAdapter

from helpers.connection.sign_in import (
    SCOPE,
    SignedIn,
    who_has,
)
from helpers.errors import DROPPED, TutorialError, explain
from helpers.names import MADE_BY, mark_of
from helpers.run_command import Script, script_of, session_on
from helpers.tables import Shown, Table, show
from helpers.transport import (
    CONNECT_LIMIT,
    METADATA_SERVICE,
    RESOURCE_MANAGER,
    check_machine,
    metadata_adapters,
    remove_other_sources,
    sdk_transport,
    session_with,
)

TARGETS = {"sandbox": "the sandbox on this computer", "azure": "Azure"}
_POLLING_INTERVALS = {"sandbox": 0.5, "azure": 5}  # seconds, where the service does not say when to ask again
_LIMITS = (CONNECT_LIMIT, 60)  # seconds, for an answer
_LOCAL_VERSION = "2024-05-28"
_STOPPED = "The virtual machine has stopped, or the sandbox has. Run the cells from the one with connect on again."


@dataclass(frozen=True, repr=False)
class Connection(Shown):
    """A signed-in connection.

    Attributes:
        target: ``"sandbox"`` or ``"azure"``.
        credential: The sign-in, for the clients of the Azure SDK.
        subscription: The subscription that the notebooks work in, as Resource Manager describes it.
        reach_vm: Whence the requests of a machine's session leave: ``"here"``, or by ``"run-command"`` the machine.
    """

    target: str
    credential: TokenCredential
    subscription: Mapping[str, Any] = field(default_factory=dict)
    reach_vm: str = "here"
    _adapters: Mapping[str, HTTPAdapter] = field(default_factory=dict)

    @cached_property
    def signed_in(self) -> SignedIn:
        """Who is signed in."""
        return who_has(self.credential.get_token(SCOPE).token)

    @property
    def subscription_id(self) -> str:
        """The subscription's GUID."""
        return str(self.subscription["subscriptionId"])

    def mark(self, resource_group: str, name: str = "") -> str:
        """Return what marks a thing in the group, or the group itself, as made by the course for who is signed in.

        A mark that was copied from another thing, or inherited from the group, is not the thing's own.
        """
        return mark_of(self.subscription_id, resource_group, name, self.signed_in.object_id)

    def tags(self, resource_group: str, name: str = "") -> dict[str, str]:
        """Return the tags of a thing in the group, or of the group itself, that the course makes."""
        return {"made-by": MADE_BY, "made-for": self.mark(resource_group, name)}

    def session(self) -> requests.Session:
        """Return a session of requests in which ``https://management.azure.com`` leads to this Azure."""
        return session_with(self._adapters, trust_env=self.target == "azure")

    @cached_property
    def client_options(self) -> Mapping[str, Any]:
        """What a management client needs besides, so that its requests leave as those of a session do.

        ``ComputeManagementClient(connection.credential, connection.subscription_id, **connection.client_options)``
        """
        pauses = {"polling_interval": _POLLING_INTERVALS[self.target], "retry_connect": 0}
        return {"transport": sdk_transport(self.session()), **pauses}

    def on_vm(self, vm_id: str) -> requests.Session:
        """Return a session as the machine has it: ``http://169.254.169.254`` is that machine's metadata service.

        It is for clients of the SDK, too: ``transport=RequestsTransport(session=…)``. Where its requests leave from
        is what ``reach_vm`` says; in the sandbox, any kernel on this computer may stand in for the machine.

        Raises:
            TutorialError: This is not the machine, or the machine is not running.
        """
        remove_other_sources()
        in_cloud = self.target == "azure"
        if self.reach_vm == "run-command":
            return session_on(self._compute, vm_id, self._adapters, trust_env=in_cloud)
        metadata = metadata_adapters(METADATA_SERVICE) if in_cloud else self._metadata_adapters(vm_id)
        session = session_with({**self._adapters, **metadata}, trust_env=in_cloud)
        if in_cloud:
            check_machine(session, vm_id)
        return session

    def script(self, vm_id: str) -> Script:
        """Return what Run Command has the machine run for each request, if that is how it is reached."""
        return script_of(self._compute, vm_id)

    def arm(self, method: str, path: str, api_version: str = "", body: Any = None) -> requests.Response:
        """Send one request to Resource Manager as the one who signed in; refusals are answers too.

        Raises:
            SignInError: Nobody is signed in.
            TutorialError: No answer came.
        """
        headers = {"Authorization": f"Bearer {self.credential.get_token(SCOPE).token}"}
        params = {"api-version": api_version} if api_version else None
        given: dict[str, Any] = {"params": params, "headers": headers, "json": body, "timeout": _LIMITS}
        try:
            return self.session().request(method, f"{RESOURCE_MANAGER}{path}", **given)
        except DROPPED as error:
            raise TutorialError(f"No answer came from {RESOURCE_MANAGER}. {explain(error).advice}") from error

    @property
    def _compute(self) -> ComputeManagementClient:
        return ComputeManagementClient(self.credential, self.subscription_id, **self.client_options)

    def _metadata_adapters(self, vm_id: str) -> Mapping[str, HTTPAdapter]:
        answer = self.arm("GET", f"{vm_id}/providers/Sandbox.Local/metadataService", _LOCAL_VERSION)
        if not answer.ok:
            raise TutorialError(f"The machine cannot be entered. {explain(answer).message}")
        return metadata_adapters(answer.json()["properties"]["endpoint"], _STOPPED)

    def _table(self) -> Table:
        found, who = self.subscription, self.signed_in
        where = {"Connected to": TARGETS[self.target], "Signed in as": f"{who.name} ({who.kind})"}
        ids = {"Subscription id": self.subscription_id, "Tenant id": found["tenantId"]}
        return show({**where, "Subscription": found["displayName"], **ids})
