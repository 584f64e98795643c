"""The plugin for nbval: what it starts, in what order, and that differences are found."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.small_notebooks import code, notebook, write_series
from workshop.execution.progress import Reporter
from workshop.execution.save import save
from workshop.kernels.start import default_kind
from workshop.notebooks.series import find_series
from workshop.paths import ROOT

COUNTING = """\
import os, pathlib
counter = pathlib.Path(os.environ["AZURE_SANDBOX_DIR"]) / "counter"
count = int(counter.read_text()) + 1 if counter.exists() else 1
counter.write_text(str(count))
count"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notebooks with saved outputs, each of which depends on those before it, the longest last; and a home page."""
    notebooks = {f"0{place}_n": notebook(*[COUNTING] * (place + 1), parameters="") for place in range(3)}
    folder = write_series(tmp_path_factory.mktemp("nb"), notebooks)
    save(find_series(folder), default_kind(), Reporter())
    nbformat.write(notebook("how_far()"), folder / "index.ipynb")  # what it shows is never saved
    return folder


def nbval(*paths: Path, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    # Without the summary, which repeats an error's sentence or not, by the terminal's width and whether CI is set.
    quiet = ["-q", "-rN", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-p", "tests.fresh_sandbox", "--nbval", *quiet]
    command += [*words, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if (
        "Kernel died before replying to kernel_info" in done.stdout
    ):  # Jupyter's kernels that start together race for ports
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done


def test_notebooks_run_in_order_against_one_fresh_sandbox(folder: Path) -> None:
    done = nbval(folder / "02_n.ipynb", folder / "00_n.ipynb", folder / "01_n.ipynb")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_one_notebook_finds_what_it_found_when_it_was_saved(folder: Path) -> None:
    done = nbval(folder / "02_n.ipynb")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_what_is_not_compared_fails(tmp_path: Path) -> None:
    cells = [code("1"), code("2"), code("3"), code("4", "nbval-ignore-output"), code("5\n# NBVAL_SKIP")]
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": f"{number}"}, execution_count=number)]
    cells[1].outputs[0].data["text/plain"] = "22"
    cells[2].execution_count = None
    write_series(tmp_path, {"00_n": notebook(*cells, parameters="")})
    done = nbval(tmp_path)
    assert done.returncode == 1, done.stdout
    for count in ("1 failed", "1 passed", "3 errors"):  # warnings may be counted among them
        assert count in done.stdout
    assert "Cell outputs differ" in done.stdout
    assert done.stdout.count("saved without having been executed") == 1
    assert done.stdout.count("marked not to be compared") == 2


def test_cells_are_not_dealt_out_to_several_processes(folder: Path) -> None:
    done = nbval(folder, words=("-n", "2"))
    assert done.returncode == 4
    assert "nbval takes --dist loadfile" in done.stdout + done.stderr


@pytest.mark.long
def test_notebooks_are_dealt_out_and_each_process_has_a_sandbox(folder: Path) -> None:
    done = nbval(folder, words=("-n", "2", "--dist", "loadfile"))
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_without_notebooks_nothing_is_started(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import os\ndef test_it():\n    assert 'AZURE_RESOURCE_MANAGER_ENDPOINT' not in os.environ\n"
    )
    done = nbval(tmp_path / "test_it.py")
    assert done.returncode == 0, done.stdout
