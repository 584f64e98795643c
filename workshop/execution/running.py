"""Executes the notebooks of a plan one after the other, each cleaned before anybody else sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.execution.deadline import Leash
from workshop.execution.execution import Execution, Failure, code_cells, execute
from workshop.execution.progress import Progress
from workshop.kernels.kernels import KernelKind, Kernels
from workshop.notebooks.cleaning import Findings, Paths, clean
from workshop.notebooks.plan import Plan, Step
from workshop.notebooks.secrets import Secrets

if TYPE_CHECKING:
    from nbformat import NotebookNode

_DIRECTORY = "AZURE_SANDBOX_DIR"
_LEAK = "An access token or a secret, or a part of one, is in this notebook. It was taken out before saving."


@dataclass(frozen=True)
class Outcome:
    """An executed notebook, fit to be kept.

    Attributes:
        name: of the notebook.
        folder: it is in.
        node: its content, clean.
        failure: what stopped it, or a secret that had to be taken out; None if all went well.
        findings: what was taken out.
        cells: how many cells of code it has.
        seconds: it took.
    """

    name: str
    folder: Path
    node: NotebookNode
    failure: Failure | None
    findings: Findings
    cells: int
    seconds: float


def outcomes(
    plan: Plan,
    environment: Mapping[str, str],
    kind: KernelKind,
    progress: Progress,
    leash: Leash | None = None,
    ahead: bool = False,
) -> Iterator[Outcome]:
    """Execute the notebooks in order; stop after one that fails.

    Args:
        plan: what to execute.
        environment: the kernels' environment variables.
        kind: of kernels.
        progress: is told where the run is.
        leash: may end it.
        ahead: whether to start each kernel while the notebook before it runs: for who has a processor to spare.
    """
    secrets = Secrets.of_environment(environment)
    folders = {step.notebook.path.parent.absolute(): "." for step in plan.steps}
    paths = Paths(folders | ({Path(environment[_DIRECTORY]): "<sandbox>"} if _DIRECTORY in environment else {}))
    progress.planned([(step.notebook.name, _cells(step.node, bool(step.parameters))) for step in plan.steps])
    with Kernels(kind, environment) as kernels:
        for step, following in zip_longest(plan.steps, plan.steps[1:]):
            name = step.notebook.name

            def on_cell(done: int, name: str = name, following: Step | None = following) -> None:
                progress.executed(name, done)
                if ahead and done == 0 and following is not None:
                    kernels.prepare(following.notebook.path.parent)

            progress.started(name)
            execution = execute(step.notebook, step.node, step.parameters, kernels, on_cell, leash)
            outcome = _cleaned(execution, secrets, paths)
            progress.ended(name, outcome.seconds, outcome.failure is not None)
            yield outcome
            if outcome.failure is not None:
                return


def _cells(node: NotebookNode, injected: bool) -> int:
    return len(code_cells(node)) + injected


def _cleaned(execution: Execution, secrets: Secrets, paths: Paths) -> Outcome:
    findings = clean(execution.node, secrets, paths)
    failure = execution.failure
    if findings.leaks and failure is not None:
        failure = replace(failure, error=f"{failure.error}\n{_LEAK}")
    elif findings.leaks:
        failure = _leak(execution.node, findings.leaks[0])
    return Outcome(
        name=execution.notebook.name,
        folder=execution.notebook.path.parent,
        node=execution.node,
        failure=failure and _presentable(failure, secrets, paths),
        findings=findings,
        cells=len(code_cells(execution.node)),
        seconds=execution.seconds,
    )


def _leak(node: NotebookNode, cell_id: str) -> Failure:
    code = code_cells(node)
    number, source = next(
        ((place, cell.source) for place, cell in enumerate(code, 1) if cell["id"] == cell_id), (None, "")
    )
    return Failure(cell_id, number, source, _LEAK, "")


def _presentable(failure: Failure, secrets: Secrets, paths: Paths) -> Failure:
    def clean_text(text: str) -> str:
        return paths.replace(secrets.redact(text))

    return replace(
        failure,
        source=secrets.redact(failure.source),
        error=clean_text(failure.error),
        traceback=clean_text(failure.traceback),
    )
