"""Compact tables of Azure's objects, in HTML for the browser and in plain text for everything else."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from html import escape
from typing import Any

# As in workshop/notebooks/secrets.py, which starts without Azure's clients and so cannot import it; a test compares.
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token(?!iz|is)|credential|signature|private_?key|access_?key|account_?key|api_?key"
    r"|connection_?string|client_?assertion|^authorization$"
    r"|(?:^|_)(?:sas|jwt|pwd|key|pat|(?:db|ftp|ldap|mail|mysql|pg|root|smtp|ssh|user)?pass)(?:_|$)",
    re.IGNORECASE,
)
_ABOUT_A_SECRET = re.compile(r"(type|url|uri|id|name|file|path|endpoint)$", re.IGNORECASE)  # and not one itself
_TOKEN = re.compile(r"\beyJ[\w-]{8,}[\w.-]*")
_HIDDEN = "(received, not shown)"
_NONE = "–"
_LEFT = 'style="text-align:left"'  # Jupyter aligns to the right; colours are the theme's


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; one object is a row for each of its fields, without headings."""

    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [self.headings, *self.rows] if self.headings else list(self.rows)
        if not lines:
            return "(nothing)"
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        between = "  " if self.headings else " : "
        text = [
            between.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        if self.headings:
            text.insert(1, between.join("-" * width for width in widths))
        return "\n".join(text)

    def _repr_html_(self) -> str:
        if not self.rows:
            return "<em>(nothing)</em>"
        head = "".join(f'<th scope="col" {_LEFT}>{escape(cell)}</th>' for cell in self.headings)
        lines = [f"<thead><tr>{head}</tr></thead>"] if head else []
        for first, *others in self.rows:
            cells = "".join(f"<td {_LEFT}>{_breakable(cell)}</td>" for cell in others)
            lines.append(f'<tr><th scope="row" {_LEFT}>{escape(first)}</th>{cells}</tr>')
        return "<table>\n" + "\n".join(lines) + "\n</table>"


def _breakable(text: str) -> str:
    """Return the text as HTML that wraps after a slash: ids are long, and no name in one is to be broken."""
    return escape(text).replace("/", "/<wbr>")


@dataclass(frozen=True, repr=False)
class Result(Table):
    """A table whose values are saved in the notebook as data, too, where papermill's users look for them."""

    name: str = ""
    data: Any = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        scrap = {"name": self.name, "data": self.data, "encoder": "json", "version": 1}
        return {"application/scrapbook.scrap.json+json": scrap}


class Shown(ABC):
    """Something that notebooks show as a table."""

    @abstractmethod
    def _table(self) -> Table: ...

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def show(what: Any, *fields: str, result: str = "") -> Table:
    """Return a table of one object or of several.

    Values that are secrets, by their name or because they look like a token, are left out.

    Args:
        what: A mapping, an object of the Azure SDK, or an iterable of them.
        fields: Which fields, in which order; ``"identity.type"`` looks into a field. All, if none is named.
        result: A name under which programs find the fields of one object in the saved notebook.

    Raises:
        AttributeError: An object has no such field.
    """
    if isinstance(what, Mapping) or not isinstance(what, Iterable):
        rows = tuple(_record(what, fields).items())
        return Result(rows, name=result, data=_as_data(_values(what, fields))) if result else Table(rows)
    records = [_record(each, fields) for each in what]
    headings = tuple(dict.fromkeys(name for record in records for name in record))
    return Table(tuple(tuple(record.get(name, "") for name in headings) for record in records), headings)


def _record(what: Any, fields: Sequence[str]) -> dict[str, str]:
    return {str(name): _text(name, value) for name, value in _values(what, fields).items()}


def _values(what: Any, fields: Sequence[str]) -> dict[str, Any]:
    if fields:
        return {field: _look_up(what, field) for field in fields}
    return dict(what) if isinstance(what, Mapping) else what.as_dict()


def _as_data(values: dict[str, Any]) -> Any:
    return json.loads(_TOKEN.sub(_HIDDEN, json.dumps(_without_secrets(values), default=_plain)))


def _look_up(what: Any, path: str) -> Any:
    value = what
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name) if type(value) is dict else getattr(value, name)
    return value


def _text(name: object, value: Any) -> str:
    """Return the value as text, and nothing of it if it is a secret."""
    if value and _is_secret(name):
        return _HIDDEN
    return _TOKEN.sub(_HIDDEN, _plain(value))


def _is_secret(name: object) -> bool:
    return bool(_SECRET_NAME.search(str(name)) and not _ABOUT_A_SECRET.search(str(name)))


def _plain(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    value = _without_secrets(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def _without_secrets(value: Any) -> Any:
    """Return objects of the SDK as plain ones, without their secrets."""
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, Mapping):
        return {
            name: _HIDDEN if inner and _is_secret(name) else _without_secrets(inner) for name, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, (list, tuple)) else value
