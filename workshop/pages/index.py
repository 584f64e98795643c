"""The page that lists the notebooks of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.notebooks.outcome import State

if TYPE_CHECKING:
    from jinja2 import Environment
    from nbformat import NotebookNode

GENERATOR = '<meta name="generator" content="python -m workshop">'
TEMPLATES = Path(__file__).resolve().parent / "templates"

_HEADING = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
_MARKUP = re.compile(r"[*`]")


@dataclass(frozen=True)
class IndexEntry:
    """A notebook in the list."""

    name: str
    title: str
    state: State
    cells: int  # how many cells of code it has
    seconds: float | None = None  # it took, once it has run


def title_of(node: NotebookNode, name: str) -> str:
    """Return the first heading of a notebook as plain text, or ``name`` if it has none."""
    for cell in node.cells:
        if cell.cell_type == "markdown" and (heading := _HEADING.search(cell.source)):
            return _MARKUP.sub("", heading.group(1)).rstrip("# ")
    return name


def index_page(entries: Sequence[IndexEntry], results: Mapping[str, str] | None = None, failure: str = "") -> str:
    """Return the page; ``results`` are what the notebooks have saved as data, ``failure`` is the account of one."""
    return page("index.html.j2", entries=entries, results=results, failure=failure, generator=GENERATOR)


def page(template: str, **values: object) -> str:
    """Return a page by one of the templates: one file, nothing fetched from anywhere."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
