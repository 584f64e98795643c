"""What a sandbox keeps from one start to the next, and what it says of a state directory that it cannot use."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.cli import main
from sandbox.process import background
from sandbox.process.log_file import LogFile
from sandbox.seeding import ensure_operator_secret
from sandbox.state.state_directory import Runtime, Settings, StateDirectory, StateError, read_runtime
from tests.rbac.test_roles import az_role
from tests.support.clocks import ShiftedClock
from tests.support.command import sandbox_command
from tests.support.sandbox import RunningSandbox, running_sandbox

Run = Callable[..., subprocess.CompletedProcess[str]]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals or owners")
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
root_only = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state")


@pytest.fixture
def run(state: StateDirectory) -> Iterator[Run]:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return sandbox_command("--data", str(state.path), *words)

    yield command
    command("stop")


def status(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("status", "--json").stdout)
    return found


def only_line(text: str) -> str:
    [line] = text.splitlines()
    return line


# --- settings ----------------------------------------------------------------------------------------------------


def test_a_sandbox_that_is_started_again_is_the_same(run: Run) -> None:
    run("start", "--seed", "7", "--timing", "realistic")
    before = run("env").stdout
    run("stop")
    assert run("start").returncode == 0
    assert (status(run)["seed"], status(run)["timing"]) == (7, "realistic")
    assert run("env").stdout == before


def test_roles_are_kept(run: Run, tmp_path: Path, state: StateDirectory) -> None:
    roles = tmp_path / "roles.json"
    roles.write_text(json.dumps([az_role()]))
    run("start", "--roles", os.path.relpath(roles))
    run("stop")
    run("start")
    found = read_runtime(state)
    assert found is not None and found.settings.roles == str(roles.resolve())


def test_faults_are_kept_until_told_otherwise(run: Run, tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {fault: 503, service: entra}\n")
    assert run("start", "--faults", os.path.relpath(faults)).returncode == 0
    run("stop")
    assert run("start").returncode == 0
    assert status(run)["faults"] == str(faults.resolve()) and str(faults) in run("status").stdout
    assert sign_in(json.loads(run("env", "--format", "json").stdout)) == 503
    run("stop")
    faults.write_text("- fault: 503\n")
    done = run("start")
    assert done.returncode == 1 and f"{faults}:1: which service?" in only_line(done.stderr)
    assert run("start", "--no-faults").returncode == 0 and status(run)["faults"] is None
    run("stop")
    assert run("start").returncode == 0 and sign_in(json.loads(run("env", "--format", "json").stdout)) == 400


def sign_in(environment: dict[str, str]) -> int:
    """The status of a sign-in that says nothing."""
    url = f"{environment['AZURE_AUTHORITY_HOST']}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    return requests.post(url, data={}, verify=environment["REQUESTS_CA_BUNDLE"], timeout=300).status_code


def test_a_temporary_sandbox_has_faults_too(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {fault: 503, service: entra}\n")
    command = [sys.executable, "-m", "sandbox", "temporary", "--faults", str(faults)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert sign_in(json.loads(process.stdout.readline())["environment"]) == 503


def test_permission_to_run_programs_here_is_not_kept(run: Run, state: StateDirectory) -> None:
    run("start", "--allow-run-command")
    run("stop")
    run("start")
    found = read_runtime(state)
    assert found is not None and not found.settings.allow_run_command


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "running"])
def test_another_seed_than_the_states_is_refused(run: Run, stopped: bool) -> None:
    run("start", "--seed", "7")
    if stopped:
        run("stop")
    done = run("start", "--seed", "8")
    assert done.returncode == 1 and "seed 7" in only_line(done.stderr)
    assert run("start").returncode == 0 and status(run)["seed"] == 7


def test_after_a_reset_the_seed_is_free_again(run: Run) -> None:
    run("start", "--seed", "7")
    run("stop")
    run("reset")
    assert run("start", "--seed", "8").returncode == 0 and status(run)["seed"] == 8


# --- damage ------------------------------------------------------------------------------------------------------


def garbage(database: Path) -> None:
    database.write_bytes(random_bytes(4096))


def cut(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:9000])


def folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def foreign(database: Path) -> None:
    database.unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE other (value)")
    connection.close()


def random_bytes(count: int) -> bytes:
    return bytes((number * 97 + 13) % 256 for number in range(count))


@pytest.mark.parametrize("damage", [garbage, cut, folder, foreign])
def test_a_state_that_cannot_be_used_is_said_in_one_sentence(
    run: Run, state: StateDirectory, keys: Path, damage: Callable[[Path], None]
) -> None:
    with running_sandbox(state.path, keys_from=keys):
        pass
    damage(state.database)
    done = run("start")
    said = only_line(done.stderr)
    assert done.returncode == 1 and str(state.database) in said and "python -m sandbox reset" in said
    assert run("reset").returncode == 0
    assert run("start").returncode == 0


def test_a_start_that_fails_forgets_the_process_of_the_last(run: Run, state: StateDirectory) -> None:
    """Its id may be somebody else's by now, whom nobody is to stop."""
    state.make()
    Runtime(os.getpid(), 9).write(state)
    garbage(state.database)
    assert run("start").returncode == 1
    found = read_runtime(state)
    assert found is not None and found.pid == 0


def test_a_state_that_comes_up_empty_is_said(run: Run, state: StateDirectory) -> None:
    run("start")
    os.kill(status(run)["process"], signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    assert background._has_ended(state, 10)
    state.database.with_name("state.db-wal").unlink()
    state.database.write_bytes(b"")
    assert f"{state.database} was empty" in run("start").stdout
    assert "was empty" not in run("start").stdout


def test_git_sees_nothing_of_a_state_directory(state: StateDirectory) -> None:
    """There are keys and a secret in it; wherever it is, they are not committed with whatever is around it."""
    subprocess.run(["git", "init", "-q", str(state.path.parent)], check=True)
    with running_sandbox(state.path):
        assert (state.path / "server-key.pem").exists()
        look = ["git", "-C", str(state.path.parent), "status", "--porcelain", "--untracked-files=all"]
        assert "state" not in subprocess.run(look, capture_output=True, text=True, check=True).stdout


def test_git_still_sees_what_else_is_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    StateDirectory(tmp_path).make()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


FILES = [
    "operator.json",
    "runtime.json",
    "client.json",
    "issued-tokens",
    "sandbox.lock",
    "sandbox.log",
    "signing-key.pem",
    "ca.pem",
    "server.pem",
    "server-key.pem",
]


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_said_in_one_sentence(state: StateDirectory, name: str) -> None:
    (state.path / name).mkdir(parents=True)
    with pytest.raises(StateError, match=f"{re.escape(str(state.path / name))} is not a file.* Move it away"):
        state.make()


@pytest.mark.parametrize("name", ["machines", "azure-cli"])
def test_a_file_in_the_place_of_a_folder_is_said_in_one_sentence(state: StateDirectory, name: str) -> None:
    state.make()
    (state.path / name).write_bytes(b"")
    with pytest.raises(StateError, match=f"{re.escape(str(state.path / name))} is not a folder.* Move it away"):
        state.make()


@posix_only
@pytest.mark.parametrize("what", ["pipe", "folder"])
@pytest.mark.parametrize("command", ["start", "status", "stop", "logs", "env"])
def test_every_command_says_what_is_not_a_file(
    state: StateDirectory, what: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state.make()
    os.mkfifo(state.runtime) if what == "pipe" else state.runtime.mkdir()
    assert main(["--data", str(state.path), command]) == 1
    assert f"{state.runtime} is not a file" in only_line(capsys.readouterr().err)


@posix_only
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(
    state: StateDirectory, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.make()
    (state.path / name).write_bytes(b"")
    (state.path / name).chmod(0)
    monkeypatch.setattr(os, "access", lambda path, mode: path.stat().st_mode & 0o600 == 0o600)  # root may everything
    with pytest.raises(StateError, match=f"{re.escape(str(state.path / name))} cannot be read and written"):
        state.make()


@pytest.mark.parametrize("damage", ["", "{", "[" * 100_000, '{"pid": 0, "port": 8443, "settings": {"timing": "soon"}}'])
def test_settings_that_were_lost_are_said(run: Run, state: StateDirectory, damage: str) -> None:
    state.make()
    state.runtime.write_text(damage)
    first, second = run("start"), run("start")
    assert f"{state.runtime} was damaged" in first.stdout and first.returncode == 0
    assert "was damaged" not in second.stdout


@pytest.mark.parametrize(
    "name", ["operator.json", "client.json", "signing-key.pem", "ca.pem", "server.pem", "server-key.pem", "state.db"]
)
@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe"], ids=["empty", "nested", "not text"])
def test_what_is_half_written_is_made_anew_or_said(
    state: StateDirectory, keys: Path, name: str, content: bytes
) -> None:
    with running_sandbox(state.path, keys_from=keys):
        pass
    (state.path / name).write_bytes(content)
    if name == "state.db" and content:
        with pytest.raises(StateError, match="python -m sandbox reset"), running_sandbox(state.path):
            pass
        return
    with running_sandbox(state.path) as sandbox:
        assert sandbox.arm("GET", sandbox.seed_data.subscription, version="2022-12-01").status_code == 200


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "null",
        '{"pid": "1"}',
        '{"pid": 1, "port": 8443, "settings": {}, "metadata": {}}',
        '{"pid": 5, "port": 84430, "settings": {}, "metadata": {}}',
        '{"pid": 5, "port": 8443, "settings": {"seed": "x"}, "metadata": {}}',
        '{"pid": 5, "port": 8443, "settings": {"timing": "soon"}, "metadata": {}}',
        '{"pid": 5, "port": 8443, "settings": {}, "metadata": {"vm": "x"}}',
        '{"pid": 5, "port": 8443, "settings": {}, "metadata": [1]}',
        "[" * 100_000,
    ],
)
def test_what_makes_no_sense_is_not_believed(state: StateDirectory, damage: str) -> None:
    state.make()
    state.runtime.write_text(damage)
    assert read_runtime(state) is None
    assert background.stop(state) is False


def test_what_makes_sense_is_read_as_it_was_written(state: StateDirectory) -> None:
    state.make()
    runtime = Runtime(5, 8443, Settings(7, "realistic", "/roles", "/faults", True, 9.5), {"/vm": 80}, "notice")
    runtime.write(state)
    assert read_runtime(state) == runtime


def test_a_running_sandbox_makes_its_file_good_again(run: Run, state: StateDirectory) -> None:
    run("start")
    before = state.runtime.read_bytes()
    state.runtime.write_text("{")
    for _ in range(5000):  # within a tick
        if run("status").returncode == 0:
            break
        time.sleep(0.05)
    assert state.runtime.read_bytes() == before


# --- stopping ----------------------------------------------------------------------------------------------------


@posix_only
def test_a_process_that_is_stopped_is_ended(run: Run, state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any other: it is not killed, and so cleans up."""
    monkeypatch.setattr(background, "_STOP_LIMIT", 300.0)
    run("start")
    os.kill(status(run)["process"], signal.SIGSTOP)
    assert state.client.exists()
    assert background.stop(state) is True
    assert not state.client.exists()
    assert run("stop").stdout == "The sandbox was not running.\n"


HANGING = """
import signal, sys, time
from filelock import FileLock
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with FileLock(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(600)
"""


@posix_only
def test_a_process_that_hangs_is_ended(state: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_STOP_LIMIT", 0.2)
    state.make()
    hanging = subprocess.Popen([sys.executable, "-c", HANGING, str(state.lock)], stdout=subprocess.PIPE)
    assert hanging.stdout is not None
    try:
        assert hanging.stdout.readline() == b"locked\n"
        Runtime(hanging.pid, 9).write(state)
        assert background.stop(state) is True
        assert hanging.wait(300) == -signal.SIGKILL
    finally:
        hanging.kill()
        hanging.communicate()


# --- whose it is -------------------------------------------------------------------------------------------------


@root_only
@pytest.mark.parametrize("name", ["", "operator.json", "signing-key.pem", "state.db", "ca.pem"])
def test_what_belongs_to_somebody_else_is_not_trusted(state: StateDirectory, name: str) -> None:
    state.make()
    path = state.path / name
    if name:
        path.write_text("planted")
    os.chown(path, 80_001, 80_001)
    with pytest.raises(StateError, match=f"{path.resolve()} belongs to another user"):
        state.make()


@root_only
@pytest.mark.parametrize("command", ["status", "stop", "reset", "env", "logs"])
def test_no_command_works_on_somebody_elses_directory(run: Run, state: StateDirectory, command: str) -> None:
    """Whose file it is says which process to end, and whom to send the operator's secret."""
    state.make()
    Runtime(os.getpid(), 9).write(state)
    os.chown(state.runtime, 80_001, 80_001)
    done = run(command)
    assert done.returncode == 1 and f"{state.runtime} belongs to another user" in only_line(done.stderr)


@root_only
def test_a_link_to_somebody_elses_folder_is_not_trusted(state: StateDirectory, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 80_001, 80_001)
    state.path.symlink_to(theirs)
    with pytest.raises(StateError, match="belongs to another user"):
        state.make()


@root_only
def test_a_link_of_somebody_elses_is_not_trusted(state: StateDirectory, tmp_path: Path) -> None:
    """Wherever it leads: they may have chosen which of this user's files it is."""
    (tmp_path / "mine").write_text("{}")
    state.make()
    state.operator.symlink_to(tmp_path / "mine")
    os.chown(state.operator, 80_001, 80_001, follow_symlinks=False)
    with pytest.raises(StateError, match=f"{state.operator} belongs to another user"):
        state.make()


@posix_only
def test_a_folder_that_others_could_look_into_is_closed_to_them(state: StateDirectory) -> None:
    state.path.mkdir()
    state.path.chmod(0o755)
    state.make()
    assert state.path.stat().st_mode & 0o777 == 0o700


@posix_only
def test_a_secret_behind_a_link_is_replaced(state: StateDirectory, tmp_path: Path) -> None:
    state.make()
    secret = ensure_operator_secret(state.operator)
    elsewhere = state.operator.rename(tmp_path / "elsewhere.json")
    state.operator.symlink_to(elsewhere)
    assert ensure_operator_secret(state.operator) != secret
    assert not state.operator.is_symlink() and secret in elsewhere.read_text()


@posix_only
def test_a_secret_that_others_could_read_is_replaced(state: StateDirectory) -> None:
    state.make()
    secret = ensure_operator_secret(state.operator)
    assert ensure_operator_secret(state.operator) == secret
    state.operator.chmod(0o644)
    assert ensure_operator_secret(state.operator) != secret


# --- a full disk -------------------------------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize("size", [512, 4096, 40_960])
def test_a_disk_without_room_is_said_in_one_sentence(run: Run, state: StateDirectory, size: int) -> None:
    """A limit on the size of files stands for the disk: the system refuses to write beyond it in the same way."""
    import resource

    limited = subprocess.run(
        [sys.executable, "-m", "sandbox", "--data", str(state.path), "start"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = only_line(limited.stderr)
    assert limited.returncode == 1 and str(state.path) in said and "ake room" in said
    assert run("start").returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    log = LogFile(Path("/dev/full"))
    for _ in range(1000):
        log.write_line("x" * 100)
    log.emit(logging.makeLogRecord({"msg": "a record"}))
    log.flush()


# --- a clock that was set back -----------------------------------------------------------------------------------


def within_ticks(check: Callable[[], object]) -> bool:
    """Whether that comes true soon: the sandbox looks at its clock five times a second."""
    until = time.monotonic() + 300
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def served(sandbox: RunningSandbox, token: str) -> bool:
    group = sandbox.seed_data.group("myResourceGroupVM")
    return sandbox.arm("GET", group, token=token, version="2021-04-01").status_code == 200


@pytest.mark.parametrize("timing", ["instant", "realistic"])
def test_nobody_is_locked_out_by_a_clock_that_was_wrong(tmp_path: Path, keys: Path, timing: str) -> None:
    folder = tmp_path / "state"
    with running_sandbox(folder, settings=Settings(timing=timing), keys_from=keys) as sandbox:
        pass
    with sqlite3.connect(folder / "state.db") as connection:  # as if it had been made next year
        later = (datetime.now() + timedelta(days=365)).timestamp()
        connection.execute("UPDATE role_assignments SET effective_from = ?", (later,))
    connection.close()
    with running_sandbox(folder, settings=Settings(timing=timing)) as sandbox:
        assert sandbox.arm("GET", sandbox.seed_data.subscription, version="2022-12-01").status_code == 200


@pytest.mark.parametrize("timing", ["instant", "realistic"])
@pytest.mark.parametrize("seconds", [1, 30, 7200, 31_622_400])
def test_nobody_is_locked_out_when_the_clock_is_set_back(
    tmp_path: Path, keys: Path, timing: str, seconds: float
) -> None:
    with running_sandbox(tmp_path / "state", settings=Settings(timing=timing), keys_from=keys) as sandbox:
        sandbox.clock.stop()
        token = sandbox.token()
        sandbox.clock.advance(-seconds)
        assert within_ticks(lambda: served(sandbox, token))
        assert served(sandbox, sandbox.token())


def test_what_was_yet_to_come_comes_no_sooner_and_no_later(tmp_path: Path, keys: Path) -> None:
    with running_sandbox(tmp_path / "state", settings=Settings(timing="realistic"), keys_from=keys) as sandbox:
        sandbox.clock.stop()
        ada, secret = sandbox.add_principal("ada")
        token, operators = sandbox.token(ada.client_id, secret), sandbox.token()
        roles = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization"
        reader = {"roleDefinitionId": f"{roles}/roleDefinitions/{READER}", "principalId": ada.object_id}
        sandbox.arm("PUT", f"{roles}/roleAssignments/{READER}", {"properties": reader}).raise_for_status()
        sandbox.clock.advance(-30)
        assert within_ticks(lambda: served(sandbox, operators))
        sandbox.clock.advance(44)
        assert not served(sandbox, token)
        sandbox.clock.advance(2)
        assert served(sandbox, token)


def test_nobody_is_locked_out_when_the_clock_is_set_back_a_little_across_a_restart(tmp_path: Path, keys: Path) -> None:
    folder, realistic = tmp_path / "state", Settings(timing="realistic")
    with running_sandbox(folder, settings=realistic, keys_from=keys) as sandbox:
        sandbox.clock.advance(86_400)
        assert within_ticks(lambda: sandbox.on_loop(lambda: not sandbox.cloud.is_time_to_note()))
        noted = sandbox.on_loop(lambda: sandbox.cloud.validator.latest)
    with sqlite3.connect(folder / "state.db") as connection:  # as if it had been made just before
        connection.execute("UPDATE role_assignments SET effective_from = ?", (noted - 10,))
    connection.close()
    shift = noted - 40 - time.time()
    with running_sandbox(folder, settings=realistic, shift=shift) as sandbox:
        assert served(sandbox, sandbox.token())


def test_nobody_is_locked_out_by_a_certificate_of_the_future(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients compare it with their own clocks."""
    clock = ShiftedClock()
    clock.advance(3 * 86_400)
    monkeypatch.setattr("sandbox.server.SystemClock", lambda: clock)
    with running_sandbox(tmp_path / "state") as sandbox:
        with pytest.raises(requests.exceptions.SSLError, match="not yet valid"):
            sandbox.session.get(sandbox.endpoint)
        clock.advance(-3 * 86_400)
        sandbox.clock.advance(-3 * 86_400)

        def reached() -> bool:
            try:
                return sandbox.session.get(sandbox.endpoint).status_code == 401
            except requests.exceptions.SSLError:
                return False

        assert within_ticks(reached)


@pytest.mark.parametrize("audience", ["https://management.azure.com", "https://graph.microsoft.com"])
def test_nobody_is_locked_out_when_the_clock_is_set_back_across_a_restart(
    tmp_path: Path, keys: Path, audience: str
) -> None:
    with running_sandbox(tmp_path / "state", keys_from=keys) as sandbox:
        sandbox.clock.advance(86_400)
        assert within_ticks(lambda: sandbox.on_loop(lambda: not sandbox.cloud.is_time_to_note()))
        token = sandbox.credential().get_token(f"{audience}/.default").token
    for _ in range(2):
        with running_sandbox(tmp_path / "state") as sandbox:
            path = "/v1.0/servicePrincipals" if "graph" in audience else f"{sandbox.seed_data.subscription}/locations"
            answer = sandbox.arm("GET", path, token=token, version="2022-12-01")
            assert answer.status_code == 200, answer.text
