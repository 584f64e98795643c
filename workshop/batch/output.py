"""Where the executed notebooks of a batch are saved: in a folder, or at any address that papermill writes to."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from workshop.batch.rows import Source
from workshop.batch.task import NotebookResult
from workshop.errors import UsageError, WorkshopError, translate_os_errors
from workshop.files import write_whole
from workshop.notebooks.secrets import Secrets
from workshop.pages.output import copy_files


class LocalOutput:
    """A folder with one for each row in it, for the notebooks of ``sources`` and their pictures."""

    warning = ""  # nothing speaks against it

    def __init__(self, folder: Path, sources: Sequence[Source] = ()) -> None:
        self._folder = folder
        self._sources = {source.path.stem: source for source in sources}

    def save(self, row: str, notebook: NotebookResult) -> None:
        """Write a notebook of a row, whole or not at all."""
        path = self._folder / row / f"{notebook.name}.ipynb"
        with translate_os_errors(f"{path} cannot be written"):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, notebook.text)
        if source := self._sources.get(notebook.name):
            copy_files(source.pictures, source.path.parent, path.parent)


class RemoteOutput:
    """An address such as ``s3://bucket/folder``, written to as papermill does.

    It may have a query, which may hold a signature and so is never shown.
    """

    def __init__(self, url: str) -> None:
        from papermill.iorw import papermill_io

        base, mark, query = url.partition("?")
        self._base = base.rstrip("/")
        self._query = mark + query
        self._secrets = Secrets([query])
        self._io: Any = papermill_io
        self.warning = self._try_listing()  # why it may not be usable

    def _try_listing(self) -> str:
        """List a folder that is not there: whether papermill can use an address shows at the first use of it.

        Whoever may write need not be allowed to list, so of all that can go wrong only what papermill lacks is final.
        """
        from papermill.exceptions import PapermillException, PapermillOptionalDependencyException

        try:
            handler = self._io.get_handler(self._base)
        except PapermillException as error:
            raise UsageError(f"papermill cannot write to {self._base}: {error}") from None
        try:
            handler.listdir(f"{self._base}/{uuid.uuid4().hex}{self._query}")
        except PapermillOptionalDependencyException as error:
            raise UsageError(f"papermill cannot write to {self._base}: {error}") from None
        except (PapermillException, FileNotFoundError):  # it has no way to list such addresses, or nothing is there
            return ""
        except Exception as error:  # each scheme has its own
            return f"{self._base} may not be usable, for it cannot be listed: {self._redacted(error)}"
        return ""

    def save(self, row: str, notebook: NotebookResult) -> None:
        """Write a notebook of a row."""
        url = f"{self._base}/{row}/{notebook.name}.ipynb"
        try:
            self._io.write(notebook.text, url + self._query)
        except Exception as error:  # each scheme has its own
            raise WorkshopError(f"{url} cannot be written: {self._redacted(error)}") from None

    def _redacted(self, error: Exception) -> str:
        return self._secrets.redact(f"{type(error).__name__}: {error}")


Output: TypeAlias = LocalOutput | RemoteOutput


def is_address(output: str) -> bool:
    """Return whether an output is an address and not a folder."""
    return "://" in output


def open_output(output: str, sources: Sequence[Source] = ()) -> Output:
    """Return where a batch saves to; raise UsageError if papermill cannot write there."""
    return RemoteOutput(output) if is_address(output) else LocalOutput(Path(output), sources)
