"""What the runner sends to a worker, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from workshop.kernels.start import KernelKind
from workshop.notebooks.outcome import Results
from workshop.notebooks.parameters import Value


@dataclass(frozen=True)
class NotebookTask:
    """A notebook to execute: the text of its file, and what it gets as parameters."""

    name: str
    text: str = field(repr=False)
    parameters: Mapping[str, Value]


@dataclass(frozen=True)
class RowTask:
    """A row to run."""

    batch: str  # the same for each run over an output folder
    topic: str  # of Dask's events, under which the worker reports its progress
    row: str
    attempt: int  # counted from 1
    notebooks: Sequence[NotebookTask]
    folder: str  # to execute them in, if the worker has it; else in an empty one
    kind: KernelKind
    timeout: float | None  # seconds that a notebook may take
    # The variables that point Azure's clients to a sandbox, a secret among them: never shown, so that it is in no log
    # of Dask's. None to leave the worker's own as they are.
    sandbox: Mapping[str, str] | None = field(repr=False)


@dataclass(frozen=True)
class NotebookResult:
    """An executed notebook, clean."""

    name: str
    text: str = field(repr=False)
    seconds: float
    error: str  # a line about what stopped it; empty if nothing did
    details: str  # the account of it, for a person


@dataclass(frozen=True)
class RowResult:
    """What came of a row."""

    notebooks: Sequence[NotebookResult]  # those that were executed; only the last can have failed
    seconds: float
    kernel_died: bool  # whether it ended because a kernel did, by itself
    cancelled: bool  # whether it ended because the runner said so
    results: Results = field(default_factory=dict)  # what the notebooks have saved as data, by name

    @property
    def failed(self) -> NotebookResult | None:
        """The notebook that failed, if one did."""
        return next((notebook for notebook in self.notebooks if notebook.error), None)


class RowLostError(Exception):
    """A row did not come back from the workers; the message says why, and names no folder and no secret."""


class RowEvent(TypedDict):
    """What a worker reports while it runs a row."""

    row: str
    attempt: int
    notebook: str | None  # which has been executed; None when the row has been begun
