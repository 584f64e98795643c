"""One notebook, executed by papermill in a kernel of its own."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workshop.execution.deadline import Leash
from workshop.kernels.kernels import KERNEL, Kernels
from workshop.notebooks.parameters import Value
from workshop.notebooks.series import Notebook

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager
    from nbformat import NotebookNode

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Failure:
    """What stopped a notebook.

    Attributes:
        cell_id: the cell's id; empty if none was being executed.
        number: the number in its ``In [ ]``; None if none was being executed.
        source: the cell's.
        error: the exception's name and message.
        traceback: its traceback in plain text, with the message at its end.
        interrupted: whether it was the user who stopped it.
        kernel_died: whether its kernel ended without having been told to, or never came up.
    """

    cell_id: str
    number: int | None
    source: str
    error: str
    traceback: str
    interrupted: bool = False
    kernel_died: bool = False


@dataclass(frozen=True)
class Execution:
    """A notebook as it is after its cells were executed, all or up to the one that failed."""

    notebook: Notebook
    node: NotebookNode
    failure: Failure | None
    seconds: float


@dataclass
class _Observed:
    """What nbclient's hooks tell of a notebook while it runs.

    Attributes:
        on_cell: is told how many cells of code are executed; 0 as the first is begun.
        node: the notebook, to which the outputs are added.
        cell: the one that was begun last.
        number: in its ``In [ ]``: kernels count what they execute.
    """

    on_cell: Callable[[int], None]
    node: NotebookNode
    cell: NotebookNode | None = None
    number: int = 0

    def cell_starts(self, cell: NotebookNode, cell_index: int) -> None:
        if is_code(cell):
            self.cell = cell
            self.number += 1
            if self.number == 1:
                self.on_cell(0)

    def cell_ended(self, cell: NotebookNode, **_: Any) -> None:
        self.on_cell(self.number)


def is_code(cell: NotebookNode) -> bool:
    """Say whether a cell holds something to execute."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def code_cells(node: NotebookNode) -> list[NotebookNode]:
    """Return the cells of a notebook that are executed, in order."""
    return [cell for cell in node.cells if is_code(cell)]


def execute(
    notebook: Notebook,
    node: NotebookNode,
    parameters: Mapping[str, Value],
    kernels: Kernels,
    on_cell: Callable[[int], None] = lambda done: None,
    leash: Leash | None = None,
) -> Execution:
    """Execute a notebook in a fresh kernel that is started in the notebook's folder.

    Args:
        notebook: which.
        node: its content; left as it is.
        parameters: checked values for some of the notebook's parameters.
        kernels: where its kernel comes from.
        on_cell: is told before the first and after each cell of code how many are executed.
        leash: may end it.

    Returns:
        The outcome; a notebook that failed is one.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError
    from papermill.engines import papermill_engines
    from papermill.execute import raise_for_execution_errors

    logging.getLogger("papermill").setLevel(logging.ERROR)
    leash = leash or Leash()
    observed = _Observed(on_cell, _prepared(node, parameters))
    started = time.monotonic()
    failure = None
    try:
        with leash.notebook(), _kernel(kernels, notebook, leash) as manager:
            papermill_engines.execute_notebook_with_engine(
                None,
                observed.node,
                KERNEL,
                progress_bar=False,
                km=manager,
                resources={"metadata": {"path": str(notebook.path.parent)}},
                record_timing=False,
                coalesce_streams=True,
                on_cell_start=observed.cell_starts,
                on_cell_executed=observed.cell_ended,
            )
            raise_for_execution_errors(observed.node, None)
    except PapermillExecutionError as error:
        failure = _failure(observed, f"{error.ename}: {error.evalue}", "\n".join(error.traceback))
    except DeadKernelError as error:
        failure = replace(_failed(observed, error, leash), kernel_died=not leash.reason)
    except (CellTimeoutError, RuntimeError, OSError) as error:
        never_up = observed.cell is None and not leash.reason  # kernels that start together can race for ports
        failure = replace(_failed(observed, error, leash), kernel_died=never_up)
    except KeyboardInterrupt:
        failure = replace(_failure(observed, "Interrupted", ""), interrupted=True)
    return Execution(notebook, observed.node, failure, time.monotonic() - started)


def _prepared(node: NotebookNode, parameters: Mapping[str, Value]) -> NotebookNode:
    """A copy of a notebook, as papermill's engines take it.

    What ``papermill.execute_notebook`` does before and after, but for writing and reading the notebook as text three
    times: that is a tenth of what a whole short notebook costs.
    """
    import nbformat
    from papermill.parameterize import parameterize_notebook

    copy: NotebookNode = nbformat.from_dict(node)
    copy.metadata["papermill"] = nbformat.NotebookNode()
    for cell in copy.cells:
        cell.metadata.setdefault("tags", [])
    if parameters:
        copy = parameterize_notebook(copy, dict(parameters), kernel_name=KERNEL, language="python")
    return copy


@contextmanager
def _kernel(kernels: Kernels, notebook: Notebook, leash: Leash) -> Iterator[KernelManager]:
    manager = kernels.take(notebook.path.parent)
    try:
        leash.hold(manager)
        yield manager
    finally:
        kernels.give_back(manager)


def _failed(observed: _Observed, error: Exception, leash: Leash) -> Failure:
    """A failure that is not the notebook's own."""
    return _failure(observed, leash.reason or f"{type(error).__name__}: {error}", "" if leash.reason else str(error))


def _failure(observed: _Observed, error: str, traceback: str) -> Failure:
    cell = observed.cell
    return Failure(
        cell_id=cell["id"] if cell else "",
        number=observed.number if cell else None,
        source=cell.source if cell else "",
        error=_ANSI.sub("", error),
        traceback=_ANSI.sub("", traceback),
    )
