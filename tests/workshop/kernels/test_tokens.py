"""A sign-in to Azure that the kernels of a series share."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workshop.small_notebooks import notebook, text_of, write_series
from workshop.cli import main
from workshop.execution.executor import execute
from workshop.files import read_notebook
from workshop.kernels.start import KernelKind, Kernels, default_kind
from workshop.kernels.tokens import KernelTokens
from workshop.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")

TOKEN = "eyJhbGciOiJub25lIn0.eyJvaWQiOiJhIn0.c2lnbmF0dXJlLXRoYXQtc2hvd3MtaW4tbm8tb3V0cHV0"
ASK = """\
from helpers.connection.sign_in import SCOPE, azure_credential
token = azure_credential('cli').get_token(SCOPE).token"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program ``az`` that hands out a token: one for all tests, as kernels are forked by their PATH."""
    found = tmp_path_factory.mktemp("bin")
    answer = json.dumps({"accessToken": TOKEN, "expires_on": int(time.time()) + 7200})
    program = found / "az"
    program.write_text(f"#!/bin/sh\necho started >> \"$STARTS_OF_AZ\"\necho '{answer}'\n")
    program.chmod(0o700)
    return found


@pytest.fixture
def starts(stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each start of ``az``."""
    found = tmp_path / "starts"
    found.touch()
    monkeypatch.setenv("STARTS_OF_AZ", str(found))
    monkeypatch.setenv("PATH", f"{stand_in}{os.pathsep}{os.environ['PATH']}")
    return found


@pytest.mark.parametrize("kind", sorted({KernelKind.STOCK, default_kind()}))
@pytest.mark.parametrize(
    ("end", "started"),
    [
        pytest.param("pass", 1, id="well", marks=pytest.mark.long),  # as what comes after one that failed does
        pytest.param("1 / 0", 1, id="failed"),
        pytest.param("import os; os._exit(1)", 2, id="gone"),
    ],
)
def test_az_is_started_once_for_a_series(
    starts: Path, tmp_path: Path, kind: KernelKind, end: str, started: int
) -> None:
    shared = KernelTokens()
    with Kernels(kind, os.environ, shared) as kernels:
        # Where the first kernel is gone with what it had, the second signs in, and the third has it from that.
        for last in (end, *["pass"] * (started - 1), "token == azure_credential('cli').get_token(SCOPE).token"):
            node = notebook(ASK, last)
            execution = execute(tmp_path / "00_test.ipynb", node, {}, kernels)
    assert [cell.execution_count for cell in execution.node.cells] == [1, 2, 3], "nothing is counted that is no cell"
    assert "True" in text_of(execution.node)
    assert shared.all() == {TOKEN}
    assert len(starts.read_text().splitlines()) == started


def test_kernels_that_do_not_sign_in_are_left_alone(tmp_path: Path) -> None:
    shared = KernelTokens()
    with Kernels(default_kind(), os.environ, shared) as kernels:
        node = notebook(
            "import sys", "'helpers' in sys.modules and 'helpers.connection.sign_in' in sys.modules", parameters=""
        )
        execution = execute(tmp_path / "00_test.ipynb", node, {}, kernels)
    assert execution.failure is None
    assert shared.all() == set()


def test_no_part_of_the_token_is_saved(starts: Path, tmp_path: Path) -> None:
    notebooks = write_series(tmp_path / "notebooks", {"00_a": notebook(ASK), "01_b": notebook(ASK, "token[-15:]")})
    output = tmp_path / "output"
    assert main(["run", "--notebooks", str(notebooks), "--output", str(output)]) == 1
    assert "[redacted]" in text_of(read_notebook(output / "01_b.ipynb"))
    assert TOKEN[-12:] not in "".join(path.read_text("utf-8") for path in output.rglob("*.*"))
    assert len(starts.read_text().splitlines()) == 1


def test_a_kernel_is_interrupted_though_nothing_waits_for_it(starts: Path, tmp_path: Path) -> None:
    """As where Ctrl-C comes when a cell has just been sent, and ends the only task there is yet."""
    marker = tmp_path / "marker"
    shared = KernelTokens()
    with Kernels(default_kind(), os.environ, shared) as kernels:
        manager = kernels.take(tmp_path)
        cell = f"{ASK}\nimport pathlib, time\npathlib.Path({str(marker)!r}).touch()\ntime.sleep(600)"
        manager.clients[0].execute(cell)
        while not marker.exists():
            time.sleep(0.05)
        kernels.interrupted()
        kernels.give_back(manager)
    assert shared.all() == {TOKEN}


def test_none_is_saved_of_a_notebook_that_was_interrupted(starts: Path, tmp_path: Path) -> None:
    """Its kernel, still at a cell, is asked all the same, and at once."""
    marker, output = tmp_path / "marker", tmp_path / "output"
    waiting = f"import pathlib, time\npathlib.Path({str(marker)!r}).touch()\ntime.sleep(600)"
    notebooks = write_series(tmp_path / "notebooks", {"00_a": notebook(f"{ASK}\nprint(token[-15:])", waiting)})
    command = [sys.executable, "-m", "workshop", "run", "--notebooks", str(notebooks), "--output", str(output)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as runner:
        while not marker.exists():
            assert runner.poll() is None, runner.stdout and runner.stdout.read()
            time.sleep(0.05)
        runner.send_signal(signal.SIGINT)
        said, _ = runner.communicate(timeout=300)
    assert "Interrupted" in said
    assert "[redacted]" in text_of(read_notebook(output / "00_a.ipynb"))
    assert TOKEN[-12:] not in said + "".join(path.read_text("utf-8") for path in output.rglob("*.*"))
