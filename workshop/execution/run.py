"""One series: the notebooks executed in order, saved with a page of each, and what they brought about."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.errors import UsageError
from workshop.execution.executor import code_cells, execute_plan
from workshop.execution.progress import Reporter
from workshop.kernels.start import KernelKind
from workshop.notebooks.outcome import Outcome, Results, State, account_of, results_of
from workshop.notebooks.plan import Plan
from workshop.pages.index import IndexEntry, title_of
from workshop.pages.output import OutputFolder
from workshop.sandbox import EnvironmentFor


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    results: Results  # what the notebooks have saved as data, by name
    account: str  # of what failed; empty if nothing did
    index: Path
    interrupted: bool


def run(plan: Plan, output: Path, environment_for: EnvironmentFor, kind: KernelKind, reporter: Reporter) -> Result:
    """Execute the notebooks of a plan and save them with their pages in the folder ``output``.

    A notebook that failed ends the run and is part of the result.
    """
    if output.absolute() == plan.notebooks[0].path.parent.absolute():
        raise UsageError(f"{output} is where the notebooks are; choose another folder for the executed ones.")
    done: list[Outcome] = []
    with OutputFolder(output, _entries(plan, done, State.PENDING)) as folder, reporter:
        reporter.note("Waiting for the sandbox")
        for outcome in execute_plan(plan, environment_for(plan.target), kind, reporter, ahead=True):
            done.append(outcome)
            folder.save(outcome, _entries(plan, done, State.PENDING))
        return _result(plan, done, folder)


def _result(plan: Plan, done: list[Outcome], folder: OutputFolder) -> Result:
    results = results_of(outcome.node for outcome in done)
    failure = done[-1].failure if done else None
    account = account_of(done[-1].name, failure) if failure else ""
    index = folder.finish(_entries(plan, done, State.SKIPPED), results, account)
    return Result(results, account, index, failure is not None and failure.interrupted)


def _entries(plan: Plan, done: Sequence[Outcome], others: State) -> list[IndexEntry]:
    """The notebooks of the plan; ``others`` is the state of those that are not done."""
    entries = []
    for outcome in done:
        state = State.FAILED if outcome.failure else State.COMPLETED
        title = title_of(outcome.node, outcome.name)
        entries.append(IndexEntry(outcome.name, title, state, outcome.cells, outcome.seconds))
    for planned in plan.notebooks[len(done) :]:
        name = planned.path.stem
        entries.append(IndexEntry(name, title_of(planned.node, name), others, len(code_cells(planned.node))))
    return entries
