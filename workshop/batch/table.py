"""Reads the rows of a batch from a CSV, YAML or JSON file, and notes all that is wrong with the file."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.batch.delimited import Delimited, read_delimited
from workshop.batch.problems import Problem
from workshop.errors import UsageError
from workshop.notebooks.parameters import Text

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SHAPE = "it should hold a list with names and values for each row, such as: - {identity_name: ID1}"


@dataclass(frozen=True)
class RawRow:
    """A row as the file has it.

    Attributes:
        number: counted from 1.
        place: what to call it in a message.
        values: by column; a ``Text`` if the file has nothing but text.
    """

    number: int
    place: str
    values: dict[str, object]


@dataclass
class Table:
    """The rows that could be read, and what is wrong with the file."""

    rows: list[RawRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _Repeating(dict[str, Any]):
    """Names and values of which a name came twice."""

    repeated: str


def read_table(path: Path) -> Table:
    """Read the rows of a batch.

    Args:
        path: a ``.csv``, ``.yaml``, ``.yml`` or ``.json`` file.

    Raises:
        UsageError: It cannot be read, or is of another kind.
    """
    if path.suffix.lower() not in {".csv", ".yaml", ".yml", ".json"}:
        raise UsageError(f"{path} should be called .csv, .yaml, .yml or .json.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if content.startswith(_WIDE) or b"\0" in content:
        raise UsageError(f"{path} is not in UTF-8 but seems to be in UTF-16; save it as UTF-8.")
    text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="surrogateescape")
    if not text.strip():
        raise UsageError(f"{path} is empty.")
    table = _from_cells(read_delimited(text)) if path.suffix.lower() == ".csv" else _from_items(path, text)
    if not table.rows and not table.problems:
        table.problems.append(Problem(f"{path} has no rows."))
    return table


def _from_cells(found: Delimited) -> Table:
    table = Table(problems=found.problems)
    for number, (line, cells) in enumerate(found.records, 1):
        place = f"row {number} (line {line})"
        values: dict[str, object] = {}
        for column, cell in zip(found.columns, cells, strict=False):
            if not cell.isascii() and _undecoded(cell):
                table.problems.append(Problem("This is not in UTF-8; save the file as UTF-8.", place, column))
            elif cell:
                values[column] = Text(cell)
        table.problems += [Problem(text, place) for text in _misfit(found.columns, cells)]
        table.rows.append(RawRow(number, place, values))
    return table


def _misfit(columns: list[str], cells: list[str]) -> list[str]:
    if len(cells) < len(columns):
        missing = ", ".join(columns[len(cells) :])
        return [f"It has {len(cells)} cells for {len(columns)} columns; missing: {missing}."]
    if len(cells) > len(columns):
        return [f"It has {len(cells)} cells for {len(columns)} columns; put text with commas in quotation marks."]
    return [] if any(cells) else ["It is empty; delete it."]


def _from_items(path: Path, text: str) -> Table:
    if _undecoded(text):
        lines = [str(number) for number, line in enumerate(text.splitlines(), 1) if _undecoded(line)]
        raise UsageError(f"{path} is not in UTF-8, see line {', '.join(lines[:5])}; save it as UTF-8.")
    items = _json(path, text) if path.suffix.lower() == ".json" else _yaml(path, text)
    if not isinstance(items, list):
        raise UsageError(f"{path} is not a batch: {_SHAPE}")
    table = Table()
    for number, item in enumerate(items, 1):
        place = f"row {number}"
        if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
            table.problems.append(Problem("It should be names and values, such as: {identity_name: ID1}", place))
            continue
        if isinstance(item, _Repeating):
            table.problems.append(Problem("It is there twice.", place, item.repeated))
        table.rows.append(RawRow(number, place, dict(item)))
    return table


def _undecoded(text: str) -> bool:
    """Whether there were bytes that are not UTF-8; they decode to lone surrogates."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The value by name; marked if that loses one."""
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    names = [name for name, _ in pairs]
    marked = _Repeating(values)
    marked.repeated = next(name for place, name in enumerate(names) if name in names[:place])
    return marked


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error


def _yaml(path: Path, text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """Notices names that come twice."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
        names = [loader.construct_object(name) for name, _ in node.value]
        loader.flatten_mapping(node)
        values: dict[Any, Any] = loader.construct_mapping(node, deep=True)
        if all(isinstance(name, str) for name in names):
            repeated = _unique([(name, None) for name in names])
            if isinstance(repeated, _Repeating):
                marked = _Repeating(values)
                marked.repeated = repeated.repeated
                return marked
        return values

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
