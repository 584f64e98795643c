"""A machine from afar: each request is a script that Resource Manager has run on it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ResourceExistsError, ServiceResponseError

from helpers.data_files import read_data
from helpers.errors import BusyError, FinalError, explain
from helpers.names import group_and_name
from helpers.run_command.messages import (
    MachineAnswer,
    MachineRequest,
    Script,
    ScriptFailedError,
    read_answer,
    script_for,
)
from helpers.transport import METADATA_SERVICE, RETRIES
from helpers.wait import ProgressLine

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_BUSY = "execution is in progress"  # of another command; there can be one at a time
_PAUSE = 5.0  # seconds until it is tried again
_LONGEST = 900.0  # seconds, for other commands and this one
_FAULTS = read_data(__package__, "faults.yaml")


class RunCommandError(FinalError):
    """The request did not get to the machine, or no answer back."""


@dataclass(frozen=True)
class DistantMachine:
    """A machine that runs, with an agent that takes commands."""

    client: ComputeManagementClient
    vm_id: str
    script: Script

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.vm_id.rpartition("/")[2]

    def send(self, request: MachineRequest) -> MachineAnswer:
        """Send a request from the machine and return the answer; RunCommandError says why there is none.

        A GET that gets none is sent a second time, and so is one whose answer asks for that: nobody else should repeat
        what takes so long.
        """
        tries = 2 if request.method in ("GET", "HEAD") else 1
        while True:
            tries -= 1
            mark = secrets.token_hex(8)
            try:
                answer = read_answer(self._run(self.script.with_request(request.literal(mark)), request.method), mark)
            except ScriptFailedError as error:
                if not tries or error.kind != "no-answer":
                    raise _failed(error, request, self.vm_id) from error
            except AzureError as error:
                if not tries or not isinstance(error, ServiceResponseError):
                    raise _refused(error, self.vm_id) from error
            else:
                if not tries or answer.status not in RETRIES.status_forcelist:
                    return answer

    def _run(self, script: list[str], method: str) -> str:
        doing, line = f"Sending {method} from {self.name} by Run Command", ProgressLine()
        try:
            line.show(f"{doing}: 0 s")
            poller = self._begin({"commandId": self.script.command_id, "script": script}, doing, line)
            while not poller.done():
                poller.wait(1)
                line.show(f"{doing}: {line.elapsed:.0f} s")
            return "".join(str(status.message) for status in poller.result().value or ())
        finally:
            line.clear()

    def _begin(self, body: Any, doing: str, line: ProgressLine) -> Any:
        while True:
            try:
                return self.client.virtual_machines.begin_run_command(*group_and_name(self.vm_id), body)
            except ResourceExistsError as error:
                if _BUSY not in str(error):
                    raise
            if line.elapsed > _LONGEST:
                raise RunCommandError(f"Another command goes on and on running on {self.name}: try again later.")
            line.show(f"{doing}: {line.elapsed:.0f} s; another command is running there")
            time.sleep(_PAUSE)


def distant_machine(client: ComputeManagementClient, vm_id: str) -> DistantMachine:
    """Return the machine as one that requests are sent from; RunCommandError if it takes none now."""
    try:
        vm: Any = client.virtual_machines.get(*group_and_name(vm_id), expand="instanceView")
    except AzureError as error:
        raise _refused(error, vm_id) from error
    view = vm.instance_view
    if "PowerState/running" not in [status.code for status in view.statuses or ()]:
        raise RunCommandError(f"{vm.name} is not running, so it takes no commands. Start it: az vm start --ids {vm_id}")
    agent = [status.display_status for status in (view.vm_agent.statuses or () if view.vm_agent else ())]
    if "Ready" not in agent:
        raise RunCommandError(
            f"The agent on {vm.name} is not ready, and it is what runs commands: wait some minutes after the machine "
            "has started; if that does not help, see that the Azure VM agent is installed there."
        )
    return DistantMachine(client, vm_id, script_for(vm.storage_profile.os_disk.os_type))


def _refused(error: AzureError, vm_id: str) -> RunCommandError:
    """Return in words why Resource Manager did not run a command, or what it came to."""
    explained = explain(error)
    return _fault("refusals", explained.code, vm_id, explained.message)


def _failed(error: ScriptFailedError, request: MachineRequest, vm_id: str) -> RunCommandError:
    """Return in words why a script has no answer to the request."""
    address = urlsplit(request.url)
    kind = "no-metadata" if (error.kind, address.scheme) == ("no-answer", "http") else error.kind
    return _fault("failures", kind, vm_id, error.said, str(address.hostname))


def _fault(what: str, kind: str, vm_id: str, said: str, host: str = "") -> RunCommandError:
    sentence = _FAULTS[what].get(kind, _FAULTS[what]["other"])
    return RunCommandError(sentence.format(vm=vm_id.rpartition("/")[2], id=vm_id, host=host, said=said))


def busy(address: str, status: int, vm_id: str) -> BusyError:
    """Return in words that the service at ``address`` does not serve now."""
    vm = vm_id.rpartition("/")[2]
    what = f"Resource Manager answered {status} to a request from {vm}"
    if address == METADATA_SERVICE:
        what = f"The metadata service of {vm} answered {status}"
    return BusyError(f"{what}: it is busy or being updated. Run this cell again in a minute.")
