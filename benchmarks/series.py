"""The quickstart series, from the first notebook to the last: a loop of papermill's command, and this project."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import Table
from benchmarks.servers import sandbox
from benchmarks.spent import Spent, spend
from workshop.sandbox_process import kernel_environment
from workshop.series import find_series

TIMES = 3
_LOOP = """
import sys, papermill
for path in sys.argv[2:]:
    papermill.execute_notebook(path, f"{sys.argv[1]}/{path.rpartition('/')[2]}", progress_bar=False)
"""


def measure() -> list[Table]:
    """Run the series in each way; papermill's once, the others the fastest of some.

    Papermill has a sandbox that runs already. This project starts one of its own each time, and makes a page of each
    notebook besides; both are in its figures.
    """
    table = Table("The quickstart series", ("how", "seconds", "times as fast", "processor seconds", "times as little"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with sandbox(root / "sandbox") as running:
            environment = kernel_environment(running.environment)
            command = _commands(root, environment)
            _add(table, "papermill, the command in a loop", command, command)
            _add(table, "papermill, its Python API in a loop", _api(root, environment), command)
        for kind in ("stock", "warm"):
            runs = [
                spend("-m", "workshop", "run", "--kernel", kind, "--output", str(root / kind)) for _ in range(TIMES)
            ]
            best = min(runs, key=lambda run: run.seconds)
            _add(table, f"python -m workshop run --kernel {kind}", best, command)
    return [table]


def _add(table: Table, how: str, spent: Spent, base: Spent) -> None:
    faster, less = base.seconds / spent.seconds, base.processor / spent.processor
    table.add(how, f"{spent.seconds:.1f}", f"{faster:.1f}", f"{spent.processor:.1f}", f"{less:.1f}")


def _commands(root: Path, environment: Mapping[str, str]) -> Spent:
    each = []
    for notebook in find_series():
        words = ["-m", "papermill", "--no-progress-bar", str(notebook.path), str(root / notebook.path.name)]
        each.append(spend(*words, environment=environment))
    return Spent(sum(spent.seconds for spent in each), sum(spent.processor for spent in each), "")


def _api(root: Path, environment: Mapping[str, str]) -> Spent:
    notebooks = [notebook.path.as_posix() for notebook in find_series()]
    return spend("-c", _LOOP, str(root), *notebooks, environment=environment)


if __name__ == "__main__":
    print(*measure(), sep="\n")
