"""The page that shows a batch: one file, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workshop.batch.standing import Tally, duration
from workshop.batch.states import State

_TEMPLATES = [
    Path(__file__).resolve().parent / "templates",
    Path(__file__).resolve().parents[1] / "pages" / "templates",
]


def html_report(tally: Tally, notebooks: Sequence[str], trouble: str, linked: bool) -> str:
    """Return the page.

    Args:
        tally: of the rows.
        notebooks: the names of those each row has.
        trouble: what ended the batch early; empty if nothing did.
        linked: whether the executed notebooks are beside the page.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    states = tally.states
    return environment.get_template("report.html.j2").render(
        standings=tally.standings,
        counts=[(state, states[state]) for state in State if states[state]],
        notebooks=notebooks,
        trouble=trouble,
        linked=linked,
        took=duration(tally.seconds),
    )
