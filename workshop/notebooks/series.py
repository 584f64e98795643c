"""Which notebooks there are, and in what order they run."""

import re
from collections.abc import Sequence
from pathlib import Path

from workshop.errors import UsageError
from workshop.paths import NOTEBOOKS

_NUMBERED = re.compile(r"(\d\d)_\w+\Z", re.ASCII)


def find_series(folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the numbered notebooks of ``folder`` in order; raise UsageError if there are none, or one is missing."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder." if folder.exists() else f"There is no folder {folder}.")
    found = sorted(path for path in folder.glob("*.ipynb") if _NUMBERED.match(path.stem))
    if not found:
        raise UsageError(f"{folder} has no notebooks named like 00_prerequisites.ipynb.")
    for index, path in enumerate(found):
        number = int(path.name[:2])
        if number < index:
            raise UsageError(f"Two notebooks have the number {number:02}: see {path.name}.")
        if number > index:
            raise UsageError(f"The notebook with the number {index:02} is missing in {folder}.")
    return found


def select(series: Sequence[Path], first: str | None = None, last: str | None = None) -> list[Path]:
    """Return the part of ``series`` from ``first`` to ``last``, both included; None stands for either end.

    Each is a number (``3``, ``03``) or a name (``03_grant_access``, ``grant_access``).
    """
    begin = 0 if first is None else _index(series, first)
    end = len(series) - 1 if last is None else _index(series, last)
    if end < begin:
        raise UsageError(f"{series[end].stem} comes before {series[begin].stem}: nothing to run.")
    return list(series[begin : end + 1])


def _index(series: Sequence[Path], wanted: str) -> int:
    for index, path in enumerate(series):
        number, _, topic = path.stem.partition("_")
        if wanted.removesuffix(".ipynb") in {path.stem, topic, number, str(index)}:
            return index
    raise UsageError(f"There is no notebook '{wanted}'. There are: {', '.join(path.stem for path in series)}.")
