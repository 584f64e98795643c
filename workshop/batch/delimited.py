"""Reads text with a header and separators, strictly: what a spreadsheet saves as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

from workshop.batch.problems import Problem

_DELIMITERS = ",;\t"  # spreadsheets write the second where the first is the decimal point
_SAYINGS = {
    "unexpected end of data": "A quotation mark is opened here and never closed.",
    "expected after": "Something follows a closing quotation mark. Double the quotation marks that belong to the text.",
    "field larger than": "A cell is longer than any value can be; is a quotation mark not closed?",
}


@dataclass
class Delimited:
    """What was read.

    Attributes:
        columns: their names.
        records: the line where each begins, counted from 1, and its cells; lines with nothing at all are left out.
        problems: with the quotation marks and the header.
    """

    columns: list[str] = field(default_factory=list)
    records: list[tuple[int, list[str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_delimited(text: str) -> Delimited:
    """Read CSV, going on after a line that is wrong so that all that are can be named."""
    lines = list(io.StringIO(text, newline=""))
    delimiter = max(_DELIMITERS, key=lines[0].count)
    found = Delimited()
    start = 0
    while start < len(lines):
        reader = csv.reader(lines[start:], delimiter=delimiter, strict=True)
        line = start
        try:
            for cells in reader:
                if cells:
                    found.records.append((line + 1, [cell.strip() for cell in cells]))
                line = start + reader.line_num
            break
        except csv.Error as error:
            found.problems.append(Problem(_saying(error), f"line {line + 1}"))
            start = line + 1
    if found.records:
        _take_header(found)
    return found


def _take_header(found: Delimited) -> None:
    line, found.columns = found.records.pop(0)
    place = f"line {line}"
    for number, column in enumerate(found.columns, 1):
        if not column:
            found.problems.append(Problem(f"The header has no name for column {number}.", place))
        elif column in found.columns[: number - 1]:
            found.problems.append(Problem("The header has it twice.", place, column))


def _saying(error: csv.Error) -> str:
    return next((saying for part, saying in _SAYINGS.items() if part in str(error)), f"It cannot be read: {error}.")
