"""CSV as spreadsheets write it, read strictly; and written so that they compute nothing in it."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_DELIMITERS = ",;\t"  # spreadsheets write the second where the first is the decimal point
_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?[,;\t]*', re.IGNORECASE)  # a first line that Excel writes, and understands
_PROBLEMS = {
    "unexpected end of data": "A quotation mark is opened here and never closed.",
    "expected after": "Something follows a closing quotation mark. Double the quotation marks that belong to the text.",
    "field larger than": "A cell is longer than any value can be; is a quotation mark not closed?",
}
# What a spreadsheet takes for a formula at the beginning of a cell, or after what it may take for the end of one.
_FORMULA = re.compile(r"(^|[;,|\t\r\n\"])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


@dataclass
class CsvText:
    """What was read, the header included, and what is wrong; with the line where each begins, counted from 1."""

    records: list[tuple[int, list[str]]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


def read_csv(text: str) -> CsvText:
    """Read records, going on after each line that is wrong to name all of them.

    Lines with nothing at all are left out, and so are spaces around cells.
    """
    lines = list(io.StringIO(text, newline=""))
    delimiter, start = _delimiter(lines[0] if lines else "")
    found = CsvText()
    while start < len(lines):
        reader = csv.reader(lines[start:], delimiter=delimiter, strict=True, skipinitialspace=True)
        line = start
        try:
            for cells in reader:
                if cells:
                    found.records.append((line + 1, [cell.strip() for cell in cells]))
                line = start + reader.line_num
            break
        except csv.Error as error:
            found.problems.append((line + 1, _sentence(error)))
            start = line + 1
    return found


def _delimiter(first: str) -> tuple[str, int]:
    """What stands between cells, and how many lines do nothing but say so."""
    if said := _SEPARATOR.fullmatch(first.rstrip("\r\n")):
        return said[1], 1
    return max(_DELIMITERS, key=first.count), 0


def _sentence(error: csv.Error) -> str:
    return next((text for part, text in _PROBLEMS.items() if part in str(error)), f"It cannot be read: {error}.")


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV in which a spreadsheet computes nothing: formulas have an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerows([_FORMULA.sub(r"\1\2'", cell) for cell in row] for row in rows)
    return text.getvalue()
