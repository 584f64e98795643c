"""How a batch shows where it is: live in a terminal, in plain lines everywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from workshop.batch.standing import Standing, Tally, duration
from workshop.batch.states import State

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress


_STEP = 0.2  # seconds: a display need not move more often


class BatchProgress(Protocol):
    """What is told of a batch as it goes on. Used in a ``with``, so that a display is left tidy."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show no more."""

    def tick(self, tally: Tally) -> None:
        """This is how it stands."""

    def ended(self, standing: Standing, tally: Tally) -> None:
        """A row has ended."""

    def note(self, text: str) -> None:
        """Something that people want to know."""


class Lines:
    """A line for each row that has ended: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tick(self, tally: Tally) -> None:
        """Say nothing."""

    def ended(self, standing: Standing, tally: Tally) -> None:
        """Say how it went, and how the whole goes."""
        self._print(f"{_outcome(standing)} ({tally.ended} of {len(tally.standings)}{_pace(tally)})")

    def note(self, text: str) -> None:
        """Say it."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class Live:
    """A bar that moves with the rows, and a line for each that fails."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: RichProgress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("rows{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("rows", total=None, figures="")
        self._moved = float("-inf")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tick(self, tally: Tally) -> None:
        """Move the bar."""
        now = time.monotonic()
        if now - self._moved < _STEP and tally.ended < len(tally.standings):
            return
        self._moved = now
        states = tally.states
        parts = [f"{states[State.RUNNING]} running"] if states[State.RUNNING] else []
        parts += [f"[red]{states[State.FAILED]} failed[/red]"] if states[State.FAILED] else []
        parts.append(f"{tally.notebooks} notebooks{_pace(tally)}")
        self._progress.update(
            self._task, completed=tally.ended, total=len(tally.standings), figures=f" · {' · '.join(parts)}"
        )

    def ended(self, standing: Standing, tally: Tally) -> None:
        """Name those that did not complete."""
        if standing.state is not State.COMPLETED:
            self.note(_outcome(standing))

    def note(self, text: str) -> None:
        """Say it above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def batch_progress_on(console: Console) -> BatchProgress:
    """Return what fits ``console``: a display in a terminal, else lines."""
    return Live(console) if console.is_terminal else Lines(console)


def _outcome(standing: Standing) -> str:
    text = f"{standing.row.name}: {standing.state}, {len(standing.notebooks)} notebooks, {standing.seconds:.1f} s"
    failed = standing.record().notebook
    return f"{text}: {f'{failed}: ' if failed else ''}{standing.error}" if standing.error else text


def _pace(tally: Tally) -> str:
    if not tally.rate:
        return ""
    pace = f"{tally.rate:.2f} rows a second" if tally.rate >= 1 else f"{tally.rate * 60:.1f} rows a minute"
    return f", {pace}, {duration(tally.left)} left" if tally.left else f", {pace}"
