"""``python -m benchmarks [NAME …]``: run the measurements, all or those named, and write results.md and results.svg."""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import UTC, datetime
from importlib import import_module
from os import cpu_count
from pathlib import Path

from benchmarks.plot import plot_rates
from benchmarks.report import Table

NAMES = ("start", "requests_per_second", "growth", "warm_kernels", "series", "batch", "classroom")
_FOLDER = Path(__file__).parent


def main() -> int:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or NAMES
    tables: list[Table] = []
    for name in names:
        for table in import_module(f"benchmarks.{name}").measure():
            print(table, flush=True)
            tables.append(table)
    if tuple(names) == NAMES:
        _write(tables)
    return 0


def _write(tables: list[Table]) -> None:
    machine = f"{cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    head = f"# Measured on {datetime.now(UTC):%Y-%m-%d}\n\n{machine}. `make bench` writes this page.\n"
    (_FOLDER / "results.md").write_text("\n".join([head, *map(str, tables)]), "utf-8")
    plot_rates(next(table for table in tables if table.title == "Requests a second"), _FOLDER / "results.svg")


if __name__ == "__main__":
    sys.exit(main())
