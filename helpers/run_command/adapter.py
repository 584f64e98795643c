"""The transport: a session whose requests leave from a machine that this kernel is not on."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import responses
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from helpers.run_command.machine import DistantMachine, RunCommandError, busy, distant_machine
from helpers.run_command.messages import MachineRequest, token_address
from helpers.transport import METADATA_SERVICE, RESOURCE_MANAGER, at_metadata_service, session_with

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

# What the two ends of a connection settle between them; and what is not to leave this computer in a script.
_NOT_SENT = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "transfer-encoding"),
        *("authorization", "cookie", "proxy-authorization"),
    }
)
_SDK = "azsdk-"  # in what credentials and clients of the SDK call themselves
_LIMITS = (1, 60)  # seconds that an answer may take on the machine, whatever the caller allows
_ELSEWHERE = (
    "A token of the machine goes to https://management.azure.com alone with reach_vm = 'run-command': for other "
    "services, open this notebook on {vm}."
)


class MachineAdapter(HTTPAdapter):
    """Sends from a machine what is for an address that is its own, or carries a token of its identities.

    Such a token has header and claims and, in place of the signature, a word: what is in this process opens nothing.
    The machine gets the token anew, and sends the request with it.
    """

    def __init__(self, machine: DistantMachine, address: str, other: HTTPAdapter | None = None) -> None:
        """``other`` sends what carries no token of the machine; ``address`` is empty for those that no token is for."""
        super().__init__()
        self._machine = machine
        self._address = address
        self._other = other

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send one request, from wherever it has to leave.

        BusyError: a credential or a client of the SDK asked, and would repeat the request after such an answer.
        """
        token_url = ""
        if self._other is not None:
            token_url = token_address(str(request.headers.get("Authorization", "")))
            if not token_url:
                return self._other.send(request, *args, **options)
        if not self._address:
            raise RunCommandError(_ELSEWHERE.format(vm=self._machine.name))
        answer = self._machine.send(self._for_machine(request, token_url, options.get("timeout")))
        if _SDK in str(request.headers.get("User-Agent", "")) and self._means_later(answer.status):
            raise busy(self._address, answer.status, self._machine.vm_id)
        raw = HTTPResponse(
            BytesIO(answer.body),
            dict(answer.headers),
            answer.status,
            reason=responses.get(answer.status),
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)

    def _means_later(self, status: int) -> bool:
        """Return whether the SDK would ask again, up to five times, each of which is a script."""
        return status == 429 or status >= 500 or (self._address == METADATA_SERVICE and status in (404, 410))

    def _for_machine(self, request: requests.PreparedRequest, token_url: str, timeout: Any) -> MachineRequest:
        body = request.body or b""
        wanted = timeout[1] if isinstance(timeout, tuple) else timeout
        shortest, longest = _LIMITS
        return MachineRequest(
            str(request.method),
            f"{self._address}{request.path_url}",
            {name: value for name, value in _texts(request.headers) if value and name.lower() not in _NOT_SENT},
            body.encode() if isinstance(body, str) else body,
            token_url,
            int(min(max(wanted or longest, shortest), longest)),
        )


def session_on(
    client: ComputeManagementClient, vm_id: str, adapters: Mapping[str, HTTPAdapter], *, trust_env: bool
) -> requests.Session:
    """Return a session as the machine has it; what leaves from here goes by ``adapters``."""
    machine = distant_machine(client, vm_id)
    print(
        f"Requests of this session leave from {machine.name}: Azure runs a script there for each, which takes some 20 "
        "seconds and is in the activity log. 04_get_token shows it."
    )
    metadata = at_metadata_service(MachineAdapter(machine, METADATA_SERVICE))
    arm = MachineAdapter(machine, RESOURCE_MANAGER, adapters.get(RESOURCE_MANAGER, HTTPAdapter()))
    session = session_with({**adapters, **metadata, RESOURCE_MANAGER: arm}, trust_env=trust_env)
    for scheme in ("https://", "http://"):
        session.mount(scheme, MachineAdapter(machine, "", HTTPAdapter()))
    return session


def _texts(headers: Mapping[str, str | bytes]) -> list[tuple[str, str]]:
    return [(name, value.decode() if isinstance(value, bytes) else value) for name, value in headers.items()]
