"""Draws boxes in columns, with lines between them, as one SVG that is clear on light and on dark."""

from __future__ import annotations

from collections.abc import Set
from html import escape
from typing import NamedTuple

_COLUMNS = (("Virtual machine", 20), ("Identity", 255), ("Role", 490), ("Scope", 725))  # heading and left edge
_WIDTH, _BOX, _HIGH, _PITCH, _TOP = 940, 195, 42, 64, 60
_LONGEST = 24  # letters that a box has room for
_STYLE = """
svg{--page:#fff;--ink:#1f2328;--line:#656d76;--box:#f0f3f6;--new:#0a6b2e;--gone:#a0250d;
font:14px system-ui,-apple-system,'Segoe UI',sans-serif}
@media (prefers-color-scheme:dark){svg{--page:#1c2128;--ink:#e6edf3;--line:#9ea7b3;--box:#2d333b;--new:#7ee2a0;
--gone:#ffa28b}}
text{fill:var(--ink)}.head{fill:var(--line);font-weight:600}.page{fill:var(--page)}
rect.box{fill:var(--box);stroke:var(--line)}path{fill:none;stroke:var(--line);stroke-width:1.5}
.new rect.box,path.new{stroke:var(--new);stroke-width:2.5}.new .tag{fill:var(--new)}
.gone rect.box,path.gone{stroke:var(--gone);stroke-dasharray:5 4}.gone .tag{fill:var(--gone)}
.gone .name{text-decoration:line-through}.tag{font-size:11px}
"""


class Node(NamedTuple):
    """A box; ``key`` tells those of one column apart that have the same text."""

    column: int
    text: str
    key: str = ""


class Edge(NamedTuple):
    """A line between two boxes."""

    start: Node
    end: Node


class Graph(NamedTuple):
    """What there is to draw."""

    nodes: Set[Node]
    edges: Set[Edge]


def draw(now: Graph, before: Graph) -> str:
    """Return the drawing of ``now``, in which what was not in ``before`` is new, and what only was there is gone."""
    places: dict[Node, tuple[int, int]] = {}
    for column, (_, left) in enumerate(_COLUMNS):
        here = sorted(node for node in now.nodes | before.nodes if node.column == column)
        places |= {node: (left, _TOP + _PITCH * row) for row, node in enumerate(here)}
    height = max((top for _, top in places.values()), default=_TOP) + _PITCH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" viewBox="0 0 {_WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
        *(f'<text class="head" x="{left}" y="34">{heading}</text>' for heading, left in _COLUMNS),
        *(_line(*edge, places, _state(edge, now.edges, before.edges)) for edge in sorted(now.edges | before.edges)),
        *(_box(node, *places[node], _state(node, now.nodes, before.nodes)) for node in sorted(places)),
        "</svg>",
    ]
    return "\n".join(parts)


def _state(each: Node | Edge, now: Set[Node] | Set[Edge], before: Set[Node] | Set[Edge]) -> str:
    return "gone" if each not in now else "new" if each not in before else "kept"


def _box(node: Node, left: int, top: int, state: str) -> str:
    tag = "" if state == "kept" else f'<text class="tag" x="{left + 10}" y="{top + 36}">{state}</text>'
    y = top + (26 if state == "kept" else 20)
    return (
        f'<g class="{state}"><rect class="box" x="{left}" y="{top}" width="{_BOX}" height="{_HIGH}" rx="6"/>'
        f'<text class="name" x="{left + 10}" y="{y}">{escape(_short(node.text))}</text>{tag}</g>'
    )


def _line(start: Node, end: Node, places: dict[Node, tuple[int, int]], state: str) -> str:
    (left, top), (right, bottom) = places[start], places[end]
    x, y, z, w = left + _BOX, top + _HIGH // 2, right, bottom + _HIGH // 2
    middle = (x + z) // 2
    return f'<path class="{state}" d="M{x} {y}C{middle} {y} {middle} {w} {z} {w}"/>'


def _short(text: str) -> str:
    """Return the beginning and the end of a text that is too long; its alternative text has all of it."""
    half = (_LONGEST - 1) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"
