"""A sandbox that has stopped: every cell says so in one sentence, and connecting starts it again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ManagedIdentityCredential
from IPython.core.interactiveshell import InteractiveShell

from helpers import connect
from helpers.errors import StoppedError, TutorialError
from tests.helpers.pointing import point_to
from tests.notebooks.course import book, run
from tests.support.command import sandbox_command
from tests.support.sandbox import RunningSandbox, running_sandbox

ASKING = (  # with a request, with a client of the SDK, and as the identity
    "token-get",
    "read-properties",
    "read-properties-with-sdk",
    "not-allowed-elsewhere",
    "not-allowed-ask",
    "take-away-delete",
)


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(tmp_path / "own"))
    yield
    sandbox_command("stop").check_returncode()


def cell(variables: dict[str, Any], name: str) -> None:
    exec(book("05_read_properties").cell(name).source, variables)


@pytest.mark.usefixtures("own_sandbox")
def test_every_cell_says_so_and_connecting_starts_it_again() -> None:
    variables = run("05_read_properties", stop_after="take-away-others")
    sandbox_command("stop").check_returncode()
    for name in ASKING:
        with pytest.raises(StoppedError, match="has stopped") as stopped:
            cell(variables, name)
        assert str(stopped.value).count("\n") == 0
        assert "az login" not in str(stopped.value)
    fresh = ManagedIdentityCredential(client_id=variables["identity"].client_id, transport=variables["transport"])
    with pytest.raises(StoppedError, match="The virtual machine has stopped, or the sandbox has"):
        fresh.get_token("https://management.azure.com/.default")
    cell(variables, "connect")
    for name in ("catch-up", *ASKING):
        cell(variables, name)


@pytest.mark.usefixtures("own_sandbox")
def test_a_sign_in_that_has_to_be_renewed_says_so_too() -> None:
    connection = connect("sandbox")
    sandbox_command("stop").check_returncode()
    with pytest.raises(StoppedError, match=r"The sandbox has stopped\. Run the cell with connect again"):
        connection.credential.get_token("https://vault.azure.net/.default")


def test_one_that_the_environment_points_to_is_named(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sandbox(tmp_path, keys_from=keys) as sandbox:
        point_to(sandbox, monkeypatch)
        endpoint = sandbox.endpoint
    with pytest.raises(StoppedError, match=f"the environment points to has stopped \\({endpoint}\\)"):
        connect("sandbox")


def test_a_machine_that_has_stopped_says_so(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(sandbox, monkeypatch)
    variables = run("04_get_token", stop_after="get-an-access-token-on-vm")
    machine = f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Compute/virtualMachines/myVM"
    sandbox.arm("POST", f"{machine}/deallocate", version="2024-11-01").raise_for_status()
    with pytest.raises(StoppedError, match="The virtual machine has stopped"):
        for each in book("04_get_token").code[4:]:
            exec(each.source, variables)


@pytest.mark.parametrize("error", [TutorialError("Do this."), StoppedError("Do this.")])
def test_a_notebook_shows_the_sentence_alone(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # IPython takes its place, and keeps it
    shell: Any = InteractiveShell.instance()
    shell.user_ns["error"] = error
    shell.run_cell("try:\n    1 / 0\nexcept ZeroDivisionError as cause:\n    raise error from cause")
    assert capsys.readouterr().out.strip() == f"{type(error).__name__}: Do this."
