"""What learners and others do to a lesson that goes on: what they are told, and that running on, or again, works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from requests.adapters import HTTPAdapter

from helpers.errors import StoppedError
from helpers.lesson.error_box import _rows
from tests.notebooks.course import NAMES, Cell, book, run
from tests.support.clocks import PassingTime
from tests.support.command import sandbox_command
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
IDENTITY = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"


def execute(cell: Cell, variables: dict[str, Any]) -> None:
    exec(compile(cell.source, cell.id, "exec"), variables)


def start(name: str, **parameters: str) -> dict[str, Any]:
    """A notebook whose parameters have been set, and no more."""
    return run(name, stop_after="parameters", **parameters)


@pytest.mark.parametrize("name", NAMES)
def test_out_of_order_each_cell_says_which_one_to_run_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(book(name).path))
    for cell in book(name).code:
        try:
            execute(cell, variables := {"__name__": "__main__", "learner": True})
        except NameError as error:
            said = _rows(error, variables | {"In": ["", cell.source]})
            assert "begins with" in said["What to do"], cell.id


# A request that is interrupted leaves its socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_interrupted_in_each_cell_that_asks_azure_then_run_on(
    at_sandbox: RunningSandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell is interrupted when its first request has reached Azure, and the answer not yet the cell."""
    send, armed = HTTPAdapter.send, [False]

    def interrupted(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        if armed[0] and "/oauth2/" not in str(request.url):  # signing in is none of the cell's own requests
            armed[0] = False
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", interrupted)
    if name > "02":
        run("01_create_identity")
    variables = start(name)
    stopped = []
    for cell in book(name).code[1:]:
        armed[0] = True
        try:
            execute(cell, variables)
        except KeyboardInterrupt:
            stopped.append(cell.id)
            execute(cell, variables)
    armed[0] = False
    assert len(stopped) >= 3
    run(name)
    run("06_clean_up")


@pytest.mark.parametrize("name", ["02_assign_identity", "03_grant_access", "04_get_token", "05_read_properties"])
def test_an_identity_that_is_deleted_elsewhere_meanwhile(
    at_sandbox: RunningSandbox, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever cell comes next fails with a box that says what to do, or still works; from the top, all does."""
    monkeypatch.setattr("helpers.wait.time", PassingTime())
    identity = at_sandbox.seed_data.group(GROUP) + IDENTITY
    codes = [cell.id for cell in book(name).code]
    for deleted_after in codes[codes.index("catch-up") :: 5]:
        variables = run(name, stop_after=deleted_after)
        at_sandbox.arm("DELETE", identity, version="2024-11-30").raise_for_status()
        for cell in book(name).code[codes.index(deleted_after) + 1 : codes.index("exercise-solution")]:
            try:
                execute(cell, variables)
            except Exception as error:
                assert isinstance(error, AssertionError) or _rows(error, variables), (deleted_after, cell.id, error)
                break
    run(name)


def test_two_notebooks_with_two_identities_at_once(at_sandbox: RunningSandbox) -> None:
    """Cell by cell in turns, on one machine: each has its own token and its own grant, and both clean up."""
    for name in NAMES:
        both = [start(name, identity_name=each) for each in ("ID1", "ID2")]
        for cell in book(name).code[1:]:
            for variables in both:
                execute(cell, variables)
        if name == "04_get_token":
            assert [each["claims"]["oid"] == each["identity"].principal_id for each in both] == [True, True]
    machine = f"{at_sandbox.seed_data.group(GROUP)}/providers/Microsoft.Compute/virtualMachines/myVM"
    assert "identity" not in at_sandbox.arm("GET", machine, version="2024-11-01").json()


def kill_sandbox(folder: Path) -> None:
    """Kill the processes of the sandbox in ``folder`` at once, so that nothing is put away."""
    mine = [each for each in psutil.process_iter(["cmdline"]) if str(folder) in (each.info["cmdline"] or [])]
    assert mine
    for process in mine:
        process.kill()
    psutil.wait_procs(mine, 10)


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "own"
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(folder))
    yield folder
    sandbox_command("stop").check_returncode()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as only Unix can")
def test_a_sandbox_that_is_killed_is_said_to_have_stopped_and_connecting_starts_it(own_sandbox: Path) -> None:
    variables = run("05_read_properties", stop_after="read-properties")
    kill_sandbox(own_sandbox)
    with pytest.raises(StoppedError, match="has stopped"):
        execute(book("05_read_properties").cell("read-properties-with-sdk"), variables)
    for cell in book("05_read_properties").code[1:]:
        execute(cell, variables)


def test_a_sandbox_that_is_reset_meanwhile(own_sandbox: Path) -> None:
    """What was made is gone, and the token is of another world: the box says so, and from the top all works."""
    variables = run("05_read_properties", stop_after="read-properties")
    sandbox_command("reset").check_returncode()
    with pytest.raises(Exception) as failure:
        execute(book("05_read_properties").cell("read-properties-with-sdk"), variables)
    assert _rows(failure.value, variables)
    run("05_read_properties")
