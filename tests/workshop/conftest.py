"""What tests of runs share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from workshop.errors import WorkshopError
from workshop.pages.page_maker import PageMaker


class SharedPageMaker(PageMaker):
    """Makes the pages of one run after the other: to start one takes longer than the pages of a small notebook."""

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self._jobs = 0

    def close(self) -> None:
        """Take the answers that a run did not wait for, and stay."""
        with contextlib.suppress(WorkshopError):
            self.finish()


@pytest.fixture(scope="session")
def page_maker() -> Iterator[SharedPageMaker]:
    maker = SharedPageMaker()
    yield maker
    PageMaker.close(maker)


@pytest.fixture
def shared_page_maker(page_maker: SharedPageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in the test's own process have their pages made by one process, which stays."""
    monkeypatch.setattr("workshop.pages.output.PageMaker", lambda: page_maker)
