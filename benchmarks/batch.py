"""Batches of the quickstart series: papermill's Python API in a loop, and this project's workers.

``python -m benchmarks.batch 500`` does the second half alone: many rows, a tenth of which cannot succeed, and the rate
at the end compared with that at the beginning.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from benchmarks.report import Table
from benchmarks.servers import sandbox
from benchmarks.spent import Spent, spend
from workshop.batch.batch import BatchSettings, run_batch
from workshop.batch.rows import Row, check_rows, read_sources
from workshop.batch.table import RawRow, RawTable
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.kernels.start import default_kind
from workshop.notebooks.outcome import State
from workshop.notebooks.series import find_series
from workshop.sandbox import kernel_environment

ROWS = 50
MANY = 500
FEW = 20  # rows, to compare one worker with two
ROUNDS = 3  # of that; the fastest of each counts
BY_ITSELF = 0  # workers: as many as a batch has if it is not told how many
SAMPLE = 2  # rows that papermill runs: 50 would take a quarter of an hour
_LOOP = """
import json, sys, papermill
for row in json.loads(sys.argv[2]):
    for path in sys.argv[3:]:
        papermill.execute_notebook(path, f"{sys.argv[1]}/{path.rpartition('/')[2]}", row, progress_bar=False)
"""


@dataclass
class Timeline(Reporter):
    """Notes when the first row began and each ended, and what all processes of the batch had worked until then.

    Attributes:
        began: when the first row did, in seconds.
        ends: when each row ended, in seconds.
        work: of the processes until then, in seconds.
    """

    began: float = 0.0
    ends: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)

    def report(self, event: ProgressEvent) -> None:
        """Note it."""
        if event.state is State.RUNNING:
            self.began = self.began or time.monotonic()
        elif event.state.ended:
            self.ends.append(time.monotonic())
            self.work.append(_work())

    def note(self, text: str) -> None:
        """Say it."""
        print(text, file=sys.stderr)


@dataclass(frozen=True)
class Run:
    """A batch that has been run.

    Attributes:
        states: of its rows.
        rate: rows a second, from the moment its sandbox and workers were up.
        ends: when each row ended, in seconds.
        work: what the processors had done for the batch until then, in seconds.
    """

    states: list[str]
    rate: float
    ends: list[float]
    work: list[float]


def measure() -> list[Table]:
    """Compare rates, then run many rows."""
    return [measure_rates(), measure_many(MANY)]


def measure_rates() -> Table:
    """Compare rates. A batch's seconds are all of them, from the start of its sandbox and workers to its report."""
    columns = ("how", "rows", "seconds", "rows a minute", "times papermill's", "processor seconds a row", "times less")
    table = Table("A batch of the series", columns)
    papermill = _papermill(SAMPLE)
    _add(table, "papermill's Python API in a loop", SAMPLE, papermill, papermill)
    rounds = [(_in_a_process(FEW, 1), _in_a_process(FEW, 2)) for _ in range(ROUNDS)]
    one, two = (max(way, key=_rate) for way in zip(*rounds, strict=True))
    many = _in_a_process(ROWS, BY_ITSELF)
    for name, (run, spent) in (("1 worker", one), ("2 workers", two), ("a worker for each processor", many)):
        _require(run, failed=0)
        _add(table, name, len(run.states), spent, papermill)
    table.title += f" (2 workers, once they are up, have {_rate(two) / _rate(one):.2f} times the rate of 1)"
    return table


def measure_many(number: int) -> Table:
    """Run many rows, every tenth of which asks for a role that there is not."""
    part = number // 5
    table = Table(f"{number} rows, a tenth of them bad", ("what", "figure"))
    run, spent = _in_a_process(number, BY_ITSELF, bad_each=10)
    _require(run, failed=number // 10)
    first, last = ((part - 1) / _span(run.ends, part, at_end) for at_end in (False, True))
    early, late = (_span(run.work, part, at_end) / (part - 1) for at_end in (False, True))
    table.add("completed", run.states.count(State.COMPLETED))
    table.add("failed, exactly the bad ones", run.states.count(State.FAILED))
    table.add("minutes", f"{spent.seconds / 60:.1f}")
    table.add("processor seconds a row", f"{spent.processor / number:.1f}")
    table.add("rows a minute", f"{run.rate * 60:.1f}")
    table.add(f"rows a minute, first {part}", f"{first * 60:.1f}")
    table.add(f"rows a minute, last {part}", f"{last * 60:.1f}")
    table.add("ratio of last to first", f"{last / first:.2f}")
    table.add(f"processor seconds a row, first {part}", f"{early:.2f}")
    table.add(f"processor seconds a row, last {part}", f"{late:.2f}")
    table.add("ratio of first to last: the rate's, if nothing else had run", f"{early / late:.2f}")
    return table


def _rate(measured: tuple[Run, Spent]) -> float:
    return measured[0].rate


def _span(notes: list[float], part: int, at_end: bool) -> float:
    return notes[-1] - notes[-part] if at_end else notes[part - 1] - notes[0]


def _work() -> float:
    """What the process that measures this one, and all below it, have worked so far: seconds of processors."""
    total = 0.0
    top = psutil.Process().parent()
    for process in [top, *top.children(recursive=True)] if top else []:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # its own, and that of the children it has seen end
    return total


def _add(table: Table, how: str, rows: int, spent: Spent, papermill: Spent) -> None:
    faster = rows / spent.seconds / (SAMPLE / papermill.seconds)
    each, base = spent.processor / rows, papermill.processor / SAMPLE
    figures = (f"{spent.seconds:.1f}", f"{rows / spent.seconds * 60:.1f}", f"{faster:.1f}", f"{each:.1f}")
    table.add(how, rows, *figures, f"{base / each:.1f}")


def _require(run: Run, failed: int) -> None:
    """A figure counts only if the rows did what they should."""
    for number, state in enumerate(run.states, 1):
        bad = failed > 0 and number % 10 == 0
        if state != (State.FAILED if bad else State.COMPLETED):
            raise RuntimeError(f"row {number} is {state}")


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
    return check_rows(RawTable(raw), read_sources(find_series()))


def _in_a_process(number: int, jobs: int, bad_each: int = 0) -> tuple[Run, Spent]:
    spent = spend("-m", "benchmarks.batch", "run", str(number), str(jobs), str(bad_each))
    return Run(**json.loads(spent.output.splitlines()[-1])), spent


def _run(number: int, jobs: int, bad_each: int) -> Run:
    rows = _rows(number, bad_each)
    with tempfile.TemporaryDirectory() as folder:
        timeline = Timeline()
        settings = BatchSettings(output=folder, records=Path(folder), jobs=jobs or None, kind=default_kind())
        result = run_batch(rows, read_sources(find_series()), settings, timeline)
    states = [str(status.state) for status in result.rows]
    return Run(states, len(rows) / (timeline.ends[-1] - timeline.began), timeline.ends, timeline.work)


def _papermill(number: int) -> Spent:
    rows = [_values(place, bad=False) for place in range(1, number + 1)]
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "sandbox") as running:
        notebooks = [notebook.as_posix() for notebook in find_series()]
        environment = kernel_environment(running.environment)
        return spend("-c", _LOOP, folder, json.dumps(rows), *notebooks, environment=environment)


def main(words: list[str]) -> None:
    """Do what the command line says."""
    if words[:1] == ["run"]:
        print(json.dumps(asdict(_run(*map(int, words[1:])))))
    elif words:
        print(measure_many(int(words[0])))
    else:
        print(*measure(), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
