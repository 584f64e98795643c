"""Which notebooks there are, and in what order they run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.errors import UsageError
from workshop.paths import NOTEBOOKS

_NUMBERED = re.compile(r"(\d\d)_\w+\Z", re.ASCII)


@dataclass(frozen=True, order=True)
class Notebook:
    """A notebook of a series, such as ``03_grant_access``."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def number(self) -> int:
        """Its place in the series, counted from 0."""
        return int(self.name[:2])


def find_series(folder: Path = NOTEBOOKS) -> list[Notebook]:
    """Return the numbered notebooks of ``folder`` in order; raise UsageError if there are none, or one is missing."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder." if folder.exists() else f"There is no folder {folder}.")
    found = sorted(Notebook(path) for path in folder.glob("*.ipynb") if _NUMBERED.match(path.stem))
    if not found:
        raise UsageError(f"{folder} has no notebooks named like 00_prerequisites.ipynb.")
    for index, notebook in enumerate(found):
        if notebook.number < index:
            raise UsageError(f"Two notebooks have the number {notebook.number:02}: see {notebook.path.name}.")
        if notebook.number > index:
            raise UsageError(f"The notebook with the number {index:02} is missing in {folder}.")
    return found


def select(series: Sequence[Notebook], first: str | None = None, last: str | None = None) -> list[Notebook]:
    """Return the part of ``series`` from ``first`` to ``last``, both included; None stands for either end.

    Each is a number (``3``, ``03``) or a name (``03_grant_access``, ``grant_access``).
    """
    begin = 0 if first is None else _index(series, first)
    end = len(series) - 1 if last is None else _index(series, last)
    if end < begin:
        raise UsageError(f"{series[end].name} comes before {series[begin].name}: nothing to run.")
    return list(series[begin : end + 1])


def _index(series: Sequence[Notebook], wanted: str) -> int:
    for index, notebook in enumerate(series):
        number, _, topic = notebook.name.partition("_")
        if wanted.removesuffix(".ipynb") in {notebook.name, topic, number, str(notebook.number)}:
            return index
    raise UsageError(f"There is no notebook '{wanted}'. There are: {', '.join(book.name for book in series)}.")
