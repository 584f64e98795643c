"""The manifest of a batch: a line of JSON for each time a row changes state, on disk before anything follows from it.

The first lines of each run say which rows there are. Whoever reads it takes the last line about a row; a last line
that was not written to its end, because the runner was killed or the disk was full, does not count.
"""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from workshop.batch.status import RowStatus
from workshop.errors import UsageError, WorkshopError, translate_os_errors
from workshop.notebooks.outcome import Results, State
from workshop.notebooks.parameters import Value


@dataclass(frozen=True)
class Record:
    """A line of the manifest."""

    row: int  # its number, counted from 1
    name: str
    state: State
    notebook: str | None = None  # the one that failed
    error: str | None = None  # a line about what was wrong
    seconds: float = 0.0  # that the row ran
    inputs: str = ""  # a digest of its notebooks and parameters
    parameters: Mapping[str, Value] = field(default_factory=dict)  # what the row says
    results: Results = field(default_factory=dict)  # what the notebooks have saved as data, by name

    @classmethod
    def of(cls, status: RowStatus) -> Self:
        """Return the line about a row as it is now."""
        return cls(
            row=status.row.number,
            name=status.row.name,
            state=status.state,
            notebook=status.failed_notebook,
            error=status.error or None,
            seconds=round(status.seconds, 3),
            inputs=status.row.inputs,
            parameters=status.row.given,
            results=status.results,
        )


class Manifest(AbstractContextManager["Manifest"]):
    """Writes a manifest, after what is there already; raises UsageError if it cannot. Used in a ``with``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translate_os_errors(f"{path} cannot be written", UsageError):
            self._file: BinaryIO = path.open("ab+", buffering=0)
            self._file.seek(0)
            self._end = self._file.read().rfind(b"\n") + 1  # of the lines that are whole
            self._file.truncate(self._end)

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, *records: Record) -> None:
        """Add records: when this returns they are on disk, and if it raises WorkshopError, no part of them is."""
        text = "".join(json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records)
        lines = text.encode("utf-8", "backslashreplace")  # JSON writes lone surrogates in the same way
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self._end)
            raise WorkshopError(
                f"{self.path} cannot be written: {error.strerror}. What it says so far is true: once it can be written "
                "again, --resume goes on from there."
            ) from error
        self._end += len(lines)


def read_manifest(path: Path) -> dict[str, Record]:
    """Return the last record of each row, by the row's name; none if there is no manifest."""
    if not path.exists():
        return {}
    try:
        *lines, _unfinished = path.read_bytes().split(b"\n")
        contents = [json.loads(line) for line in lines]
        return {each["name"]: Record(**{**each, "state": State(each["state"])}) for each in contents}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WorkshopError(f"{path} is damaged or not a batch's manifest: {error!r}.") from error
