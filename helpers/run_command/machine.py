"""A machine from afar: each request is a script that Resource Manager has run on it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceExistsError, ServiceResponseError
from azure.mgmt.core.tools import parse_resource_id

from helpers.errors import TutorialError
from helpers.run_command.faults import RunCommandError, failed, refused
from helpers.run_command.messages import MachineAnswer, MachineRequest, ScriptFailedError, read_answer
from helpers.run_command.scripts import Script, script_for
from helpers.transport import RETRIES

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_BUSY = "execution is in progress"  # of another command; there can be one at a time
_PAUSE = 5.0  # seconds until it is tried again
_LONGEST = 900.0  # seconds, for other commands and this one
_REPEATABLE = ("GET", "HEAD")


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
        """Send a request from the machine and return the answer.

        A GET that gets none is sent a second time, and so is one whose answer asks for that: nobody else should repeat
        what takes so long.

        Raises:
            RunCommandError: There is no answer; the message says what to do.
        """
        tries = 2 if request.method in _REPEATABLE else 1
        while True:
            tries -= 1
            mark = secrets.token_hex(8)
            try:
                answer = read_answer(self._run(self.script.with_request(request.literal(mark)), request), mark)
            except ScriptFailedError as error:
                if not tries or error.kind != "no-answer":
                    raise failed(error, request, self.vm_id) from error
            except TutorialError:
                raise
            except AzureError as error:
                if not tries or not isinstance(error, ServiceResponseError):
                    raise refused(error, self.vm_id) from error
            else:
                if not tries or answer.status not in RETRIES.status_forcelist:
                    return answer

    def _run(self, script: list[str], request: MachineRequest) -> str:
        body: Any = {"commandId": self.script.command_id, "script": script}
        with _Progress(f"Sending {request.method} from {self.name} by Run Command") as progress:
            poller = self._begin(body, progress)
            while not poller.done():
                poller.wait(1)
                progress.show()
            statuses = poller.result().value or ()
        return "".join(str(status.message) for status in statuses)

    def _begin(self, body: Any, progress: _Progress) -> Any:
        while True:
            try:
                return self.client.virtual_machines.begin_run_command(*_names(self.vm_id), body)
            except ResourceExistsError as error:
                if _BUSY not in str(error):
                    raise
            if progress.elapsed > _LONGEST:
                raise RunCommandError(f"Another command goes on and on running on {self.name}: try again later.")
            progress.show("; another command is running there")
            time.sleep(_PAUSE)


def distant_machine(client: ComputeManagementClient, vm_id: str) -> DistantMachine:
    """Return the machine as one that requests are sent from.

    Raises:
        RunCommandError: It is not there, does not run, or its agent takes no commands.
    """
    vm = _find(client, vm_id)
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


def script_of(client: ComputeManagementClient, vm_id: str) -> Script:
    """Return the script for the machine's operating system.

    Raises:
        RunCommandError: The machine is not there.
    """
    return script_for(_find(client, vm_id).storage_profile.os_disk.os_type)


def _find(client: ComputeManagementClient, vm_id: str) -> Any:
    try:
        return client.virtual_machines.get(*_names(vm_id), expand="instanceView")
    except TutorialError:
        raise
    except AzureError as error:
        raise refused(error, vm_id) from error


def _names(vm_id: str) -> tuple[str, str]:
    parts = parse_resource_id(vm_id)
    return str(parts["resource_group"]), str(parts["name"])


class _Progress:
    """One line that says what goes on and for how long, and is gone in the end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._shown = ""

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def show(self, more: str = "") -> None:
        line = f"{self._what}: {self.elapsed:.0f} s{more}"
        print(f"\r{line.ljust(len(self._shown))}", end="", flush=True)
        self._shown = line

    def __enter__(self) -> _Progress:
        self.show()
        return self

    def __exit__(self, *exception: object) -> None:
        print(f"\r{' ' * len(self._shown)}\r", end="", flush=True)
