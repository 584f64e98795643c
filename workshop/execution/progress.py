"""Progress events of a run or a batch, and what shows them: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workshop.notebooks.outcome import State
from workshop.words import quantity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


@dataclass(frozen=True)
class ProgressEvent:
    """How far a notebook of a run is, or a row of a batch."""

    name: str  # of the notebook or row
    state: State
    done: int  # how many of its parts are executed: cells of a notebook, notebooks of a row
    total: int  # how many there are
    seconds: float = 0.0  # it took, once it has ended
    error: str = ""  # a line about what was wrong; empty if nothing was


class Reporter(AbstractContextManager["Reporter"]):
    """Is told how a run or a batch goes on; this one shows nothing. Used in a ``with``, to leave a display tidy."""

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        """Take a sentence about the whole, such as what it is waiting for."""

    def report(self, event: ProgressEvent) -> None:
        """Take an event. The first one about each notebook or row says that it is pending."""


class LineReporter(Reporter):
    """Prints a line for each notebook that has ended: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def report(self, event: ProgressEvent) -> None:
        """Say how a notebook ended."""
        if event.state.ended:
            text = f"{event.name}: {event.state}, {quantity(event.total, 'cell')}, {event.seconds:.1f} s"
            self._console.print(text, highlight=False)


class LiveReporter(Reporter):
    """Shows a bar for each notebook, moving while it runs."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("cells"),
            TimeElapsedColumn(),
            console=console,
        )
        self._status = console.status("")
        self._tasks: dict[str, TaskID] = {}

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._progress.stop()

    def note(self, text: str) -> None:
        """Show it with something that moves, until the first event."""
        self._status.update(f"{text} …")
        self._status.start()

    def report(self, event: ProgressEvent) -> None:
        """Add a notebook's bar, or move it."""
        if event.name not in self._tasks:
            self._status.stop()
            self._progress.start()
            self._tasks[event.name] = self._progress.add_task(f"[dim]{event.name}", total=event.total, start=False)
        task = self._tasks[event.name]
        if event.state is State.RUNNING and event.done == 0:
            self._progress.start_task(task)
            self._progress.update(task, description=event.name)
        self._progress.update(task, completed=event.done)
        if event.state is State.FAILED:
            self._progress.update(task, description=f"[red]✗ {event.name}")
        if event.state.ended:
            self._progress.stop_task(task)


def reporter_on(console: Console) -> Reporter:
    """Return what fits ``console``: a display in a terminal that can move its cursor, else lines."""
    return LiveReporter(console) if console.is_terminal and not console.is_dumb_terminal else LineReporter(console)
