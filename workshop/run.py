"""One series: the notebooks executed in order, saved with a page of each, and what they brought about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workshop.errors import UsageError
from workshop.execution import code_cells
from workshop.html import Row, title_of
from workshop.kernels import KernelKind
from workshop.output import OutputFolder
from workshop.plan import SANDBOX, Plan
from workshop.progress import Progress
from workshop.report import account_of
from workshop.running import Outcome, outcomes
from workshop.sandbox_process import FreshSandbox, kernel_environment, users_environment
from workshop.summary import summary_of


class SandboxChoice(StrEnum):
    """Which sandbox notebooks run against."""

    FRESH = "fresh"
    RUNNING = "running"


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        rows: each notebook and its state.
        summary: what the run brought about, by name.
        account: of what failed; empty if nothing did.
        index: the page that lists the executed notebooks.
        interrupted: whether the user ended it.
    """

    rows: list[Row]
    summary: dict[str, str]
    account: str
    index: Path
    interrupted: bool


def run(plan: Plan, output: Path, sandbox: SandboxChoice, kind: KernelKind, progress: Progress) -> Result:
    """Execute the notebooks of a plan and save them.

    Args:
        plan: what to execute.
        output: the folder for executed notebooks and pages.
        sandbox: which sandbox, if the plan's target is one.
        kind: of kernels.
        progress: is told where the run is.

    Returns:
        What came of it; a notebook that failed ends the run and is part of the result.

    Raises:
        UsageError: The folder cannot be used.
        SandboxError: The sandbox did not start or is not running.
        WorkshopError: Something could not be written.
    """
    if output.absolute() == plan.steps[0].notebook.path.parent.absolute():
        raise UsageError(f"{output} is where the notebooks are; choose another folder for the executed ones.")
    done: list[Outcome] = []
    with OutputFolder(output, _rows(plan, done, "pending")) as folder, progress:
        with _environment(plan, sandbox, progress) as environment:
            for outcome in outcomes(plan, environment, kind, progress):
                done.append(outcome)
                folder.save(outcome, _rows(plan, done, "pending"))
        return _result(plan, done, folder)


@contextmanager
def _environment(plan: Plan, sandbox: SandboxChoice, progress: Progress) -> Iterator[Mapping[str, str]]:
    """The kernels' environment, while there is something behind it."""
    if plan.target != SANDBOX:
        yield dict(os.environ)
    elif sandbox is SandboxChoice.RUNNING:
        yield kernel_environment(users_environment())
    else:
        progress.preparing("Starting a fresh sandbox")
        with FreshSandbox() as fresh:
            yield kernel_environment(fresh.environment)


def _result(plan: Plan, done: list[Outcome], folder: OutputFolder) -> Result:
    rows = _rows(plan, done, "skipped")
    summary = summary_of(outcome.node for outcome in done)
    failure = done[-1].failure if done else None
    account = account_of(done[-1].name, failure) if failure else ""
    index = folder.finish(rows, summary, account)
    return Result(rows, summary, account, index, failure is not None and failure.interrupted)


def _rows(plan: Plan, done: Sequence[Outcome], others: str) -> list[Row]:
    """The notebooks of the plan; ``others`` is the state of those that are not done."""
    rows = []
    for outcome in done:
        state = "failed" if outcome.failure else "completed"
        rows.append(Row(outcome.name, title_of(outcome.node, outcome.name), state, outcome.cells, outcome.seconds))
    for step in plan.steps[len(done) :]:
        name = step.notebook.name
        rows.append(Row(name, title_of(step.node, name), others, len(code_cells(step.node))))
    return rows
