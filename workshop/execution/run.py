"""One series: the notebooks executed in order, saved with a page of each, and what they brought about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from workshop.errors import UsageError
from workshop.execution.execution import code_cells
from workshop.execution.progress import Progress
from workshop.execution.report import account_of
from workshop.execution.running import Outcome, outcomes
from workshop.kernels.kernels import KernelKind
from workshop.notebooks.parameters import Value
from workshop.notebooks.plan import SANDBOX, Plan
from workshop.notebooks.summary import summary_of
from workshop.pages.html import Row, title_of
from workshop.pages.output import OutputFolder
from workshop.sandbox_process import FreshSandbox, kernel_environment, users_environment

Surroundings: TypeAlias = Callable[[Value], Mapping[str, str]]


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


@contextmanager
def kernel_surroundings(sandbox: SandboxChoice, target: object = None) -> Iterator[Surroundings]:
    """Begin to start a fresh sandbox if one is likely to be needed; all that was started ends with the ``with``.

    Args:
        sandbox: which sandbox, for notebooks that work on one.
        target: the parameter of that name as far as it is known yet; None if it was not given.

    Yields:
        A function that waits for what is behind a plan's target, starts it if need be, and returns the kernels'
        environment. It raises SandboxError if the sandbox did not start or is not running.
    """
    with ExitStack() as started:
        likely = sandbox is SandboxChoice.FRESH and target in (None, SANDBOX)
        fresh = started.enter_context(FreshSandbox()) if likely else None

        def environment(actual: Value) -> Mapping[str, str]:
            if actual != SANDBOX:
                return dict(os.environ)
            if sandbox is SandboxChoice.RUNNING:
                return kernel_environment(users_environment())
            return kernel_environment((fresh or started.enter_context(FreshSandbox())).environment)

        yield environment


def run(plan: Plan, output: Path, surroundings: Surroundings, kind: KernelKind, progress: Progress) -> Result:
    """Execute the notebooks of a plan and save them.

    Args:
        plan: what to execute.
        output: the folder for executed notebooks and pages.
        surroundings: returns the kernels' environment for the plan's target.
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
        progress.preparing("Waiting for the sandbox")
        for outcome in outcomes(plan, surroundings(plan.target), kind, progress, ahead=True):
            done.append(outcome)
            folder.save(outcome, _rows(plan, done, "pending"))
        return _result(plan, done, folder)


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
