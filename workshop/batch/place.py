"""Where the executed notebooks of a batch go: a folder, or any address that papermill writes to."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Protocol

from workshop.batch.task import NotebookResult
from workshop.errors import UsageError, WorkshopError
from workshop.files import write_whole


class Place(Protocol):
    """Keeps executed notebooks."""

    def save(self, row: str, notebook: NotebookResult) -> None:
        """Keep an executed notebook of a row.

        Raises:
            WorkshopError: It cannot be written; nothing of it is there.
        """


class Folder:
    """A folder with one for each row in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, row: str, notebook: NotebookResult) -> None:
        """Write a notebook whole or not at all."""
        path = self._path / row / f"{notebook.name}.ipynb"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, notebook.text)
        except OSError as error:
            raise WorkshopError(f"{path} cannot be written: {error.strerror}.") from error


class Address:
    """An address such as ``s3://bucket/folder``, written to as papermill does.

    Args:
        url: with or without a query, which may hold a signature and so is never shown.

    Raises:
        UsageError: papermill knows nothing that writes there, or it is not installed.
    """

    def __init__(self, url: str) -> None:
        from papermill.iorw import papermill_io

        base, mark, query = url.partition("?")
        self._base = base.rstrip("/")
        self._query = mark + query
        self._io: Any = papermill_io
        missing = self._missing()
        if missing:
            raise UsageError(f"papermill cannot write to {base}: {missing}")

    def _missing(self) -> str:
        """What papermill lacks for this address, which shows at the first use of it; empty if nothing."""
        from papermill.exceptions import (
            PapermillException,
            PapermillOptionalDependencyException,
        )

        try:
            handler = self._io.get_handler(self._base)
        except PapermillException as error:
            return str(error)
        try:
            handler.listdir(f"{self._base}/{uuid.uuid4().hex}{self._query}")
        except PapermillOptionalDependencyException as error:
            return str(error)
        except Exception:  # not to be listed, or not there: what counts is whether it can be written
            return ""
        return ""

    def save(self, row: str, notebook: NotebookResult) -> None:
        """Write a notebook."""
        url = f"{self._base}/{row}/{notebook.name}.ipynb"
        try:
            self._io.write(notebook.text, url + self._query)
        except Exception as error:  # each scheme has its own
            told = str(error).replace(self._query, "") if self._query else str(error)
            raise WorkshopError(f"{url} cannot be written: {type(error).__name__}: {told}") from None


def is_address(output: str) -> bool:
    """Say whether an output is an address and not a folder."""
    return "://" in output
