from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers import connect
from helpers.connection import Connection
from helpers.connection.settings import _client_file, points_to_sandbox, sandbox_settings
from helpers.errors import TutorialError
from helpers.transport import FixedAddressAdapter
from sandbox.state.state_directory import state_directory
from tests.helpers.pointing import environment_of
from tests.support.command import sandbox_command
from tests.support.sandbox import RunningSandbox


def test_the_environments_settings_are_taken_as_they_are(sandbox: RunningSandbox) -> None:
    settings = sandbox_settings(environment_of(sandbox))
    assert settings.endpoint == sandbox.endpoint
    assert settings.ca_file == sandbox.ca
    assert settings.subscription_id == sandbox.seed_data.subscription_id


def test_the_secret_is_not_in_the_text_of_the_settings(sandbox: RunningSandbox) -> None:
    assert sandbox.secret not in repr(sandbox_settings(environment_of(sandbox)))


@pytest.mark.parametrize(
    "name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE"]
)
def test_half_an_environment_is_refused_with_what_is_missing(sandbox: RunningSandbox, name: str) -> None:
    environment = environment_of(sandbox)
    del environment[name]
    with pytest.raises(TutorialError, match=f"lacks {name}"):
        sandbox_settings(environment)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("https://localhost:1234", True),
        ("https://127.0.0.1:1234", True),
        ("https://[::1]:1234", True),
        ("https://management.azure.com", False),
        ("https://localhost.example.com", False),
        ("", False),
    ],
)
def test_only_an_address_on_this_computer_is_a_sandbox(endpoint: str, local: bool) -> None:
    assert points_to_sandbox({"AZURE_RESOURCE_MANAGER_ENDPOINT": endpoint}) is local


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A folder for a sandbox that does not run yet; whatever comes to run in it is stopped."""
    folder = tmp_path / "own"
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(folder))
    yield folder
    run_sandbox("stop")


def run_sandbox(*arguments: str) -> str:
    done = sandbox_command(*arguments)
    done.check_returncode()
    return done.stdout


def address_of(connection: Connection) -> str:
    """Where requests of the connection go: what the sandbox says of itself at that address."""
    [adapter] = [connection.session().get_adapter("https://management.azure.com/")]
    assert isinstance(adapter, FixedAddressAdapter)
    return f"https://{adapter._host}:{adapter._port}"


def test_without_settings_a_sandbox_is_started_and_nothing_leaks(
    own_sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a notebook may run in any folder
    before = dict(os.environ)
    connection = connect("sandbox")
    assert dict(os.environ) == before
    endpoint = json.loads(run_sandbox("status", "--json"))["endpoint"]
    assert address_of(connection) == endpoint
    assert address_of(connect("sandbox")) == endpoint
    assert connection.arm("GET", "/subscriptions", "2022-12-01").json()["count"]["value"] == 1


def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("helpers.connection.settings.subprocess.run", refuse)


def test_the_sandbox_is_the_one_beside_this_package(own_sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the working directory is, and also where the project is not installed."""

    def look(command: list[str], *, env: dict[str, str], **options: object) -> None:
        folder = Path(env["PYTHONPATH"].partition(os.pathsep)[0])
        assert (folder / "sandbox" / "__main__.py").exists() and "-P" in command
        raise subprocess.TimeoutExpired(command, 1)

    with monkeypatch.context() as patched, pytest.raises(TutorialError, match="did not start in time"):
        patched.setattr("helpers.connection.settings.subprocess.run", look)
        connect("sandbox")


def test_no_process_is_started_where_a_sandbox_runs(own_sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sandbox("start")
    printed = json.loads(run_sandbox("env", "--format", "json"))
    with monkeypatch.context() as patched:
        no_processes(patched)
        connection = connect("sandbox")
    assert address_of(connection) == printed["AZURE_RESOURCE_MANAGER_ENDPOINT"]
    assert connection.subscription_id == printed["AZURE_SUBSCRIPTION_ID"]


def test_what_clients_need_is_written_down_for_the_owner_only_and_only_while_it_runs(own_sandbox: Path) -> None:
    run_sandbox("start")
    written = own_sandbox / "client.json"
    printed = json.loads(run_sandbox("env", "--format", "json"))
    del printed["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
    assert json.loads(written.read_text()) == printed
    assert sys.platform == "win32" or written.stat().st_mode & 0o077 == 0
    run_sandbox("reset")
    assert json.loads(written.read_text()) == printed
    run_sandbox("stop")
    assert not written.exists()


def test_one_that_was_moved_is_found_again(own_sandbox: Path) -> None:
    run_sandbox("start")
    before = address_of(connect("sandbox"))
    run_sandbox("stop")
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):  # so it has to take another port
        run_sandbox("start")
    after = address_of(connect("sandbox"))
    assert after != before
    assert after == json.loads(run_sandbox("status", "--json"))["endpoint"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_one_that_was_killed_is_started_again_even_if_something_else_has_its_port(own_sandbox: Path) -> None:
    run_sandbox("start")
    status = json.loads(run_sandbox("status", "--json"))
    os.kill(status["process"], signal.SIGKILL)
    while _listens(status["endpoint"]):
        pass
    assert (own_sandbox / "client.json").exists()
    with _nothing_of_ours(status["endpoint"]):
        connection = connect("sandbox")
        assert address_of(connection) != status["endpoint"]
    assert connection.arm("GET", "/subscriptions", "2022-12-01").ok


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root gives files away")
def test_what_somebody_else_has_written_down_is_not_trusted(own_sandbox: Path) -> None:
    run_sandbox("start")
    written = own_sandbox / "client.json"
    os.chown(written, 12345, -1)
    try:
        with pytest.raises(TutorialError):
            connect("sandbox")
    finally:
        os.chown(written, os.getuid(), -1)


def _listens(endpoint: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(endpoint.rpartition(":")[2]))).close()
    except OSError:
        return False
    return True


@contextmanager
def _nothing_of_ours(endpoint: str) -> Iterator[None]:
    """Something else listens at the address, and answers whatever it is asked with a line of text."""

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = server.accept()
                with accepted:
                    accepted.sendall(b"220 mail.contoso.example\r\n")

    server = socket.create_server(("127.0.0.1", int(endpoint.rpartition(":")[2])))
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def test_the_file_is_looked_for_where_the_sandbox_keeps_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen in ("", "~/somewhere", "relative"):
        monkeypatch.setenv("AZURE_SANDBOX_DIR", chosen)
        assert _client_file() == state_directory(None).client
    monkeypatch.delenv("AZURE_SANDBOX_DIR")
    assert _client_file() == state_directory(None).client


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(blocked))
    with pytest.raises(TutorialError, match="state directory"):
        connect("sandbox")
