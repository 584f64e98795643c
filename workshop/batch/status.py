"""What has become of each row of a batch, and of all of them in figures."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from workshop.batch.rows import Row
from workshop.batch.task import NotebookResult
from workshop.execution.progress import ProgressEvent
from workshop.notebooks.outcome import Results, State


@dataclass
class RowStatus:
    """A row and what has become of it."""

    row: Row
    state: State = State.PENDING
    attempt: int = 0  # how often it has been begun
    own_failures: int = 0  # of those, how many failed by the row's own doing
    other_failures: int = 0  # how many failed for a reason outside the row
    notebooks: list[NotebookResult] = field(default_factory=list)  # without their texts, which are saved
    executed: int = 0  # notebooks, while it runs
    workers: int = 0  # that have begun its latest attempt: a second one does if the first has ended
    error: str = ""  # a line about what was wrong
    details: str = ""  # the account of it, for a person
    seconds: float = 0.0  # that the latest attempt took
    results: Results = field(default_factory=dict)  # what its notebooks have saved as data, by name
    sandbox_restarts: int = 0  # how often the sandbox had been restarted when it was begun
    earlier: bool = False  # whether it was completed by an earlier run

    @property
    def failed_notebook(self) -> str | None:
        """The notebook that stopped its latest attempt, if one did."""
        return next((notebook.name for notebook in self.notebooks if notebook.error), None)

    def begin_attempt(self, sandbox_restarts: int) -> None:
        """Forget what the attempt before came to."""
        self.state = State.RUNNING
        self.attempt += 1
        self.notebooks, self.executed, self.workers = [], 0, 0
        self.error = self.details = ""
        self.seconds, self.results = 0.0, {}
        self.sandbox_restarts = sandbox_restarts

    def event(self) -> ProgressEvent:
        """Return how far it is."""
        return ProgressEvent(
            name=self.row.name,
            state=self.state,
            done=self.executed if self.state is State.RUNNING else len(self.notebooks),
            total=len(self.row.parameters),
            seconds=self.seconds,
            error=f"{self.failed_notebook}: {self.error}" if self.failed_notebook else self.error,
        )


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch."""

    rows: Sequence[RowStatus]
    seconds: float
    ended_early: str = ""  # what ended it before all rows had run; empty if nothing did
    interrupted: bool = False

    @property
    def states(self) -> Counter[State]:
        """How many rows are in each state."""
        return Counter(status.state for status in self.rows)

    @property
    def passed(self) -> bool:
        """Whether all rows are completed."""
        return self.states[State.COMPLETED] == len(self.rows)


class BatchStatistics:
    """A batch in figures as it goes on, from its progress events.

    Kept up with each of them: they are asked for as often, and to count thousands of rows each time takes minutes.
    """

    def __init__(self) -> None:
        self.states: Counter[State] = Counter()  # how many rows are in each
        self.notebooks = 0  # that this run has executed
        self.begun: set[str] = set()  # names of rows, by this run
        self.first_row_began = 0.0  # by time.monotonic
        self._latest: dict[str, ProgressEvent] = {}
        self._earlier = 0

    def add(self, event: ProgressEvent) -> None:
        """Take an event of a row into account."""
        before = self._latest.get(event.name)
        if before is not None:
            self.states[before.state] -= 1
            self.notebooks -= before.done
        self._latest[event.name] = event
        self.states[event.state] += 1
        self.notebooks += event.done
        if event.state is State.RUNNING:
            self.first_row_began = self.first_row_began or time.monotonic()
            self.begun.add(event.name)
        elif before is None and event.state.ended:
            self._earlier += 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._latest)

    @property
    def ended(self) -> int:
        """How many rows have ended, those of earlier runs among them."""
        return sum(number for state, number in self.states.items() if state.ended)

    @property
    def rate(self) -> float:
        """Rows a second in this run, since its first one was begun."""
        return (self.ended - self._earlier) / max(time.monotonic() - self.first_row_began, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds that are left, if it goes on like this; None as long as no row has ended."""
        return (self.rows - self.ended) / self.rate if self.rate > 0 else None


def duration(seconds: float) -> str:
    """Return ``seconds`` as a person says it: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
