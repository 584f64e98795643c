"""Run Command: scripts that Resource Manager has run inside a virtual machine, and the commands there are.

The operation of a script that runs is kept beside its machine, so that there is one at a time, and so that one whose
process is gone, for whatever reason, ends as a failed operation and not as one that never ends.
"""

import shutil
from typing import Any

from rbac.folding import fold
from sandbox.arm.compute import provider
from sandbox.arm.compute.provider import LOCATION, MACHINE, NAMESPACE, check_allowed, missing
from sandbox.arm.fields import Fields
from sandbox.arm.polling import begin_operation
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import existing
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.data_files import read_data
from sandbox.core.http import Answer
from sandbox.core.resource_ids import RUN_COMMAND, VIRTUAL_MACHINE
from sandbox.guest.scripts import Ended, Script, Scripts
from sandbox.state.store import Resource

_COMMANDS = LOCATION + "/runCommands"
_TYPE = f"{NAMESPACE}/locations/runCommands"
_LONGEST_SCRIPT = 256 * 1024  # bytes

_KNOWN: dict[str, dict[str, Any]] = read_data(__file__, "run_commands.yaml")
_KEPT_AS = "run_command"
_EFFECT = "vm.runCommand"
_EXTENSION = {"Linux": "RunCommandLinux", "Windows": "RunCommandWindows"}

_on_machines = Operations(VIRTUAL_MACHINE)
_on_commands = Operations(_TYPE)


@_on_machines.operation("POST", f"{MACHINE}/runCommand", action=RUN_COMMAND, quota=provider.UPDATE)
def _run_command(call: Call) -> Answer:
    body = call.body()
    machine = existing(call, VIRTUAL_MACHINE)
    command_id = body.text("commandId")
    if command_id is None:
        raise missing("commandId")
    command = _find(command_id)
    script = _read_script(body, command)
    _check_machine(machine, command)
    scripts = _check_sandbox(call.cloud.scripts, machine, script)
    operation_id = _begin(call, scripts, machine, script)
    return Answer(202, headers=provider.follow(call, machine, operation_id))


@_on_commands.operation("GET", _COMMANDS, action=_TYPE + "/read")
def _list_commands(call: Call) -> Answer:
    details = ("script", "parameters")
    value = [{name: member for name, member in known.items() if name not in details} for known in _KNOWN.values()]
    return Answer(200, {"value": value})


@_on_commands.operation("GET", _COMMANDS + "/{command}", action=_TYPE + "/read")
def _get_command(call: Call) -> Answer:
    return Answer(200, _find(call["command"]))


operations = (*_on_machines, *_on_commands)


def _find(command_id: str) -> dict[str, Any]:
    known = _KNOWN.get(fold(command_id))
    if known is None:
        raise errors.refusal("NotFound.command")
    return known


def _read_script(body: Fields, command: dict[str, Any]) -> Script:
    lines = body.texts("script")
    parameters = {} if lines else {known["name"]: known["defaultValue"] for known in command["parameters"]}
    text = "\n".join(lines or command["script"]) + "\n"
    _check_text("script", text)
    if len(text.encode()) > _LONGEST_SCRIPT:
        raise errors.refusal("InvalidParameter.script", _LONGEST_SCRIPT)
    for given in body.objects("parameters"):
        name, value = given.text("name"), given.text("value")
        if not name or value is None:
            raise errors.refusal("InvalidParameter.scriptParameter", given.path)
        _check_text(given.path, value)
        parameters[name] = value
    return Script(text, parameters, powershell=command["osType"] == "Windows")


def _check_text(path: str, text: str) -> None:
    """Refuse what is no text to any program: JSON can hold the character NUL, and halves of characters."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise errors.refusal("InvalidParameter.text", path)


def _check_machine(machine: Resource, command: dict[str, Any]) -> None:
    check_allowed(machine, "runCommand")
    if command["osType"] != _os_type(machine):
        raise errors.refusal("Conflict.otherSystem", command["osType"], _os_type(machine))
    if machine.internal["power"] != "running":
        raise errors.refusal("OperationNotAllowed.notRunning")
    if _KEPT_AS in machine.internal:
        raise errors.refusal("Conflict.scriptRuns")


def _check_sandbox(scripts: Scripts | None, machine: Resource, script: Script) -> Scripts:
    """Refuse what would be fine in Azure, and say that it is the sandbox which refuses; return what runs scripts."""
    if scripts is None:
        raise errors.refusal("OperationNotAllowed.runCommandOff")
    if script.powershell and shutil.which("pwsh") is None:
        raise errors.refusal("OperationNotAllowed.noPowerShell", machine.body["name"])
    return scripts


def _begin(call: Call, scripts: Scripts, machine: Resource, script: Script) -> str:
    cloud, machine_id = call.cloud, machine.id
    operation_id = begin_operation(call, _EFFECT, machine_id, RUN_COMMAND, scripts.limit)
    machine.internal[_KEPT_AS] = operation_id
    cloud.store.put(machine)

    def ended(operation_id: str, what: Ended) -> None:
        with cloud.store.transaction():
            machine = cloud.store.get(machine_id)
            if machine is not None and machine.internal.get(_KEPT_AS) == operation_id:
                _finish(cloud, machine, _outcome(machine, what))
                cloud.store.put(machine)

    cloud.store.after_commit(lambda: scripts.start(operation_id, machine_id, script, ended))
    return operation_id


def preempt_script(cloud: Cloud, machine: Resource) -> None:
    """End the script that runs inside a machine which is about to stop; the caller keeps the machine."""
    _abandon(cloud, machine, errors.refusal("OperationPreempted"))


def fail_lost_scripts(cloud: Cloud) -> None:
    """Fail the operations of an earlier process of the sandbox: their scripts ended with it."""
    for machine in cloud.store.list(cloud.seed_data.subscription, VIRTUAL_MACHINE):
        if _KEPT_AS in machine.internal:
            _abandon(cloud, machine, errors.refusal("InternalExecutionError"))
            cloud.store.put(machine)


def declare_effects(cloud: Cloud) -> None:
    """Say what becomes of a script that takes too long."""

    def timed_out(machine_id: str) -> None:
        machine = cloud.store.get(machine_id)
        if machine is not None:
            _abandon(cloud, machine, errors.refusal("VMExtensionProvisioningTimeout", _extension(machine)))
            cloud.store.put(machine)

    cloud.long_operations.on(_EFFECT, timed_out)


def _abandon(cloud: Cloud, machine: Resource, why: errors.AzureError) -> None:
    operation_id = machine.internal.get(_KEPT_AS)
    if operation_id is None:
        return
    _finish(cloud, machine, why.body())
    scripts = cloud.scripts
    if scripts is not None:
        cloud.store.after_commit(lambda: scripts.stop(operation_id))


def _finish(cloud: Cloud, machine: Resource, outcome: dict[str, Any]) -> None:
    cloud.long_operations.finish(machine.internal.pop(_KEPT_AS), outcome)


def _outcome(machine: Resource, ended: Ended) -> dict[str, Any]:
    """Return what an operation came to: a script's own failure is none of the operation's, as in Azure."""
    if not ended.begun:
        return errors.refusal("VMExtensionProvisioningError", _extension(machine), ended.stderr.strip()).body()
    if _os_type(machine) == "Windows":
        streams = (("StdOut", ended.stdout), ("StdErr", ended.stderr))
        value = [_succeeded(f"ComponentStatus/{name}/succeeded", text.rstrip()) for name, text in streams]
    else:
        message = f"Enable succeeded: \n[stdout]\n{ended.stdout}\n[stderr]\n{ended.stderr}"
        value = [_succeeded("ProvisioningState/succeeded", message)]
    return {"output": {"value": value}}


def _succeeded(code: str, message: str) -> dict[str, str]:
    return {"code": code, "level": "Info", "displayStatus": "Provisioning succeeded", "message": message}


def _os_type(machine: Resource) -> str:
    return str(machine.properties["storageProfile"]["osDisk"]["osType"])


def _extension(machine: Resource) -> str:
    return _EXTENSION[_os_type(machine)]
