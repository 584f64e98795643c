"""What is wrong with the rows of a batch, said for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_MOST_PLACES = 3  # that are named of those with the same problem


@dataclass(frozen=True)
class Problem:
    """Something wrong in a row, a column, a cell, or the file as a whole.

    Attributes:
        text: a sentence.
        place: of the row, such as ``row 2 (line 3)``; empty if it is not about a row.
        column: its name; empty if it is not about a column.
    """

    text: str
    place: str = ""
    column: str = ""


def sentences(problems: Iterable[Problem]) -> list[str]:
    """Return a line for each kind of problem, with the places where it was found."""
    found: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        places = found.setdefault((problem.column, problem.text), [])
        if problem.place and problem.place not in places:
            places.append(problem.place)
    return [_sentence(column, text, places) for (column, text), places in found.items()]


def _sentence(column: str, text: str, places: list[str]) -> str:
    more = len(places) - _MOST_PLACES
    shown = "; ".join(places[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
    where = ", ".join(part for part in (shown, f"column {column}" if column else "") if part)
    return f"{where}: {text}" if where else text
