"""Compact tables of Azure's objects, in HTML for the browser and in plain text for everything else."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from html import escape
from typing import Any

SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token(?!iz|is)|credential|signature|private_?key|access_?key|account_?key|api_?key"
    r"|connection_?string|client_?assertion|^authorization$"
    r"|(?:^|_)(?:sas|jwt|pwd|key|pat|(?:db|ftp|ldap|mail|mysql|pg|root|smtp|ssh|user)?pass)(?:_|$)",
    re.IGNORECASE,
)
_ABOUT_A_SECRET = re.compile(r"(type|url|uri|id|name|file|path|endpoint)$", re.IGNORECASE)  # and not one itself
_TOKEN = re.compile(r"\beyJ[\w-]{8,}[\w.-]*")
_HIDDEN = "(received, not shown)"
_LEFT = 'style="text-align:left"'  # Jupyter aligns to the right; colours are the theme's


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; one object is a row for each of its fields, without headings."""

    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()
    empty: str = "(nothing)"  # what is said where there are no rows
    scrap: Mapping[str, Any] | None = None  # what is saved as data, too, where papermill's users look for it

    def __repr__(self) -> str:
        lines = [self.headings, *self.rows] if self.headings else list(self.rows)
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        if self.headings:
            lines.insert(1, tuple("-" * width for width in widths))
        between = "  " if self.headings else " : "
        padded = [map(str.ljust, line, widths) for line in lines]
        return "\n".join(between.join(line).rstrip() for line in padded) or self.empty

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<em>{escape(self.empty)}</em>"
        head = "".join(f'<th scope="col" {_LEFT}>{escape(cell)}</th>' for cell in self.headings)
        lines = [f"<thead><tr>{head}</tr></thead>"] if head else []
        for first, *others in self.rows:
            # Ids are long, and no name in one is to be broken: they wrap after a slash.
            cells = "".join(f"<td {_LEFT}>{escape(cell).replace('/', '/<wbr>')}</td>" for cell in others)
            lines.append(f'<tr><th scope="row" {_LEFT}>{escape(first)}</th>{cells}</tr>')
        return "<table>\n" + "\n".join(lines) + "\n</table>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"application/scrapbook.scrap.json+json": self.scrap} if self.scrap else {}


class Shown(ABC):
    """Something that notebooks show as a table."""

    @abstractmethod
    def _table(self) -> Table:
        """Return that table."""

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def show(what: Any, *fields: str, result: str = "", empty: str = Table.empty) -> Table:
    """Return a table of one object or of several.

    Values that are secrets, by their name or because they look like a token, are left out.

    Args:
        what: A mapping, an object of the Azure SDK, or an iterable of them.
        fields: Which fields, in which order; ``"identity.type"`` looks into a field. All, if none is named.
        result: A name under which programs find the fields of one object in the saved notebook.
        empty: What it means if there is none of several.
    """
    if isinstance(what, Mapping) or not isinstance(what, Iterable):
        fields_of_it = _fields(what, fields)
        rows = tuple((name, _text(value)) for name, value in fields_of_it.items())
        scrap = {"name": result, "data": fields_of_it, "encoder": "json", "version": 1} if result else None
        return Table(rows, scrap=scrap)
    records = [_fields(each, fields) for each in what]
    headings = tuple(dict.fromkeys(name for record in records for name in record))
    cells = [tuple(_text(record.get(name, "")) for name in headings) for record in records]
    return Table(tuple(cells), headings, empty)


def _fields(what: Any, fields: Sequence[str]) -> dict[str, Any]:
    plain: dict[str, Any] = _plain({field: _look_up(what, field) for field in fields} or what)
    return plain


def _look_up(value: Any, path: str) -> Any:
    for name in path.split("."):
        if value is not None:
            value = value.get(name) if type(value) is dict else getattr(value, name)
    return value


def _plain(value: Any, name: object = "") -> Any:
    """Return the value of a field of this name as JSON has it, and nothing of it if it is a secret."""
    if value and SECRET_NAME.search(str(name)) and not _ABOUT_A_SECRET.search(str(name)):
        return _HIDDEN
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, Mapping):
        return {_TOKEN.sub(_HIDDEN, str(inner)): _plain(each, inner) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    value = value.value if isinstance(value, Enum) else value
    return value if value is None or isinstance(value, bool | int | float) else _TOKEN.sub(_HIDDEN, str(value))


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
