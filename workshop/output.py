"""The folder in which a run leaves the executed notebooks and their pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from workshop.errors import UsageError, WorkshopError
from workshop.files import notebook_text, write_whole
from workshop.html import Row, index_page, notebook_page
from workshop.running import Outcome

INDEX = "index.html"
_OURS = re.compile(r"\d\d_\w+\.(?:ipynb|html)\Z", re.ASCII)


class OutputFolder:
    """Saves what a run brings about, as it comes. Used in a ``with``, at whose end all of it is written.

    Pages are made on a thread of their own, while the next notebook runs.

    Args:
        path: the folder; made if it is not there. What an earlier run left in it goes.
        names: of the notebooks that will run.

    Raises:
        UsageError: The folder cannot be made or written to.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path.absolute()
        self._names = names
        self._rows: list[Row] = []
        self._pages: list[Future[None]] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for old in [found for found in self.path.iterdir() if _OURS.match(found.name) or found.name == INDEX]:
                old.unlink()
            write_whole(self.path / INDEX, "")
        except OSError as error:
            raise UsageError(f"The folder {path} cannot be written to: {error.strerror}.") from error
        self._writer = ThreadPoolExecutor(1, "pages")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.shutdown(cancel_futures=error is not None)

    def save(self, outcome: Outcome) -> None:
        """Save an executed notebook now, and its page soon.

        Raises:
            WorkshopError: It cannot be written.
        """
        self._write(f"{outcome.name}.ipynb", notebook_text(outcome.node))
        self._pages.append(self._writer.submit(self._save_page, outcome))

    def _save_page(self, outcome: Outcome) -> None:
        page = notebook_page(outcome.node, self._names, outcome.name, outcome.folder, outcome.failure)
        self._write(f"{outcome.name}.html", page)

    def finish(self, rows: Sequence[Row], summary: dict[str, str], account: str) -> Path:
        """Wait for the pages and write the one that lists them.

        Returns:
            That page.

        Raises:
            WorkshopError: Something could not be written.
        """
        for page in self._pages:
            page.result()
        self._write(INDEX, index_page(rows, summary, account))
        return self.path / INDEX

    def _write(self, name: str, text: str) -> None:
        try:
            write_whole(self.path / name, text)
        except OSError as error:
            raise WorkshopError(f"{self.path / name} cannot be written: {error.strerror}.") from error
