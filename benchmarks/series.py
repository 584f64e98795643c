"""The quickstart series, from the first notebook to the last: a loop of papermill's command, and this project."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.report import Table
from benchmarks.servers import sandbox
from benchmarks.spent import Spent, spend
from workshop.notebooks.series import find_series
from workshop.sandbox import kernel_environment

TIMES = 3
_LOOP = """
import sys, papermill
for path in sys.argv[2:]:
    papermill.execute_notebook(path, f"{sys.argv[1]}/{path.rpartition('/')[2]}", progress_bar=False)
"""
_CELLS = """
import os, sys, nbformat
from IPython.core.interactiveshell import InteractiveShell
os.chdir(os.path.dirname(sys.argv[1]))
for path in sys.argv[1:]:
    shell = InteractiveShell()
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source).raise_error()
"""


def measure() -> list[Table]:
    """Run the series in each way, all ways in turn and that some times; the fastest of each counts.

    That all cells run in one process, without kernels, is no way to run notebooks: it is as fast as one can be.

    Papermill has a sandbox that runs already, and so has this project, in one row of two; in the other it starts one of
    its own each time. It makes a page of each notebook besides.
    """
    table = Table("The quickstart series", ("how", "seconds", "times as fast", "processor seconds", "times as little"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with sandbox(root / "sandbox") as running:
            ways = _ways(root, kernel_environment(running.environment), running.data)
            rounds = [{how: run() for how, run in ways.items()} for _ in range(TIMES)]
    fastest = {how: min((each[how] for each in rounds), key=lambda spent: spent.seconds) for how in ways}
    base = next(iter(fastest.values()))
    for how, spent in fastest.items():
        _add(table, how, spent, base)
    return [table]


def _ways(root: Path, on_sandbox: Mapping[str, str], data: Path) -> dict[str, Callable[[], Spent]]:
    users = {**os.environ, "AZURE_SANDBOX_DIR": str(data)}
    run = ("-m", "workshop", "run", "--output", str(root / "output"), "--kernel")
    return {
        "papermill, the command in a loop": lambda: _commands(root, on_sandbox),
        "papermill, its Python API in a loop": lambda: _api(root, on_sandbox),
        "python -m workshop run --kernel stock": lambda: spend(*run, "stock"),
        "python -m workshop run --sandbox running": lambda: spend(
            *run, "warm", "--sandbox", "running", environment=users
        ),
        "python -m workshop run": lambda: spend(*run, "warm"),
        "all cells in one process": lambda: _cells(on_sandbox),
    }


def _add(table: Table, how: str, spent: Spent, base: Spent) -> None:
    faster, less = base.seconds / spent.seconds, base.processor / spent.processor
    table.add(how, f"{spent.seconds:.1f}", f"{faster:.1f}", f"{spent.processor:.1f}", f"{less:.1f}")


def _commands(root: Path, environment: Mapping[str, str]) -> Spent:
    each = []
    for notebook in find_series():
        words = ["-m", "papermill", "--no-progress-bar", str(notebook), str(root / notebook.name)]
        each.append(spend(*words, environment=environment))
    return Spent(sum(spent.seconds for spent in each), sum(spent.processor for spent in each), "")


def _api(root: Path, environment: Mapping[str, str]) -> Spent:
    notebooks = [notebook.as_posix() for notebook in find_series()]
    return spend("-c", _LOOP, str(root), *notebooks, environment=environment)


def _cells(environment: Mapping[str, str]) -> Spent:
    return spend("-c", _CELLS, *(str(notebook.resolve()) for notebook in find_series()), environment=environment)


if __name__ == "__main__":
    print(*measure(), sep="\n")
