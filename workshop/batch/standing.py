"""How a batch stands: each row, and all of them in figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from workshop.batch.manifest import Record
from workshop.batch.rows import Row
from workshop.batch.states import State

_ENDED = {State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED}


@dataclass(frozen=True)
class Executed:
    """A notebook that was executed for a row; ``error`` is empty if nothing stopped it."""

    name: str
    seconds: float
    error: str


@dataclass
class Standing:
    """A row and what has become of it.

    Attributes:
        row: the row.
        state: it is in.
        attempt: how often it has been begun.
        failures: how many of those failed by the row's own doing.
        excused: how many failed for a reason outside it.
        notebooks: what its latest attempt executed.
        executing: how many notebooks it has executed while it runs.
        workers: how many have begun its latest attempt; a second one does if the first has ended.
        error: a line about what was wrong.
        account: of that, for a person.
        seconds: the latest attempt took.
        generation: of the sandbox it was begun with.
        earlier: whether it was completed by an earlier run.
    """

    row: Row
    state: State = State.PENDING
    attempt: int = 0
    failures: int = 0
    excused: int = 0
    notebooks: list[Executed] = field(default_factory=list)
    executing: int = 0
    workers: int = 0
    error: str = ""
    account: str = ""
    seconds: float = 0.0
    generation: int = 0
    earlier: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in _ENDED

    def record(self) -> Record:
        """The manifest's line about it."""
        failed = next((notebook.name for notebook in self.notebooks if notebook.error), None)
        return Record(
            row=self.row.number,
            name=self.row.name,
            state=self.state,
            notebook=failed,
            error=self.error or None,
            seconds=round(self.seconds, 3),
            inputs=self.row.inputs,
        )


@dataclass
class Tally:
    """A batch in figures, as it goes on.

    Args:
        standings: of all rows.
    """

    standings: Sequence[Standing]
    began: float = field(default_factory=time.monotonic)
    first_row_began: float | None = None

    @property
    def states(self) -> Counter[State]:
        """How many rows are in each state."""
        return Counter(standing.state for standing in self.standings)

    @property
    def ended(self) -> int:
        """How many rows have ended, those of earlier runs among them."""
        return sum(standing.ended for standing in self.standings)

    @property
    def notebooks(self) -> int:
        """How many notebooks this run has executed."""
        return sum(
            standing.executing if standing.state is State.RUNNING else len(standing.notebooks)
            for standing in self.standings
        )

    @property
    def seconds(self) -> float:
        """How long this run has been going on."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Rows a second in this run, since its first one was begun."""
        if self.first_row_began is None:
            return 0.0
        ran = sum(standing.ended and not standing.earlier for standing in self.standings)
        return ran / max(time.monotonic() - self.first_row_began, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds that are left, if it goes on like this; None as long as there is no telling."""
        return (len(self.standings) - self.ended) / self.rate if self.rate > 0 else None


def duration(seconds: float) -> str:
    """Return ``seconds`` as a person says it: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
