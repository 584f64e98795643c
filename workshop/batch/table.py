"""Reads the rows of a batch from a CSV, YAML or JSON file, and collects all that is wrong with the file."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from workshop.csv_files import CsvText, read_csv
from workshop.errors import UsageError, translate_os_errors
from workshop.files import WithDuplicate, parse_data
from workshop.notebooks.parameters import Text
from workshop.words import quantity

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHAPE = "it should hold a list with names and values for each row, such as: - {identity_name: ID1}"
_NUMBER = re.compile(r"\d+")
_MOST_LABELS = 3  # that are named of those with the same problem
_MOST_PROBLEMS = 10  # that are named of a column


@dataclass(frozen=True)
class Problem:
    """Something wrong in a row, a column, a cell, or the file as a whole."""

    text: str
    label: str = ""  # of the row or line, such as "row 2 (line 3)"; empty if it is not about one
    column: str = ""  # empty if it is not about one


@dataclass(frozen=True)
class RawRow:
    """A row as the file has it."""

    number: int  # counted from 1
    label: str  # what to call it in a message
    values: dict[str, object]  # by column; a Text if the file has nothing but text


@dataclass
class RawTable:
    """The rows that could be read, and what is wrong with the file."""

    rows: list[RawRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_table(path: Path) -> RawTable:
    """Read the rows of a CSV, YAML or JSON file, with what is wrong in it; raise UsageError if it is no such file."""
    if path.suffix.lower() not in {".csv", ".yaml", ".yml", ".json"}:
        raise UsageError(f"{path} should be called .csv, .yaml, .yml or .json; save a spreadsheet as CSV.")
    with translate_os_errors(f"{path} cannot be read", UsageError):
        content = path.read_bytes()
    if content.startswith(_WIDE) or b"\0" in content:
        raise UsageError(f"{path} is not in UTF-8 but seems to be in UTF-16; save it as UTF-8.")
    text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="surrogateescape")
    if not text.strip():
        raise UsageError(f"{path} is empty.")
    table = _from_csv(text) if path.suffix.lower() == ".csv" else _from_items(path, text)
    if not table.rows and not table.problems:
        table.problems.append(Problem(f"{path} has no rows."))
    return table


def _from_csv(text: str) -> RawTable:
    found = read_csv(text)
    table = RawTable(problems=[Problem(problem, f"line {line}") for line, problem in found.problems])
    columns = _take_header(found, table) if found.records else []
    while found.records and not any(found.records[-1][1]):  # spreadsheets save rows that were emptied
        found.records.pop()
    for number, (line, cells) in enumerate(found.records, 1):
        label = f"row {number} (line {line})"
        values: dict[str, object] = {}
        for column, cell in zip(columns, cells, strict=False):
            if not cell.isascii() and _undecoded(cell):
                table.problems.append(Problem("This is not in UTF-8; save the file as UTF-8.", label, column))
            elif cell:
                values[column] = Text(cell)
        table.problems += [Problem(text, label) for text in _misfit(columns, cells)]
        table.rows.append(RawRow(number, label, values))
    return table


def _take_header(found: CsvText, table: RawTable) -> list[str]:
    line, columns = found.records.pop(0)
    label = f"line {line}"
    for number, column in enumerate(columns, 1):
        if not column:
            table.problems.append(Problem(f"The header has no name for column {number}.", label))
        elif column in columns[: number - 1]:
            table.problems.append(Problem("The header has it twice.", label, column))
    return columns


def _misfit(columns: list[str], cells: list[str]) -> list[str]:
    if len(cells) < len(columns):
        missing = ", ".join(columns[len(cells) :])
        return [f"{_sizes(columns, cells)}; missing: {missing}."]
    if len(cells) > len(columns):
        return [f"{_sizes(columns, cells)}; put text with commas in quotation marks."]
    return [] if any(cells) else ["It is empty; delete it."]


def _sizes(columns: list[str], cells: list[str]) -> str:
    return f"It has {quantity(len(cells), 'cell')} for {quantity(len(columns), 'column')}"


def _from_items(path: Path, text: str) -> RawTable:
    if _undecoded(text):
        lines = [str(number) for number, line in enumerate(text.splitlines(), 1) if _undecoded(line)]
        raise UsageError(f"{path} is not in UTF-8, see line {', '.join(lines[:5])}; save it as UTF-8.")
    items = parse_data(path, text)
    if not isinstance(items, list):
        raise UsageError(f"{path} is not a batch: {_SHAPE}")
    table = RawTable()
    for number, item in enumerate(items, 1):
        label = f"row {number}"
        if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
            table.problems.append(Problem("It should be names and values, such as: {identity_name: ID1}", label))
            continue
        if isinstance(item, WithDuplicate):
            table.problems.append(Problem("It is there twice.", label, item.duplicate))
        table.rows.append(RawRow(number, label, dict(item)))
    return table


def _undecoded(text: str) -> bool:
    """Whether there were bytes that are not UTF-8; they decode to lone surrogates."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def sentences(problems: Iterable[Problem]) -> list[str]:
    """Return a line for each kind of problem, in the order of the file, with its rows; the first of each column."""
    found: dict[tuple[str, str], list[str]] = {}
    for problem in sorted(problems, key=_place):
        labels = found.setdefault((problem.column, problem.text), [])
        if problem.label and problem.label not in labels:
            labels.append(problem.label)
    counts = Counter(column for column, _ in found)
    shown: Counter[str] = Counter()
    lines = []
    for (column, text), labels in found.items():
        shown[column] += 1
        if shown[column] <= _MOST_PROBLEMS:
            lines.append(_sentence(column, text, labels))
    rest = {column: count - _MOST_PROBLEMS for column, count in counts.items() if count > _MOST_PROBLEMS}
    return [*lines, *(f"and {more} more like these{f' in column {at}' if at else ''}" for at, more in rest.items())]


def _place(problem: Problem) -> int:
    """The line of a CSV file, or the number of an item: what a label ends with."""
    numbers = _NUMBER.findall(problem.label)
    return int(numbers[-1]) if numbers else 0


def _sentence(column: str, text: str, labels: list[str]) -> str:
    more = len(labels) - _MOST_LABELS
    shown = "; ".join(labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")
    where = ", ".join(part for part in (shown, f"column {column}" if column else "") if part)
    return f"{where}: {text}" if where else text
