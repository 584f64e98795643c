"""How long ``python -m sandbox start`` takes until the sandbox is ready, and how much memory that holds."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import Table
from benchmarks.servers import sandbox, sandbox_command

TIMES = 5


def measure() -> list[Table]:
    """Start fresh sandboxes, then the same one again; medians."""
    table = Table("Start", ("what", "median s", "resident MB"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fresh = [_time_start(root / str(number)) for number in range(TIMES)]
        again = [_time_start(root / "0") for _ in range(TIMES)]
        with sandbox(root / "0") as running:
            memory = running.memory()
    table.add("a new state directory, keys and all", f"{statistics.median(fresh):.2f}", f"{memory:.0f}")
    table.add("an existing one", f"{statistics.median(again):.2f}", f"{memory:.0f}")
    return [table]


def _time_start(data: Path) -> float:
    began = time.perf_counter()
    sandbox_command(data, "start")
    took = time.perf_counter() - began
    sandbox_command(data, "stop")
    return took


if __name__ == "__main__":
    print(*measure(), sep="\n")
