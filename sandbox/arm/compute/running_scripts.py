"""Which script of Run Command a machine is running, and how that comes to its end.

The operation's id is kept beside the machine, so that there is one at a time, and so that one whose process is gone,
for whatever reason, ends as a failed operation and not as one that never ends.
"""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud
from sandbox.guest.scripts import Ended, Script
from sandbox.state.store import Resource

_TYPE = "Microsoft.Compute/virtualMachines"
_KEPT_AS = "run_command"
_EFFECT = "vm.runCommand"
_EXTENSION = {"Linux": "RunCommandLinux", "Windows": "RunCommandWindows"}

_PREEMPTED = (
    "OperationPreempted",
    "Operation execution has been preempted by a more recent operation.",
)
_LOST = (
    "InternalExecutionError",
    "An internal execution error occurred: the sandbox was stopped while the script was running.",
)


def is_running_script(machine: Resource) -> bool:
    """Tell whether a script is running inside ``machine``."""
    return _KEPT_AS in machine.internal


def begin_script(cloud: Cloud, machine: Resource, script: Script) -> str:
    """Begin to run a script inside a machine, which is kept; return the operation's id."""
    scripts = cloud.scripts
    assert scripts is not None
    machine_id = machine.id
    operation_id = cloud.long_operations.begin(_EFFECT, machine_id, scripts.limit)
    machine.internal[_KEPT_AS] = operation_id
    cloud.store.put(machine)

    def ended(operation_id: str, what: Ended) -> None:
        with cloud.store.transaction():
            machine = cloud.store.get(machine_id)
            if machine is not None and machine.internal.get(_KEPT_AS) == operation_id:
                _finish(cloud, machine, _outcome(machine, what))
                cloud.store.put(machine)

    scripts.start(operation_id, machine_id, script, ended)
    return operation_id


def preempt_script(cloud: Cloud, machine: Resource) -> None:
    """End the script that runs inside a machine which is about to stop; the caller keeps the machine."""
    _abandon(cloud, machine, *_PREEMPTED)


def fail_lost_scripts(cloud: Cloud) -> None:
    """Fail the operations of an earlier process of the sandbox: their scripts ended with it."""
    for machine in cloud.store.list(cloud.seed_data.subscription, _TYPE):
        if is_running_script(machine):
            _abandon(cloud, machine, *_LOST)
            cloud.store.put(machine)


def declare_effects(cloud: Cloud) -> None:
    """Say what becomes of a script that takes too long."""

    def timed_out(machine_id: str) -> None:
        machine = cloud.store.get(machine_id)
        if machine is not None:
            message = (
                f"Provisioning of VM extension {_extension(machine)} has timed out. Extension provisioning has taken "
                "too long to complete. The extension did not report a message."
            )
            _abandon(cloud, machine, "VMExtensionProvisioningTimeout", message)
            cloud.store.put(machine)

    cloud.long_operations.on(_EFFECT, timed_out)


def _abandon(cloud: Cloud, machine: Resource, code: str, message: str) -> None:
    operation_id = machine.internal.get(_KEPT_AS)
    if operation_id is None:
        return
    _finish(cloud, machine, {"error": {"code": code, "message": message}})
    if cloud.scripts is not None:
        cloud.scripts.stop(operation_id)


def _finish(cloud: Cloud, machine: Resource, outcome: dict[str, Any]) -> None:
    cloud.long_operations.finish(machine.internal.pop(_KEPT_AS), outcome)


def _outcome(machine: Resource, ended: Ended) -> dict[str, Any]:
    """Return what an operation came to: a script's own failure is none of the operation's, as in Azure."""
    if not ended.begun:
        message = (
            f"VM has reported a failure when processing extension '{_extension(machine)}'. "
            f'Error message: "{ended.stderr.strip()}".'
        )
        return {"error": {"code": "VMExtensionProvisioningError", "message": message}}
    if os_type(machine) == "Windows":
        streams = (("StdOut", ended.stdout), ("StdErr", ended.stderr))
        value = [_succeeded(f"ComponentStatus/{name}/succeeded", text.rstrip()) for name, text in streams]
    else:
        message = f"Enable succeeded: \n[stdout]\n{ended.stdout}\n[stderr]\n{ended.stderr}"
        value = [_succeeded("ProvisioningState/succeeded", message)]
    return {"output": {"value": value}}


def _succeeded(code: str, message: str) -> dict[str, str]:
    return {"code": code, "level": "Info", "displayStatus": "Provisioning succeeded", "message": message}


def os_type(machine: Resource) -> str:
    """Return ``Linux`` or ``Windows``."""
    return str(machine.properties["storageProfile"]["osDisk"]["osType"])


def _extension(machine: Resource) -> str:
    return _EXTENSION[os_type(machine)]
