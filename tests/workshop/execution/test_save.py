import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from tests.workshop.small_notebooks import markdown, notebook, write_series
from workshop.errors import WorkshopError
from workshop.execution.progress import Reporter
from workshop.execution.save import main, save
from workshop.kernels.start import KernelKind, default_kind
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS, ROOT
from workshop.sandbox import FreshSandbox


@pytest.fixture
def one_sandbox(fresh_sandbox: FreshSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workshop.execution.save.FreshSandbox", lambda: nullcontext(fresh_sandbox))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_series(
        tmp_path / "nb",
        {
            "00_a": notebook(markdown("# A"), "print('one')\nprint('two')", "{1: 2}", ""),
            "01_b": notebook("from IPython.display import HTML\nHTML('<b>b</b>')"),
        },
    )


def saved(folder: Path, kind: KernelKind | None = None) -> list[str]:
    return save(find_series(folder), kind or default_kind(), Reporter())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("one_sandbox")
def test_outputs_are_saved_in_place_and_the_same_each_time(folder: Path) -> None:
    sources = [[cell.source for cell in nbformat.read(path, 4).cells] for path in sorted(folder.iterdir())]
    assert saved(folder) == ["00_a", "01_b"]
    first = contents(folder)
    assert saved(folder) == saved(folder, KernelKind.STOCK) == []
    assert contents(folder) == first
    nodes = [nbformat.read(path, 4) for path in sorted(folder.iterdir())]
    assert [[cell.source for cell in node.cells] for node in nodes] == sources
    assert [cell.get("execution_count") for cell in nodes[0].cells] == [1, None, 2, 3, None]
    assert nodes[0].cells[2].outputs == [nbformat.v4.new_output("stream", name="stdout", text="one\ntwo\n")]
    assert nodes[0].metadata["kernelspec"]["name"] == "python3"
    assert nodes[0].metadata["language_info"] == {"name": "python"}
    assert all(cell.metadata in ({}, {"tags": ["parameters"]}) for cell in nodes[0].cells)
    assert all(text.endswith(b"}\n") for text in first.values())


@pytest.mark.usefixtures("one_sandbox")
@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("1 / 0", r"Nothing was saved\.\n\n01_b failed in cell In \[2\]"),
        ("print('eyJ0eXAiOiJK' + 'V1QiLCJhbGciOi')", "access token or a secret"),
        ("import os\nprint(os.getcwd())", r"in 01_b, outputs of the cells c1 name a folder of this machine"),
    ],
)
def test_all_or_none_are_saved(folder: Path, cell: str, problem: str) -> None:
    write_series(folder, {"01_b": notebook(cell)})
    before = contents(folder)
    with pytest.raises(WorkshopError, match=problem):
        saved(folder)
    assert contents(folder) == before


@pytest.mark.usefixtures("one_sandbox")
def test_a_folder_that_cannot_be_written_to_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)
    written: list[int] = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkshopError, match=r"cannot be saved: .*No space left on device"):
        saved(folder)
    assert contents(folder) == before


def test_the_command_says_what_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert "Saved, 2 changed: 00_a, 01_b." in capsys.readouterr().out
    assert main([str(folder)]) == 0
    assert "Saved, none changed." in capsys.readouterr().out


def test_it_is_a_program_of_those_who_change_the_course(tmp_path: Path) -> None:
    """``make notebooks`` runs it; the commands of the course's users do not have it."""
    (line,) = [each for each in (ROOT / "Makefile").read_text("utf-8").splitlines() if "execution.save" in each]
    command = [sys.executable, *line.partition("$(VENV)")[2].split(), str(tmp_path / "missing")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("workshop: ")
    offered = subprocess.run(
        [sys.executable, "-m", "workshop", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "    run " in offered.stdout and "    save " not in offered.stdout


def test_the_committed_notebooks_are_as_they_are_saved() -> None:
    executed = set(find_series(NOTEBOOKS))
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        node = nbformat.read(path, 4)
        code = [cell for cell in node.cells if cell.cell_type == "code" and cell.source.strip()]
        numbers = list(range(1, len(code) + 1)) if path in executed else [None] * len(code)
        assert [cell.execution_count for cell in code] == numbers, path.name
        assert set(node.metadata) == {"kernelspec", "language_info"}, path.name
        assert path.read_text("utf-8") == nbformat.writes(node).rstrip("\n") + "\n", path.name
