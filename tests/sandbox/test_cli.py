"""``python -m sandbox`` as its users type it: real sandboxes, a state directory of its own for each test."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from rbac.roles import OWNER
from sandbox.cli import main
from tests.rbac.test_roles import az_role
from tests.support.command import sandbox_command

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "state"


@contextmanager
def running(data: Path) -> Iterator[Run]:
    def command(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = sandbox_command("--data", str(data), *words)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    yield command
    command("stop", check=False)


@pytest.fixture
def run(data: Path) -> Iterator[Run]:
    with running(data) as command:
        yield command


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Commands to one sandbox that runs, for tests that neither stop nor reset it."""
    with running(tmp_path_factory.mktemp("one") / "state") as command:
        command("start")
        yield command


def token_of(sandbox: dict[str, str]) -> str:
    return str(
        requests.post(
            f"{sandbox['AZURE_AUTHORITY_HOST']}/{sandbox['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": sandbox["AZURE_CLIENT_ID"],
                "client_secret": sandbox["AZURE_CLIENT_SECRET"],
                "scope": "https://management.azure.com/.default",
            },
            verify=sandbox["REQUESTS_CA_BUNDLE"],
            timeout=300,
        ).json()["access_token"]
    )


def subscription_status(sandbox: dict[str, str], token: str) -> int:
    return requests.get(
        f"{sandbox['AZURE_RESOURCE_MANAGER_ENDPOINT']}/subscriptions/{sandbox['AZURE_SUBSCRIPTION_ID']}",
        params={"api-version": "2022-12-01"},
        headers={"Authorization": f"Bearer {token}"},
        verify=sandbox["REQUESTS_CA_BUNDLE"],
        timeout=300,
    ).status_code


def variables(printed: str) -> dict[str, str]:
    found = dict(re.findall(r"^export (\w+)='(.*)'$", printed, re.MULTILINE))
    assert len(found) == len(printed.strip().splitlines())
    return found


def test_it_imports_nothing_from_the_folder_that_it_is_started_in(tmp_path: Path, data: Path) -> None:
    (tmp_path / "sqlite3.py").write_text("raise SystemExit('not the one that was meant')")
    command = [sys.executable, "-P", "-m", "sandbox", "--data", str(data)]
    done = subprocess.run([*command, "start"], cwd=tmp_path, capture_output=True, text=True)
    subprocess.run([*command, "stop"], cwd=tmp_path, capture_output=True)
    assert done.stdout.startswith("The sandbox is ready"), done.stdout + done.stderr


HUGE = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        *((f"start --port {port}", "--port: takes a whole number, 0 to 65535") for port in (-1, 65536, "nan", HUGE)),
        *((f"logs --lines {lines}", "--lines: takes a whole number, 1 or more") for lines in (-5, 0, "1e3", HUGE)),
        *((f"start --seed {seed}", "--seed: takes a whole number") for seed in ("nan", "1.5", HUGE)),
    ],
    ids=lambda text: text[:20],
)
def test_a_number_that_is_none_or_too_much_is_refused_in_a_sentence(words: str, wanted: str) -> None:
    done = sandbox_command(*words.split())
    assert done.returncode == 2
    assert wanted in done.stderr.splitlines()[-1]


def test_it_starts_once_and_stops_once(run: Run) -> None:
    assert run("status", check=False).returncode == 3
    first = run("start").stdout
    assert re.fullmatch(r"The sandbox is ready: https://localhost:\d+\n", first)
    assert run("start").stdout == first.replace("is ready", "runs already")
    assert json.loads(run("status", "--json").stdout)["running"] is True
    assert run("stop").stdout == "The sandbox has stopped.\n"
    assert run("stop").stdout == "The sandbox was not running.\n"
    assert run("status", check=False).returncode == 3


def test_addresses_and_secret_outlive_a_restart(run: Run) -> None:
    run("start")
    before = run("env").stdout
    run("stop")
    run("start")
    assert run("env").stdout == before


def test_another_address_than_before_is_said(run: Run) -> None:
    run("start")
    port = json.loads(run("status", "--json").stdout)["endpoint"].rpartition(":")[2]
    run("stop")
    with socket.create_server(("127.0.0.1", int(port))):
        said = run("start").stdout.splitlines()
    assert said[0].startswith("The sandbox is ready: https://localhost:") and not said[0].endswith(port)
    assert said[1:] == [f"The port of the last start, {port}, is taken. Programs that use it need 'env' again."]


def test_reset_goes_back_to_the_seeded_world_and_keeps_the_addresses(run: Run) -> None:
    run("start", "--seed", "7", "--timing", "realistic")
    before = run("env").stdout
    run("principal", "add", "learner")
    run("reset")
    assert run("env").stdout == before
    assert json.loads(run("status", "--json").stdout)["timing"] == "realistic"
    assert "learner" not in run("principal", "list").stdout


def test_env_names_all_that_clients_look_for(run: Run, data: Path) -> None:
    run("start", "--seed", "5")
    found = variables(run("env").stdout)
    assert set(found) >= {
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_AUTHORITY_HOST",
        "AZURE_RESOURCE_MANAGER_ENDPOINT",
        "AZURE_SUBSCRIPTION_ID",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
        "NO_PROXY",
    }
    assert Path(found["REQUESTS_CA_BUNDLE"]).is_relative_to(data)
    assert json.loads(run("env", "--format", "json").stdout) == found
    assert f"$env:AZURE_TENANT_ID = '{found['AZURE_TENANT_ID']}'" in run("env", "--format", "powershell").stdout
    assert run("env", "--vm", "MYVM").stdout == run("env").stdout


def test_the_same_seed_gives_the_same_ids_and_another_seed_others(run: Run, tmp_path: Path) -> None:
    def ids(folder: str, seed: str) -> str:
        other = ("--data", str(tmp_path / folder))
        sandbox_command(*other, "start", "--seed", seed).check_returncode()
        printed = sandbox_command(*other, "env").stdout
        sandbox_command(*other, "stop").check_returncode()
        return variables(printed)["AZURE_SUBSCRIPTION_ID"]

    assert ids("a", "1") == ids("b", "1") != ids("c", "2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("env",), "The sandbox is not running. Start it: python -m sandbox start"),
        (("principal", "add", "x"), "The sandbox is not running"),
        (("logs",), "There is no log yet"),
    ],
)
def test_without_a_running_sandbox_the_error_says_what_to_do(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run(*words, check=False)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr


def test_a_machine_that_does_not_run_is_named_with_those_that_do(ask: Run) -> None:
    done = ask("env", "--vm", "nope", check=False)
    assert done.returncode == 1 and "No virtual machine 'nope' is running. Running are: myVM." in done.stderr


def test_a_port_that_is_taken_is_said(ask: Run, tmp_path: Path) -> None:
    port = json.loads(ask("status", "--json").stdout)["endpoint"].rpartition(":")[2]
    done = sandbox_command("--data", str(tmp_path / "other"), "start", "--port", port)
    assert done.returncode == 1
    assert f"could not start: the port {port} is taken. Name another with --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["--data {one} status --json", "status --json --data {one}"])
def test_the_folder_is_named_before_the_command_or_after_it(tmp_path: Path, words: str) -> None:
    done = sandbox_command(*words.format(one=tmp_path / "one").split())
    assert json.loads(done.stdout)["data"] == str(tmp_path / "one")


def test_the_folder_is_named_after_an_action_too(tmp_path: Path) -> None:
    done = sandbox_command("principal", "list", "--data", str(tmp_path))
    assert done.returncode == 1 and "The sandbox is not running" in done.stderr


def test_a_role_file_that_is_none_is_said(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "roles.json"
    broken.write_text("{}")
    done = run("start", "--roles", str(broken), check=False)
    assert done.returncode == 1 and "az role definition list" in done.stderr


def test_a_role_file_by_which_the_operator_may_do_too_little_is_said(run: Run, tmp_path: Path) -> None:
    roles = tmp_path / "roles.json"
    roles.write_text(json.dumps([az_role(name=OWNER)]))
    done = run("start", "--roles", str(roles), check=False)
    assert done.returncode == 1
    assert "What a sandbox starts with cannot be made: The client" in done.stderr


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    done = sandbox_command("--data", str(folder / "state"), "start")
    assert done.returncode == 1 and "cannot be used" in done.stderr


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    done = sandbox_command("--data", str(tmp_path / "state"), "start")
    assert done.returncode == 1 and "cannot be used" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such permissions there")
def test_the_state_is_its_owners_alone(run: Run, data: Path) -> None:
    run("start")
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("operator.json", "client.json", "server-key.pem", "signing-key.pem", "state.db", "state.db-wal"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


def test_a_killed_sandbox_starts_again(run: Run) -> None:
    run("start")
    before = run("env").stdout
    process = psutil.Process(json.loads(run("status", "--json").stdout)["process"])
    process.kill()
    process.wait(300)
    assert run("status", check=False).returncode == 3
    assert "is ready" in run("start").stdout
    assert run("env").stdout == before


def test_two_starts_at_once_end_in_one_sandbox(run: Run, data: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--data", str(data), "start"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [each.communicate(timeout=300)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert said[0].rpartition(" ")[2] == said[1].rpartition(" ")[2]


def test_no_token_outlives_a_reset(run: Run) -> None:
    run("start")
    before = variables(run("env").stdout)
    token = token_of(before)
    assert subscription_status(before, token) == 200
    run("reset")
    after = variables(run("env").stdout)
    assert after["AZURE_CLIENT_SECRET"] == before["AZURE_CLIENT_SECRET"]
    assert subscription_status(after, token) == 401
    assert subscription_status(after, token_of(after)) == 200


def test_a_principal_gets_its_secret_once(ask: Run) -> None:
    added = json.loads(ask("principal", "add", "learner-1", "--json").stdout)
    assert set(added) == {"name", "clientId", "objectId", "clientSecret"}
    assert added["clientId"] in ask("principal", "list").stdout
    assert added["clientSecret"] not in ask("principal", "list").stdout
    again = ask("principal", "add", "learner-1", check=False)
    assert again.returncode == 1 and "There is a principal named 'learner-1' already." in again.stderr


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\x1b[2J", "two\nlines", "x" * 121])
def test_a_name_that_no_principal_can_have_is_refused_at_once(
    data: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(data), "principal", "add", name]) == 1
    said = capsys.readouterr().err
    assert "is not valid: it takes 1 to 120 letters, digits, spaces and the characters - . _ @" in said
    assert said.count("\n") == 1 and said.strip().isprintable()


def test_a_decision_is_explained(ask: Run) -> None:
    subscription = f"/subscriptions/{variables(ask('env').stdout)['AZURE_SUBSCRIPTION_ID']}"
    learner = json.loads(ask("principal", "add", "learner", "--json").stdout)["objectId"]
    said = ask("explain", learner, "Microsoft.Compute/virtualMachines/read", subscription).stdout
    assert "may not" in said and "No role assignment was found" in said


def test_the_log_tells_of_requests_and_of_no_secret(ask: Run) -> None:
    secret = variables(ask("env").stdout)["AZURE_CLIENT_SECRET"]
    log = ask("logs", "--lines", "1000").stdout
    assert "/oauth2/v2.0/token 200" in log
    assert secret not in log and "eyJ" not in log


def test_every_command_has_a_help_text(run: Run) -> None:
    top = run("--help").stdout
    for command in ("start", "serve", "stop", "status", "reset", "env", "logs", "principal", "explain"):
        assert command in top
        assert "usage: python -m sandbox" in run(command, "--help").stdout
