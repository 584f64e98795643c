"""Batches of the quickstart series: papermill's Python API in a loop, and this project's workers.

``python -m benchmarks.batch 500`` does the second half alone: many rows, a tenth of which cannot succeed, and the rate
at the end compared with that at the beginning.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.report import Table
from benchmarks.servers import sandbox
from workshop.batch.batch import Result, Settings, run_batch
from workshop.batch.rows import Row, check_rows, read_sources
from workshop.batch.standing import Standing, Tally
from workshop.batch.states import State
from workshop.batch.table import RawRow
from workshop.batch.table import Table as Rows
from workshop.kernels import KernelKind, default_kind
from workshop.sandbox_process import kernel_environment
from workshop.series import find_series

ROWS = 50
MANY = 500
FEW = 12  # rows, to compare one worker with two
SAMPLE = 3  # rows that papermill runs: 50 would take a quarter of an hour
_LOOP = """
import json, sys, papermill
for row in json.loads(sys.argv[2]):
    for path in sys.argv[3:]:
        papermill.execute_notebook(path, f"{sys.argv[1]}/{path.rpartition('/')[2]}", row, progress_bar=False)
"""


@dataclass
class Timeline:
    """Notes when each row ended, in seconds since the epoch of a monotonic clock."""

    ends: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tick(self, tally: Tally) -> None:
        """Not of interest."""

    def ended(self, standing: Standing, tally: Tally) -> None:
        """Note it."""
        self.ends.append(time.monotonic())

    def note(self, text: str) -> None:
        """Say it."""
        print(text, file=sys.stderr)


@dataclass(frozen=True)
class Run:
    """A batch that has been run: how long in all, how many rows a second once they ran, and when each row ended."""

    result: Result
    seconds: float
    rate: float
    ends: Sequence[float]


def measure() -> list[Table]:
    """Compare rates, then run many rows."""
    return [measure_rates(), measure_many(MANY)]


def measure_rates() -> Table:
    """Compare rates. A batch's seconds are all of them, from the start of its sandbox and workers to its report."""
    table = Table("A batch of the series", ("how", "rows", "seconds", "rows a minute", "times papermill's rate"))
    papermill = _papermill(SAMPLE)
    _add(table, "papermill's Python API in a loop", SAMPLE, papermill, 1.0)
    for name, kind, jobs, number in (
        ("stock kernels, 2 workers", KernelKind.STOCK, 2, SAMPLE + 1),
        ("1 worker", default_kind(), 1, FEW),
        ("2 workers", default_kind(), 2, FEW),
        ("2 workers", default_kind(), 2, ROWS),
    ):
        run = _batch(_rows(number), kind, jobs)
        _require(run, failed=0)
        _add(table, name, number, run.seconds, papermill / SAMPLE * number / run.seconds)
        if number == FEW and kind is default_kind():
            table.add(f"{name}, once rows run", number, f"{number / run.rate:.1f}", f"{run.rate * 60:.1f}", "")
    return table


def measure_many(number: int) -> Table:
    """Run many rows, every tenth of which asks for a role that there is not."""
    part = number // 5
    table = Table(f"{number} rows, a tenth of them bad", ("what", "figure"))
    run = _batch(_rows(number, bad_each=10), default_kind(), 2)
    _require(run, failed=number // 10)
    first = (part - 1) / (run.ends[part - 1] - run.ends[0])
    last = (part - 1) / (run.ends[-1] - run.ends[-part])
    table.add("completed", run.result.tally.states[State.COMPLETED])
    table.add("failed, exactly the bad ones", run.result.tally.states[State.FAILED])
    table.add("minutes", f"{run.seconds / 60:.1f}")
    table.add("rows a minute", f"{run.rate * 60:.1f}")
    table.add(f"rows a minute, first {part}", f"{first * 60:.1f}")
    table.add(f"rows a minute, last {part}", f"{last * 60:.1f}")
    table.add("ratio of last to first", f"{last / first:.2f}")
    return table


def _add(table: Table, name: str, rows: int, seconds: float, ratio: float) -> None:
    table.add(name, rows, f"{seconds:.1f}", f"{rows / seconds * 60:.1f}", f"{ratio:.1f}")


def _require(run: Run, failed: int) -> None:
    """A figure counts only if the rows did what they should."""
    for standing in run.result.tally.standings:
        bad = failed > 0 and standing.row.number % 10 == 0
        if standing.state is not (State.FAILED if bad else State.COMPLETED):
            raise RuntimeError(f"{standing.row.name} is {standing.state}: {standing.account}")


def _values(number: int, bad: bool) -> dict[str, object]:
    values: dict[str, object] = {
        "resource_group": f"contoso-{number:04}",
        "vm_name": f"vm-{number:04}",
        "identity_name": f"ID{number:04}",
    }
    return {**values, "role": "No such role"} if bad else values


def _rows(number: int, bad_each: int = 0) -> list[Row]:
    raw = [
        RawRow(place, f"row {place}", _values(place, bool(bad_each) and place % bad_each == 0))
        for place in range(1, number + 1)
    ]
    return check_rows(Rows(raw), read_sources(find_series()))


def _batch(rows: Sequence[Row], kind: KernelKind, jobs: int) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        timeline = Timeline()
        settings = Settings(output=folder, records=Path(folder), jobs=jobs, kind=kind)
        began = time.monotonic()
        result = run_batch(rows, read_sources(find_series()), settings, timeline)
        seconds = time.monotonic() - began
    first = result.tally.first_row_began
    if first is None:
        raise RuntimeError("no row was begun")
    return Run(result, seconds, len(rows) / (timeline.ends[-1] - first), timeline.ends)


def _papermill(number: int) -> float:
    rows = [_values(place, bad=False) for place in range(1, number + 1)]
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "sandbox") as running:
        environment: Mapping[str, str] = kernel_environment(running.environment, os.environ)
        notebooks = [notebook.path.as_posix() for notebook in find_series()]
        began = time.monotonic()
        command = [sys.executable, "-c", _LOOP, folder, json.dumps(rows), *notebooks]
        subprocess.run(command, env=dict(environment), check=True, capture_output=True)
        return time.monotonic() - began


if __name__ == "__main__":
    print(*([measure_many(int(sys.argv[1]))] if len(sys.argv) > 1 else measure()), sep="\n")
