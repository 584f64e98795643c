"""Run Command as Resource Manager takes it, and what it refuses before any script runs."""

from typing import Any

import pytest

from tests.support.desk import Desk, code, message
from tests.support.machines import COMPUTE, SSH, UBUNTU, Machines

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@pytest.fixture
def machines(desk: Desk) -> Machines:
    """The seeded Windows machine ``myVM``, and ``web``, a Linux one."""
    machines = Machines(desk)
    body = machines.body(
        machines.interface("web1"), image=UBUNTU, adminPassword=None, computerName="web", linuxConfiguration=SSH
    )
    assert machines.put(body, "web").status == 201
    return machines


def run(machines: Machines, body: Any, name: str = "web", **options: Any) -> Any:
    return machines.ask("POST", f"{machines.path(name)}/runCommand", body, **options)


SCRIPT = {"commandId": "RunShellScript", "script": ["true"]}


def test_it_is_off_unless_allowed_and_says_what_that_means(machines: Machines) -> None:
    answer = run(machines, SCRIPT)
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
    assert "as the user who started it" in message(answer) and "--allow-run-command" in message(answer)


def test_it_needs_its_action(machines: Machines) -> None:
    reader = machines.desk.caller("reader")
    machines.desk.grant(reader, READER, machines.desk.group)
    answer = run(machines, SCRIPT, caller=reader)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert "'Microsoft.Compute/virtualMachines/runCommand/action'" in message(answer)


@pytest.mark.parametrize(
    ("name", "command", "said"),
    [
        ("myVM", "RunShellScript", "Run command OS type 'Linux' does not match the target OS Windows."),
        ("web", "RunPowerShellScript", "Run command OS type 'Windows' does not match the target OS Linux."),
    ],
)
def test_a_command_of_the_other_system_is_refused(machines: Machines, name: str, command: str, said: str) -> None:
    answer = run(machines, {"commandId": command, "script": ["true"]}, name)
    assert (answer.status, code(answer), message(answer)) == (409, "Conflict", said)


def test_an_unknown_command_is_not_found(machines: Machines) -> None:
    answer = run(machines, {"commandId": "FormatDisk"})
    assert (answer.status, message(answer)) == (404, "The entity was not found in this Azure location.")


@pytest.mark.parametrize("operation", ["powerOff", "deallocate"])
def test_a_machine_that_does_not_run_is_refused(machines: Machines, operation: str) -> None:
    machines.ask("POST", f"{machines.path('web')}/{operation}")
    answer = run(machines, SCRIPT)
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")
    assert message(answer) == "The operation requires the VM to be running (or set to run)."


def test_a_machine_that_is_not_there_is_not_found(machines: Machines) -> None:
    assert code(run(machines, SCRIPT, "nope")) == "ResourceNotFound"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commandId": None},
        {"commandId": 7},
        {"commandId": "RunShellScript", "script": "true"},
        {"commandId": "RunShellScript", "script": [7]},
        {"commandId": "RunShellScript", "parameters": {"name": "a", "value": "b"}},
        {"commandId": "RunShellScript", "parameters": [{"name": "a"}]},
        {"commandId": "RunShellScript", "parameters": [{"name": "", "value": "b"}]},
        {"commandId": "RunShellScript", "parameters": [{"name": "a", "value": 7}]},
        {"commandId": "RunShellScript", "parameters": [{"name": "a", "value": "b\0c"}]},
        {"commandId": "RunShellScript", "parameters": [{"name": "a", "value": "\ud800"}]},
        {"commandId": "RunShellScript", "script": ["echo \ud800"]},
        {"commandId": "RunShellScript", "script": ["echo \0"]},
        {"commandId": "RunShellScript", "script": ["x" * 256 * 1024]},
    ],
)
def test_a_malformed_request_is_refused(machines: Machines, body: Any) -> None:
    answer = run(machines, body)
    assert answer.status == 400 and code(answer) in ("InvalidParameter", "InvalidRequestContent")


def test_the_commands_are_listed_and_shown(machines: Machines) -> None:
    path = f"{machines.desk.subscription}/providers/Microsoft.Compute/locations/eastus/runCommands"
    listed = machines.ask("GET", path).body["value"]
    assert [(known["id"], known["osType"]) for known in listed] == [
        ("RunShellScript", "Linux"),
        ("RunPowerShellScript", "Windows"),
    ]
    shown = machines.ask("GET", f"{path}/runshellscript").body
    assert listed[0] == {name: value for name, value in shown.items() if name not in ("script", "parameters")}
    assert shown["$schema"].startswith("http://schema.management.azure.com/") and shown["script"]
    assert machines.desk.ask("GET", f"{path}/nope", version=COMPUTE).status == 404
