"""``python -m workshop batch``."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.command import seconds, whole_number
from workshop.errors import INTERRUPTED, UsageError
from workshop.notebooks.series import find_series, select
from workshop.terminal import open_console

if TYPE_CHECKING:
    from rich.console import Console

    from workshop.batch.batch import BatchSettings
    from workshop.batch.status import BatchResult

_MOST_FAILURES = 10  # that are named at the end
_ABOUT = """\
Execute the notebooks once for each row of a file, several rows at the same time.

The columns of the file are parameters of the notebooks; an empty cell stands for the notebook's own value. A column
"name" names the rows, and the folders their notebooks are saved in. Rows of the same resource group run one after the
other, for each cleans up after itself. All rows are checked before anything starts.

In the output folder: a folder of executed notebooks for each row, manifest.jsonl (a line each time a row changes
state), and at the end results.csv (a line for each row: its parameters, and what its notebooks have saved as data),
report.html and junit.xml. If the output is an address, only the notebooks go there.

With --scheduler, this package must be installed where the workers are. There the target azure signs in as the worker's
own environment has it, and the target sandbox needs workers on this computer, for it serves no other.

Ctrl-C lets the rows that run end, a second one ends them. The exit status is 0 if all rows completed, 1 if not, 2 if
the batch could not be begun, 130 after Ctrl-C."""


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add what ``batch`` takes to its parser, besides the notebooks and kernels to run."""
    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parameters", type=Path, metavar="PARAMETERS", help="a CSV, YAML or JSON file with the rows")
    output = "where to save: a folder, or an address that papermill writes to, such as s3://… (default: output/batch)"
    parser.add_argument("--output", default=str(Path("output") / "batch"), metavar="DIR", help=output)
    records = "the folder for the manifest and the reports (default: that of --output; for an address, output/batch)"
    parser.add_argument("--records", type=Path, metavar="DIR", help=records)
    jobs = "rows at the same time (default: one for each processor; rows on Azure mostly wait: more are faster)"
    parser.add_argument("--jobs", type=whole_number(1), metavar="N", help=jobs)
    parser.add_argument(
        "--scheduler", metavar="tcp://…", help="use the workers of this Dask scheduler in place of ones started here"
    )
    parser.add_argument("--resume", action="store_true", help="run only what the batch in --output has not completed")
    retries = "run a row that fails so many times more (default: %(default)s)"
    parser.add_argument("--retries", type=whole_number(0), default=0, metavar="N", help=retries)
    parser.add_argument("--fail-fast", action="store_true", help="begin no more rows after one that failed")
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", help="seconds that a notebook may take before its row fails"
    )
    parser.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> int:
    _require_dask()
    from workshop.batch.rows import check_rows, read_sources
    from workshop.batch.table import read_table

    sources = read_sources(select(find_series(options.notebooks), options.first, options.last))
    rows = check_rows(read_table(options.parameters), sources)
    settings = _settings(options)

    from workshop.batch.batch import run_batch
    from workshop.batch.reports import batch_reporter_on

    console = open_console()
    result = run_batch(rows, sources, settings, batch_reporter_on(console))
    _print_summary(result, settings, console)
    return INTERRUPTED if result.interrupted else int(not result.passed)


def _settings(options: argparse.Namespace) -> BatchSettings:
    from workshop.batch.batch import BatchSettings
    from workshop.batch.output import is_address
    from workshop.batch.runner import RetryPolicy
    from workshop.sandbox import SandboxChoice

    output: str = options.output
    if not is_address(output) and Path(output).absolute() == options.notebooks.absolute():
        raise UsageError(f"{output} is where the notebooks are; choose another folder for the executed ones.")
    by_default = Path("output") / "batch" if is_address(output) else Path(output)
    return BatchSettings(
        output=output,
        records=options.records or by_default,
        scheduler=options.scheduler,
        jobs=options.jobs,
        resume=options.resume,
        timeout=options.timeout,
        kind=options.kernel,
        sandbox=SandboxChoice(options.sandbox),
        policy=RetryPolicy(options.retries, options.fail_fast),
    )


def _print_summary(result: BatchResult, settings: BatchSettings, console: Console) -> None:
    from workshop.batch.batch import REPORT, RESULTS
    from workshop.batch.status import duration
    from workshop.notebooks.outcome import State

    states = result.states
    counts = ", ".join(f"{states[state]} {state}" for state in State if states[state])
    lines = ["", f"{counts}; {duration(result.seconds)}"]
    failed = [status for status in result.rows if status.state is State.FAILED]
    lines += [f"  {status.row.name}: {status.error[:200]}" for status in failed[:_MOST_FAILURES]]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"  and {len(failed) - _MOST_FAILURES} more")
    lines += [f"The report: {settings.records / REPORT}", f"The results: {settings.records / RESULTS}"]
    if not result.passed:
        lines.append("To run what is not completed: the same command with --resume")
    console.print(*lines, sep="\n", markup=False, highlight=False, soft_wrap=True)


def _require_dask() -> None:
    if importlib.util.find_spec("distributed") is None:
        raise UsageError("A batch needs Dask, which is not installed: install this package with its extra 'batch'.")
