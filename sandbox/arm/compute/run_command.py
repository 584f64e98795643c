"""Run Command: scripts that Resource Manager has run inside a virtual machine, and the commands there are."""

from __future__ import annotations

import shutil
from typing import Any

from rbac.folding import fold
from sandbox.arm import versions
from sandbox.arm.compute import compute
from sandbox.arm.compute.running_scripts import begin_script, is_running_script, os_type
from sandbox.arm.compute.vm_states import TYPE, check_allowed
from sandbox.arm.fields import Fields
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import existing
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.guest.scripts import Script
from sandbox.state.store import Resource

_MACHINE = "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/" + TYPE + "/{name}"
_COMMANDS = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/runCommands"
_READ = "Microsoft.Compute/locations/runCommands/read"
_LONGEST_SCRIPT = 256 * 1024  # bytes

_SHELL = {
    "id": "RunShellScript",
    "osType": "Linux",
    "label": "Executes a Linux shell script",
    "description": "Custom multiline shell script should be defined in script property. Optional parameters can be "
    "set in parameters property.",
    "script": ["echo This is a sample script", "echo Optional parameters: $0 $@"],
    "parameters": [],
}
_POWERSHELL = {
    "id": "RunPowerShellScript",
    "osType": "Windows",
    "label": "Executes a PowerShell script",
    "description": "Custom multiline PowerShell script should be defined in script property. Optional parameters can "
    "be set in parameters property.",
    "script": [
        "param(",
        "    [string]$arg1,",
        "    [string]$arg2",
        ")",
        "Write-Host This is a sample script with parameters $arg1 $arg2",
    ],
    "parameters": [
        {"name": "arg1", "type": "string", "defaultValue": "value1"},
        {"name": "arg2", "type": "string", "defaultValue": "value2"},
    ],
}
_SCHEMA = {"$schema": "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json"}
_KNOWN: dict[str, dict[str, Any]] = {"runshellscript": _SCHEMA | _SHELL, "runpowershellscript": _SCHEMA | _POWERSHELL}

_on_machines = Operations(TYPE, versions.COMPUTE)
_on_commands = Operations("Microsoft.Compute/locations/runCommands", versions.COMPUTE)


@_on_machines.operation("POST", f"{_MACHINE}/runCommand", action=f"{TYPE}/runCommand/action", quota=compute.UPDATE)
def run_command(call: Call) -> Answer:
    """Begin to run a script inside a machine."""
    body = Fields(call.json(), "")
    machine = existing(call, TYPE)
    command = _find(_command_id(body))
    script = _read_script(body, command)
    _check_machine(machine, command)
    _check_sandbox(call, machine, script)
    operation_id = begin_script(call.cloud, machine, script)
    return Answer(202, headers=compute.follow(call, machine, operation_id))


@_on_commands.operation("GET", _COMMANDS, action=_READ)
def list_commands(call: Call) -> Answer:
    """Answer the commands there are."""
    details = ("script", "parameters")
    return Answer(
        200,
        {"value": [{k: v for k, v in known.items() if k not in details} for known in _KNOWN.values()]},
    )


@_on_commands.operation("GET", _COMMANDS + "/{command}", action=_READ)
def get_command(call: Call) -> Answer:
    """Answer one command with its sample script."""
    return Answer(200, _find(call["command"]))


operations = (*_on_machines, *_on_commands)


def _command_id(body: Fields) -> str:
    command_id = body.text("commandId")
    if command_id is None:
        raise errors.invalid_parameter("Required parameter 'commandId' is missing (null).")
    return command_id


def _find(command_id: str) -> dict[str, Any]:
    known = _KNOWN.get(fold(command_id))
    if known is None:
        raise errors.AzureError(404, "NotFound", "The entity was not found in this Azure location.")
    return known


def _read_script(body: Fields, command: dict[str, Any]) -> Script:
    lines = body.texts("script")
    parameters = {} if lines else {known["name"]: known["defaultValue"] for known in command["parameters"]}
    text = "\n".join(lines or command["script"]) + "\n"
    _check_text("script", text)
    if len(text.encode()) > _LONGEST_SCRIPT:
        raise errors.invalid_parameter(f"The script is longer than the {_LONGEST_SCRIPT} bytes that are allowed.")
    for given in body.objects("parameters"):
        name, value = given.text("name"), given.text("value")
        if not name or value is None:
            raise errors.invalid_parameter(f"The parameter '{given.path}' must have a name and a value.")
        _check_text(given.path, value)
        parameters[name] = value
    return Script(text, parameters, powershell=command["osType"] == "Windows")


def _check_text(path: str, text: str) -> None:
    """Refuse what is no text to any program: JSON can hold the character NUL, and halves of characters."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise errors.invalid_parameter(f"The property '{path}' must hold Unicode characters other than NUL.")


def _check_machine(machine: Resource, command: dict[str, Any]) -> None:
    check_allowed(machine, "runCommand")
    if command["osType"] != os_type(machine):
        raise errors.conflict(
            "Conflict", f"Run command OS type '{command['osType']}' does not match the target OS {os_type(machine)}."
        )
    if machine.internal["power"] != "running":
        raise errors.conflict("OperationNotAllowed", "The operation requires the VM to be running (or set to run).")
    if is_running_script(machine):
        raise errors.conflict(
            "Conflict",
            "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
        )


def _check_sandbox(call: Call, machine: Resource, script: Script) -> None:
    """Refuse what would be fine in Azure, and say that it is the sandbox which refuses."""
    if call.cloud.scripts is None:
        raise errors.conflict(
            "OperationNotAllowed",
            "Run Command is off in this sandbox, since it would run a program on the computer that the sandbox is on, "
            "as the user who started it. To allow that, start the sandbox with --allow-run-command.",
        )
    if script.powershell and shutil.which("pwsh") is None:
        raise errors.conflict(
            "OperationNotAllowed",
            f"The script for '{machine.body['name']}' needs PowerShell, and there is no program 'pwsh' on the computer "
            "that the sandbox is on.",
        )
