"""What came of executed notebooks: how each ended, what a person is told of it, and what they saved as data.

That is in scraps, a convention of papermill's users: outputs of a media type of their own, with a name and the data,
which here is an object of JSON.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from workshop.notebooks.cleaning import Findings

if TYPE_CHECKING:
    from nbformat import NotebookNode

Results: TypeAlias = Mapping[str, Any]  # what notebooks have saved as data, by name

_SCRAP = "application/scrapbook.scrap.json+json"
_LONGEST_SOURCE = 30  # lines
_LONGEST_TRACEBACK = 20  # lines


class State(StrEnum):
    """Where a notebook of a run is, or a row of a batch.

    It is pending until it runs, and again if it is to run once more. It ends completed or failed; skipped if an earlier
    failure came before it was begun; cancelled if the user ended the whole, or the disk was full.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self not in {State.PENDING, State.RUNNING}


@dataclass(frozen=True)
class Failure:
    """What stopped a notebook."""

    cell_id: str  # empty if no cell was being executed
    number: int | None  # in its In [ ]; None if no cell was being executed
    source: str
    error: str  # the exception's name and message
    traceback: str  # its traceback in plain text, with the message at its end
    interrupted: bool = False  # whether it was the user who stopped it
    kernel_died: bool = False  # whether its kernel ended without having been told to, or never came up


@dataclass(frozen=True)
class Outcome:
    """An executed notebook, fit to be kept."""

    name: str
    folder: Path
    node: NotebookNode  # its content, clean
    failure: Failure | None  # what stopped it, or a secret that had to be taken out; None if all went well
    findings: Findings  # what was taken out
    cells: int  # how many cells of code it has
    seconds: float


def account_of(name: str, failure: Failure) -> str:
    """Return which notebook and cell failed, the cell's source, and how its traceback ends."""
    verb = "was stopped" if failure.interrupted else "failed"
    if not failure.cell_id:
        return f"{name} {verb} before its first cell.\n\n{_indented(failure.error)}"
    number = f"In [{failure.number}] " if failure.number else ""
    head = f"{name} {verb} in cell {number}(id {failure.cell_id})"
    parts = [f"{head}:", _indented(_first(failure.source, _LONGEST_SOURCE))]
    if failure.traceback:
        parts.append(_indented(_last(failure.traceback, _LONGEST_TRACEBACK)))
    if failure.error.splitlines()[-1].strip() not in failure.traceback:
        parts.append(_indented(failure.error))
    return "\n\n".join(parts)


def _first(text: str, lines: int) -> str:
    found = text.splitlines()
    return "\n".join(found[:lines] + ["…"] * (len(found) > lines))


def _last(text: str, lines: int) -> str:
    found = text.rstrip().splitlines()
    return "\n".join(["…"] * (len(found) > lines) + found[-lines:])


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def results_of(nodes: Iterable[NotebookNode]) -> dict[str, Any]:
    """Return what notebooks have saved, by name; of several under a name, the last."""
    outputs = (output for node in nodes for cell in node.cells for output in cell.get("outputs", ()))
    scraps = (output["data"][_SCRAP] for output in outputs if _SCRAP in output.get("data", {}))
    return {scrap["name"]: scrap["data"] for scrap in scraps}


def flat(results: Results) -> dict[str, str]:
    """Return results as lines or columns: ``{"identity": {"id": "x"}}`` as ``{"identity.id": "x"}``."""
    columns: dict[str, str] = {}
    for name, value in results.items():
        if isinstance(value, Mapping):
            columns |= {f"{name}.{inner}": text for inner, text in flat(value).items()}
        else:
            columns[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return columns
