"""Pages of runs, made by a process that stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workshop.notebooks.outcome import Failure
from workshop.pages.page_maker import PageMaker


class SharedPageMaker(PageMaker):
    """Makes the pages of one run after the other: to start one takes longer than the pages of a small notebook.

    It makes those that a run waits for, and at once; the others it never begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted: list[tuple[Path, Sequence[str], Path, Failure | None]] = []

    def make(self, notebook: Path, names: Sequence[str], folder: Path, failure: Failure | None) -> None:
        self._wanted.append((notebook, names, folder, failure))

    def finish(self) -> None:
        for job in self._wanted:
            super().make(*job)
        try:
            super().finish()
        finally:
            self._jobs = 0

    def close(self) -> None:
        """Stay."""
        self._wanted.clear()
