"""Run Command: scripts that really run inside a machine, asked for through Resource Manager."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute import ComputeManagementClient

from tests.sandbox.guest.lab import GROUP, Lab
from tests.sandbox.guest.launchers import WITHOUT_NAMESPACES
from tests.sandbox.guest.processes import processes_named, wait_until

pytestmark = pytest.mark.usefixtures("namespaces")

SUCCEEDED = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
VALUES = ["plain", "two words", "$(id)", "`id`", "'; id; '", 'a"b', "", "-n", "*", "\\", "new\nline", "ünï", "$HOME"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A sandbox that runs scripts, with two Linux machines."""
    lab = Lab(tmp_path_factory.mktemp("scripts") / "state", "--allow-run-command")
    try:
        for name in ("web", "batch"):
            lab.add_linux_machine(name)
        yield lab
    finally:
        lab.run("stop")


@pytest.fixture
def client(lab: Lab) -> ComputeManagementClient:
    return ComputeManagementClient(
        lab.credential(),
        lab.seed_data.subscription_id,
        base_url=lab.endpoint,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=lab.ca,
    )


def run(client: ComputeManagementClient, *script: str, machine: str = "web", **parameters: str) -> Any:
    given = [{"name": name, "value": value} for name, value in parameters.items()]
    body: Any = {"commandId": "RunShellScript", "script": list(script), "parameters": given}
    return client.virtual_machines.begin_run_command(GROUP, machine, body)


def streams(poller: Any) -> tuple[str, str]:
    """What a script wrote to its two streams."""
    (status,) = poller.result(timeout=300).value
    before, _, rest = status.message.partition("\n[stdout]\n")
    stdout, _, stderr = rest.rpartition("\n[stderr]\n")
    assert before == "Enable succeeded: "
    return stdout, stderr


def begin(lab: Lab, script: str, machine: str = "web") -> requests.Response:
    answer = lab.ask("POST", f"{lab.machine(machine)}/runCommand", {"commandId": "RunShellScript", "script": [script]})
    assert answer.status_code == 202, answer.text
    return answer


def wait_for_process(mark: str) -> None:
    wait_until(lambda: bool(processes_named(mark)))


# --- what a script gets and gives --------------------------------------------------------------------------------


def test_a_script_runs_inside_the_machine(client: ComputeManagementClient) -> None:
    url = "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text"
    for machine in ("web", "batch"):
        stdout, _ = streams(run(client, "hostname", f"curl -sS -H Metadata:true '{url}'", machine=machine))
        assert stdout == f"{machine}\n{machine}"


def test_the_operation_is_followed_as_in_azure(lab: Lab) -> None:
    answer = begin(lab, "echo out; echo err >&2; exit 3")
    assert answer.content == b""
    status = lab.wait(answer)
    value = [{**SUCCEEDED, "message": "Enable succeeded: \n[stdout]\nout\n\n[stderr]\nerr\n"}]
    assert set(status) == {"startTime", "endTime", "status", "properties", "name"}
    assert (status["status"], status["properties"]) == ("Succeeded", {"output": {"value": value}})
    result = lab.ask("GET", answer.headers["location"])
    assert (result.status_code, result.json()) == (200, {"value": value})


def test_an_operation_that_goes_on_says_so(lab: Lab, tmp_path: Path) -> None:
    end = tmp_path / "end"
    answer = begin(lab, f"until test -e '{end}'; do sleep 0.05; done")
    pending = lab.ask("GET", answer.headers["azure-asyncoperation"]).json()
    assert set(pending) == {"startTime", "status", "name"} and pending["status"] == "InProgress"
    result = lab.ask("GET", answer.headers["location"])
    assert (result.status_code, result.content) == (202, b"")
    end.touch()
    assert lab.wait(answer)["status"] == "Succeeded"


def test_parameters_come_by_position_and_by_name_and_are_never_run(client: ComputeManagementClient) -> None:
    program = "import json, os, sys; print(json.dumps([sys.argv[1:], [os.environ[f'given{i}'] for i in range(13)]]))"
    parameters = {f"given{number}": value for number, value in enumerate(VALUES)}
    stdout, stderr = streams(run(client, f'{shlex.quote(sys.executable)} -c "{program}" "$@"', **parameters))
    assert (json.loads(stdout), stderr) == ([VALUES, VALUES], "")


def test_a_parameter_whose_name_is_no_variables_comes_by_position(client: ComputeManagementClient) -> None:
    stdout, stderr = streams(run(client, 'echo "$1" "$2"', **{"-e; id": "first", "a b": "second"}))
    assert (stdout, stderr) == ("first second\n", "")


def test_lines_ended_as_on_windows_are_no_trouble(client: ComputeManagementClient) -> None:
    assert streams(run(client, "if true\r\nthen echo yes\r\nfi")) == ("yes\n", "")


def test_the_first_line_may_name_another_interpreter(client: ComputeManagementClient, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)  # whose own name may have spaces, which a first line cannot
    assert streams(run(client, f"#!{python}", "print(6 * 7)")) == ("42\n", "")


def test_without_a_script_the_sample_runs(client: ComputeManagementClient) -> None:
    poller = client.virtual_machines.begin_run_command(GROUP, "web", {"commandId": "RunShellScript"})
    assert streams(poller)[0].startswith("This is a sample script\nOptional parameters: ")


def test_the_last_4096_bytes_of_each_stream_are_kept(client: ComputeManagementClient) -> None:
    stdout, stderr = streams(run(client, "seq 1 200000", "echo short >&2"))
    assert len(stdout.encode()) == 4096 and stdout.endswith("\n199999\n200000\n")
    assert stderr == "short\n"
    stdout, _ = streams(run(client, "yes ü | tr -d '\\n' | head -c 100001"))
    assert len(stdout) <= 4096 and set(stdout[1:-1]) == {"ü"}


def test_what_it_leaves_in_the_background_ends_with_it(client: ComputeManagementClient) -> None:
    mark = f"91{os.getpid()}"
    assert streams(run(client, f"setsid nohup sleep {mark} & echo started"))[0] == "started\n"
    assert processes_named(mark) == []


def test_nothing_of_a_script_is_left_in_the_state_directory(lab: Lab, client: ComputeManagementClient) -> None:
    streams(run(client, "echo not-to-be-kept > file"))
    assert list(lab.data.glob("machines/*/run-command/*")) == []


def test_the_machines_identity_is_at_hand(lab: Lab, client: ComputeManagementClient) -> None:
    identity = lab.identity("ID3")
    lab.attach("batch", identity)
    lab.let_read(identity)
    url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
    script = (
        f'token=$(curl -sS -H Metadata:true \'{url}\' | sed \'s/.*"access_token":"\\([^"]*\\)".*/\\1/\')',
        f"curl -sS -H \"Authorization: Bearer $token\" 'https://management.azure.com{lab.group}?api-version=2025-04-01'",
    )
    assert json.loads(streams(run(client, *script, machine="batch"))[0])["name"] == GROUP


# --- one at a time, for a limited time ---------------------------------------------------------------------------


def test_one_script_at_a_time_for_each_machine_and_all_else_goes_on(
    lab: Lab, client: ComputeManagementClient, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    first = begin(lab, f"until test -e '{end}'; do sleep 0.05; done")
    again = lab.ask("POST", f"{lab.machine('web')}/runCommand", {"commandId": "RunShellScript", "script": ["true"]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "Conflict")
    assert "Run command extension execution is in progress." in again.json()["error"]["message"]
    assert streams(run(client, "hostname", machine="batch"))[0] == "batch\n"
    assert lab.ask("GET", lab.group, version="2025-04-01").status_code == 200
    end.touch()
    assert lab.wait(first)["status"] == "Succeeded"
    assert streams(run(client, "hostname"))[0] == "web\n"


@pytest.mark.parametrize("operation", ["powerOff", "restart"])
def test_a_script_ends_with_its_machine(lab: Lab, client: ComputeManagementClient, operation: str) -> None:
    mark = f"92{os.getpid()}"
    answer = begin(lab, f"sleep {mark}", "batch")
    wait_for_process(mark)
    lab.arm("POST", f"{lab.machine('batch')}/{operation}")
    status = lab.wait(answer)
    assert (status["status"], status["error"]["code"]) == ("Failed", "OperationPreempted")
    wait_until(lambda: not processes_named(mark))
    lab.arm("POST", f"{lab.machine('batch')}/start")
    assert streams(run(client, "echo again", machine="batch"))[0] == "again\n"


def test_a_script_ends_with_its_group(lab: Lab) -> None:
    mark = f"93{os.getpid()}"
    group = lab.seed_data.group("contosoPayroll")
    lab.add_linux_machine("payroll", group)
    machine = f"{group}/providers/Microsoft.Compute/virtualMachines/payroll"
    body: Any = {"commandId": "RunShellScript", "script": [f"sleep {mark}"]}
    answer = lab.ask("POST", f"{machine}/runCommand", body)
    wait_for_process(mark)
    assert lab.ask("DELETE", group, version="2025-04-01").status_code == 202
    assert lab.wait(answer)["error"]["code"] == "OperationPreempted"
    wait_until(lambda: not processes_named(mark))


def test_a_script_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "state", "--allow-run-command", "--run-command-limit", "1.5")
    mark = f"94{os.getpid()}"
    try:
        lab.add_linux_machine("web")
        status = lab.wait(begin(lab, f"trap '' TERM; while :; do sleep {mark}; done"))
        assert (status["status"], status["error"]["code"]) == ("Failed", "VMExtensionProvisioningTimeout")
        assert "RunCommandLinux has timed out" in status["error"]["message"]
        wait_until(lambda: not processes_named(mark))
    finally:
        lab.run("stop")


@pytest.mark.parametrize("limit", ["0", "-1", "5401", "nan", "soon"])
def test_the_limit_is_at_most_azures(lab: Lab, limit: str) -> None:
    done = lab.run("start", "--run-command-limit", limit, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("--run-command-limit: takes seconds, more than 0 and at most 5400\n")


# --- when the sandbox ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed", [True, False])
def test_a_script_that_the_sandbox_did_not_see_the_end_of_has_failed(tmp_path: Path, killed: bool) -> None:
    lab = Lab(tmp_path / "state", "--allow-run-command")
    mark = f"95{os.getpid()}"
    try:
        lab.add_linux_machine("web")
        answer = begin(lab, f"sleep {mark}")
        wait_for_process(mark)
        if killed:
            sandbox = psutil.Process(lab.process)
            sandbox.kill()
            sandbox.wait(300)
        else:
            lab.run("stop")
        wait_until(lambda: not processes_named(mark))
        lab.run("start", "--allow-run-command")
        lab.find()
        status = lab.wait(answer)
        assert (status["status"], status["error"]["code"]) == ("Failed", "InternalExecutionError")
        failed = lab.ask("GET", answer.headers["location"])
        assert (failed.status_code, failed.json()["error"]["code"]) == (409, "InternalExecutionError")
        assert lab.wait(begin(lab, "true"))["status"] == "Succeeded"
        assert list(lab.data.glob("machines/*/run-command/*")) == []
    finally:
        lab.run("stop")


# --- what the computer lacks -------------------------------------------------------------------------------------


def test_where_namespaces_are_not_permitted_the_operation_fails_and_says_why(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "state")
    lab.run("stop")
    words = lab.command("start", "--allow-run-command")[1:]
    subprocess.run([sys.executable, "-c", WITHOUT_NAMESPACES, *words], check=True, capture_output=True, timeout=300)
    try:
        lab.find()
        lab.add_linux_machine("web")
        client = ComputeManagementClient(
            lab.credential(),
            lab.seed_data.subscription_id,
            base_url=lab.endpoint,
            credential_scopes=["https://management.azure.com/.default"],
            connection_verify=lab.ca,
        )
        with pytest.raises(HttpResponseError) as refused:
            run(client, "echo hello").result()
        assert refused.value.error is not None and refused.value.error.code == "VMExtensionProvisioningError"
        assert "sysctl -w user.max_user_namespaces=" in str(refused.value)
    finally:
        lab.run("stop")


def test_powershell_scripts_run_where_powershell_is(lab: Lab, client: ComputeManagementClient) -> None:
    body: Any = {
        "commandId": "RunPowerShellScript",
        "script": ["param([string]$arg1, [string]$arg2)", "Write-Output $arg1 $arg2", "[Console]::Error.Write('oops')"],
        "parameters": [{"name": "arg1", "value": "$(Get-Date); 'x'"}, {"name": "arg2", "value": "-arg1"}],
    }
    if shutil.which("pwsh") is None:
        with pytest.raises(HttpResponseError, match="there is no program 'pwsh'"):
            client.virtual_machines.begin_run_command(GROUP, "myVM", body)
        pytest.skip("PowerShell is not installed: only that this is said was tested")
    result: Any = client.virtual_machines.begin_run_command(GROUP, "myVM", body).result(timeout=300)
    stdout, stderr = result.value
    assert (stdout.code, stdout.message) == ("ComponentStatus/StdOut/succeeded", "$(Get-Date); 'x'\n-arg1")
    assert (stderr.code, stderr.message) == ("ComponentStatus/StdErr/succeeded", "oops")
