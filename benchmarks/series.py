"""The quickstart series, from the first notebook to the last: a loop of papermill's command, and this project."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.report import Table
from benchmarks.servers import sandbox
from workshop.sandbox_process import kernel_environment
from workshop.series import find_series

TIMES = 3
_LOOP = """
import sys, papermill
for path in sys.argv[2:]:
    papermill.execute_notebook(path, f"{sys.argv[1]}/{path.rpartition('/')[2]}", progress_bar=False)
"""


def measure() -> list[Table]:
    """Run the series in each way; papermill's once, the others the median of some.

    Papermill has a sandbox that runs already. This project starts one of its own each time, and makes a page of each
    notebook besides; both are in its time.
    """
    table = Table("The quickstart series", ("how", "seconds", "times as fast as papermill's command"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with sandbox(root / "sandbox") as running:
            environment = kernel_environment(running.environment)
            command = _seconds(lambda: _commands(root, environment))
            table.add("papermill, the command in a loop", f"{command:.1f}", "1.0")
            api = _seconds(lambda: _api(root, environment))
            table.add("papermill, its Python API in a loop", f"{api:.1f}", f"{command / api:.1f}")
        for kind in ("stock", "warm"):
            seconds = sorted(_seconds(lambda kind=kind: _workshop(root, kind)) for _ in range(TIMES))[TIMES // 2]  # type: ignore[misc]
            table.add(f"python -m workshop run --kernel {kind}", f"{seconds:.1f}", f"{command / seconds:.1f}")
    return [table]


def _seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _commands(root: Path, environment: Mapping[str, str]) -> None:
    for notebook in find_series():
        _run(
            "-m",
            "papermill",
            "--no-progress-bar",
            str(notebook.path),
            str(root / notebook.path.name),
            environment=environment,
        )


def _api(root: Path, environment: Mapping[str, str]) -> None:
    _run("-c", _LOOP, str(root), *(notebook.path.as_posix() for notebook in find_series()), environment=environment)


def _workshop(root: Path, kind: str) -> None:
    _run("-m", "workshop", "run", "--kernel", kind, "--output", str(root / kind), environment=os.environ)


def _run(*words: str, environment: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, *words], env=dict(environment), check=True, capture_output=True)


if __name__ == "__main__":
    print(*measure(), sep="\n")
