"""What the runner sends to a worker, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from workshop.kernels.start import KernelKind
from workshop.notebooks.parameters import Value
from workshop.notebooks.results import Results


@dataclass(frozen=True)
class NotebookTask:
    """A notebook to execute: the text of its file, and what it gets as parameters."""

    name: str
    text: str = field(repr=False)
    parameters: Mapping[str, Value]


@dataclass(frozen=True)
class RowTask:
    """A row to run.

    Attributes:
        batch: of which it is part; the same for each run over an output folder.
        topic: of Dask's events, under which the worker reports its progress.
        row: its name.
        attempt: which one it is; the first is 1.
        notebooks: to execute, in order.
        folder: to execute them in, if the worker has it; else it is an empty one.
        kind: of kernels.
        timeout: seconds that a notebook may take; None for as long as it likes.
        sandbox: the variables that point Azure's clients to a sandbox, a secret among them (never shown, so that it
            is in no log of Dask's); None to leave the worker's own as they are.
    """

    batch: str
    topic: str
    row: str
    attempt: int
    notebooks: Sequence[NotebookTask]
    folder: str
    kind: KernelKind
    timeout: float | None
    sandbox: Mapping[str, str] | None = field(repr=False)


@dataclass(frozen=True)
class NotebookResult:
    """An executed notebook, clean.

    Attributes:
        name: of the notebook.
        text: of its file.
        seconds: it took.
        error: a line about what stopped it; empty if nothing did.
        details: of that, for a person.
    """

    name: str
    text: str = field(repr=False)
    seconds: float
    error: str
    details: str


@dataclass(frozen=True)
class RowResult:
    """What came of a row.

    Attributes:
        notebooks: those that were executed; only the last can have failed.
        seconds: all took together.
        kernel_died: whether it ended because a kernel did, by itself.
        cancelled: whether it ended because the runner said so.
        results: what the notebooks have saved as data, by name.
    """

    notebooks: Sequence[NotebookResult]
    seconds: float
    kernel_died: bool
    cancelled: bool
    results: Results = field(default_factory=dict)

    @property
    def failed(self) -> NotebookResult | None:
        """The notebook that failed, if one did."""
        return next((notebook for notebook in self.notebooks if notebook.error), None)


class RowLostError(Exception):
    """A row did not come back from the workers; the message says why, and names no folder and no secret."""


class RowEvent(TypedDict):
    """What a worker reports while it runs a row.

    Attributes:
        row: its name.
        attempt: which.
        notebook: that has been executed; None when the row has been begun.
    """

    row: str
    attempt: int
    notebook: str | None
