"""What tests of runs share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from workshop.notebooks.outcome import Failure
from workshop.pages.page_maker import PageMaker
from workshop.sandbox import FreshSandbox


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


@pytest.fixture(scope="session")
def page_maker() -> Iterator[SharedPageMaker]:
    maker = SharedPageMaker()
    yield maker
    PageMaker.close(maker)


@pytest.fixture
def shared_page_maker(page_maker: SharedPageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in the test's own process have their pages made by one process, which stays."""
    monkeypatch.setattr("workshop.pages.output.PageMaker", lambda: page_maker)


@pytest.fixture(scope="session")
def fresh_sandbox() -> Iterator[FreshSandbox]:
    """One sandbox for all whose notebooks change nothing in it."""
    with FreshSandbox() as sandbox:
        yield sandbox
