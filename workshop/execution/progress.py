"""How a run shows where it is: live in a terminal, in plain lines everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress(Protocol):
    """What is told of a run as it goes on. Used in a ``with``, so that a display is left tidy."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Show no more."""

    def preparing(self, what: str) -> None:
        """This goes on before the first notebook."""

    def planned(self, notebooks: Sequence[tuple[str, int]]) -> None:
        """These notebooks will be executed: name and number of cells with code."""

    def started(self, name: str) -> None:
        """A notebook has been started."""

    def executed(self, name: str, cells: int) -> None:
        """So many of its cells are executed."""

    def ended(self, name: str, seconds: float, failed: bool) -> None:
        """It is done, or it failed."""


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def preparing(self, what: str) -> None:
        """Show nothing."""

    def planned(self, notebooks: Sequence[tuple[str, int]]) -> None:
        """Show nothing."""

    def started(self, name: str) -> None:
        """Show nothing."""

    def executed(self, name: str, cells: int) -> None:
        """Show nothing."""

    def ended(self, name: str, seconds: float, failed: bool) -> None:
        """Show nothing."""


class Lines(Silent):
    """A line for each notebook once it has ended: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._cells: dict[str, int] = {}

    def planned(self, notebooks: Sequence[tuple[str, int]]) -> None:
        """Remember how many cells there are."""
        self._cells = dict(notebooks)

    def ended(self, name: str, seconds: float, failed: bool) -> None:
        """Say how it went."""
        outcome = "failed" if failed else "completed"
        self._console.print(f"{name}: {outcome}, {self._cells[name]} cells, {seconds:.1f} s", highlight=False)


class Live:
    """A bar for each notebook, moving while it runs."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: RichProgress = Progress(
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()
        self._progress.stop()

    def preparing(self, what: str) -> None:
        """Show it with something that moves."""
        self._status.update(f"{what} …")
        self._status.start()

    def planned(self, notebooks: Sequence[tuple[str, int]]) -> None:
        """Show an empty bar for each."""
        self._status.stop()
        self._progress.start()
        for name, cells in notebooks:
            self._tasks[name] = self._progress.add_task(f"[dim]{name}", total=cells, start=False)

    def started(self, name: str) -> None:
        """Start its clock."""
        self._progress.update(self._tasks[name], description=name)
        self._progress.start_task(self._tasks[name])

    def executed(self, name: str, cells: int) -> None:
        """Move its bar."""
        self._progress.update(self._tasks[name], completed=cells)

    def ended(self, name: str, seconds: float, failed: bool) -> None:
        """Stop its clock."""
        if failed:
            self._progress.update(self._tasks[name], description=f"[red]✗ {name}")
        self._progress.stop_task(self._tasks[name])


def progress_on(console: Console) -> Progress:
    """Return what fits ``console``: a display in a terminal that can move its cursor, else lines."""
    return Live(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)
