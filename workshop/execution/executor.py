"""Executes one notebook by nbclient in a kernel of its own, or those of a plan one after the other.

What leaves the second is cleaned before anybody else sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.execution.deadline import Deadline
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.kernels.start import KERNEL, KernelKind, Kernels
from workshop.kernels.tokens import KernelTokens
from workshop.notebooks.cleaning import Paths, clean
from workshop.notebooks.outcome import Failure, Outcome, State
from workshop.notebooks.parameters import Value
from workshop.notebooks.plan import Plan, PlannedNotebook
from workshop.notebooks.secrets import Secrets
from workshop.sandbox import DIRECTORY, IssuedTokens
from workshop.terminal import printable

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

    from workshop.kernels.manager import Manager

_LEAK = "An access token or a secret, or a part of one, is in this notebook. It was taken out before saving."


@dataclass(frozen=True)
class Execution:
    """A notebook as it is after its cells were executed, all or up to the one that failed; ``done`` says how many."""

    notebook: Path
    node: NotebookNode
    failure: Failure | None
    done: int
    seconds: float


@dataclass
class _Observed:
    """What is known of a notebook while it runs."""

    node: NotebookNode
    cell: NotebookNode | None = None
    number: int = 0  # in its In [ ]: kernels count what they execute


def is_code(cell: NotebookNode) -> bool:
    """Return whether a cell holds something to execute."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def code_cells(node: NotebookNode) -> list[NotebookNode]:
    """Return the cells of a notebook that are executed, in order."""
    return [cell for cell in node.cells if is_code(cell)]


def execute(
    notebook: Path,
    node: NotebookNode,
    parameters: Mapping[str, Value],
    kernels: Kernels,
    on_cell: Callable[[int], None] = lambda done: None,
    deadline: Deadline | None = None,
) -> Execution:
    """Execute a notebook in a fresh kernel that is started in the notebook's folder; one that fails is an outcome, too.

    Its content, ``node``, is left as it is. ``on_cell`` is told before the first and after each cell of code how many
    are executed.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    deadline = deadline or Deadline()
    observed = _Observed(_prepared(node, parameters))
    started = time.monotonic()
    failure = None
    try:
        with deadline.notebook(), _kernel(kernels, notebook, deadline) as manager:
            client = NotebookClient(
                observed.node, manager, record_timing=False, coalesce_streams=True, raise_on_iopub_timeout=True
            )
            client.kc = manager.clients[0]
            with client.setup_kernel():
                failure = _execute_cells(client, observed, on_cell)
                client.set_widgets_metadata()
    except DeadKernelError as error:
        failure = replace(_failed(observed, error, deadline), kernel_died=not deadline.reason)
    except (CellTimeoutError, RuntimeError, OSError) as error:
        never_up = observed.cell is None and not deadline.reason  # kernels that start together can race for ports
        failure = replace(_failed(observed, error, deadline), kernel_died=never_up)
    except KeyboardInterrupt:
        failure = replace(_failure(observed, "Interrupted", ""), interrupted=True)
    return Execution(notebook, observed.node, failure, observed.number, time.monotonic() - started)


def _prepared(node: NotebookNode, parameters: Mapping[str, Value]) -> NotebookNode:
    """Return a copy of a notebook without outputs, with a cell of parameters if there are any, as papermill adds it."""
    import nbformat

    copy: NotebookNode = nbformat.from_dict(node)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if parameters:
        from papermill.parameterize import parameterize_notebook  # half a second, for some runs only

        copy.metadata["papermill"] = nbformat.NotebookNode()
        for cell in copy.cells:
            cell.metadata.setdefault("tags", [])
        copy = parameterize_notebook(copy, dict(parameters), kernel_name=KERNEL, language="python")
    return copy


def _execute_cells(client: NotebookClient, observed: _Observed, on_cell: Callable[[int], None]) -> Failure | None:
    """Execute the cells in order, up to one that fails or that ends the notebook with success.

    One that shows an error and goes on, as ``%run`` does, has failed.
    """
    from nbclient.exceptions import CellExecutionError

    on_cell(0)
    for index, cell in enumerate(observed.node.cells):
        if not is_code(cell):
            continue
        observed.cell, observed.number, raised = cell, observed.number + 1, None
        try:
            client.execute_cell(cell, index)
        except CellExecutionError as stopped:
            raised = stopped
        on_cell(observed.number)
        shown = next((output for output in reversed(cell.outputs) if output.output_type == "error"), None)
        error = raised or shown
        if error is not None and (error.ename != "SystemExit" or error.evalue not in ("", "0")):
            traceback = "" if shown is None else "\n".join(shown.traceback)
            return _failure(observed, f"{error.ename}: {error.evalue}", traceback)
        if raised is not None:
            break
    return None


@contextmanager
def _kernel(kernels: Kernels, notebook: Path, deadline: Deadline) -> Iterator[Manager]:
    manager = kernels.take(notebook.parent)
    try:
        deadline.watch(manager)
        yield manager
    except KeyboardInterrupt:
        kernels.interrupted()
        raise
    finally:
        kernels.give_back(manager)


def _failed(observed: _Observed, error: Exception, deadline: Deadline) -> Failure:
    """A failure that is not the notebook's own."""
    reason = deadline.reason
    return _failure(observed, reason or f"{type(error).__name__}: {error}", "" if reason else str(error))


def _failure(observed: _Observed, error: str, traceback: str) -> Failure:
    cell = observed.cell
    return Failure(
        cell_id=cell["id"] if cell else "",
        number=observed.number if cell else None,
        source=cell.source if cell else "",
        error=printable(error),
        traceback=printable(traceback),
    )


def execute_plan(
    plan: Plan,
    environment: Mapping[str, str],
    kind: KernelKind,
    reporter: Reporter,
    deadline: Deadline | None = None,
    ahead: bool = False,
) -> Iterator[Outcome]:
    """Execute the notebooks of a plan in order, in kernels with this environment; stop after one that fails.

    ``ahead`` starts each kernel while the notebook before it runs: for who has a processor to spare.
    """
    secrets = Secrets.of_environment(environment)
    issued = IssuedTokens(environment)
    folders = {planned.path.parent.absolute(): "." for planned in plan.notebooks}
    paths = Paths(folders | ({Path(environment[DIRECTORY]): "<sandbox>"} if DIRECTORY in environment else {}))
    events = [_event_of(planned) for planned in plan.notebooks]
    for event in events:
        reporter.report(event(State.PENDING))
    tokens = KernelTokens()
    with Kernels(kind, environment, tokens) as kernels:
        for planned, following, event in zip_longest(plan.notebooks, plan.notebooks[1:], events):
            on_cell = partial(_on_cell, reporter, event, kernels, following if ahead else None)
            reporter.report(event(State.RUNNING))
            execution = execute(planned.path, planned.node, planned.parameters, kernels, on_cell, deadline)
            secrets.add([*issued.new(), *tokens.all()])
            outcome = _cleaned(execution, secrets, paths)
            state = State.FAILED if outcome.failure else State.COMPLETED
            reporter.report(event(state, execution.done, seconds=outcome.seconds))
            yield outcome
            if outcome.failure is not None:
                return


def _on_cell(
    reporter: Reporter,
    event: Callable[..., ProgressEvent],
    kernels: Kernels,
    following: PlannedNotebook | None,
    done: int,
) -> None:
    if done:
        reporter.report(event(State.RUNNING, done))
    elif following is not None:
        kernels.prepare(following.path.parent)


def _event_of(planned: PlannedNotebook) -> Callable[..., ProgressEvent]:
    """Return what makes events of a notebook, of its state and how many cells are done."""
    total = len(code_cells(planned.node)) + bool(planned.parameters)  # which papermill injects as a cell
    return lambda state, done=0, seconds=0.0: ProgressEvent(planned.path.stem, state, done, total, seconds)


def _cleaned(execution: Execution, secrets: Secrets, paths: Paths) -> Outcome:
    findings = clean(execution.node, secrets, paths)
    failure = execution.failure
    if findings.leaks and failure is not None:
        failure = replace(failure, error=f"{failure.error}\n{_LEAK}")
    elif findings.leaks:
        failure = _leak(execution.node, findings.leaks)
    return Outcome(
        name=execution.notebook.stem,
        folder=execution.notebook.parent,
        node=execution.node,
        failure=failure and _presentable(failure, secrets, paths),
        findings=findings,
        cells=len(code_cells(execution.node)),
        seconds=execution.seconds,
    )


def _leak(node: NotebookNode, cell_ids: Sequence[str]) -> Failure:
    code = code_cells(node)
    last = code[-1]["id"] if code else ""
    cell_id = next(filter(None, cell_ids), last)  # if there is none, it is in the metadata, as all cells have left them
    number, source = next(
        ((position, cell.source) for position, cell in enumerate(code, 1) if cell["id"] == cell_id), (None, "")
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
