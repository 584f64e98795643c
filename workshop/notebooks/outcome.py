"""What came of executed notebooks: how each ended, what a person is told of it, and what a run brought about."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from workshop.notebooks.cleaning import Findings

if TYPE_CHECKING:
    from nbformat import NotebookNode

_LONGEST_SOURCE = 30  # lines
_LONGEST_TRACEBACK = 20  # lines

Fields = Mapping[str, str]


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
    """What stopped a notebook.

    Attributes:
        cell_id: the cell's id; empty if none was being executed.
        number: the number in its ``In [ ]``; None if none was being executed.
        source: the cell's.
        error: the exception's name and message.
        traceback: its traceback in plain text, with the message at its end.
        interrupted: whether it was the user who stopped it.
        kernel_died: whether its kernel ended without having been told to, or never came up.
    """

    cell_id: str
    number: int | None
    source: str
    error: str
    traceback: str
    interrupted: bool = False
    kernel_died: bool = False


@dataclass(frozen=True)
class Outcome:
    """An executed notebook, fit to be kept.

    Attributes:
        name: of the notebook.
        folder: it is in.
        node: its content, clean.
        failure: what stopped it, or a secret that had to be taken out; None if all went well.
        findings: what was taken out.
        cells: how many cells of code it has.
        seconds: it took.
    """

    name: str
    folder: Path
    node: NotebookNode
    failure: Failure | None
    findings: Findings
    cells: int
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


# Label, id of the cell, and what to say of the fields it shows, as Azure answered them. Of several for a label, the
# first that ran counts.
_LINES: tuple[tuple[str, str, Callable[[Fields], str]], ...] = (
    ("Identity", "create-identity-fields", lambda f: f"{f['Name']} (principal id {f['PrincipalId']})"),
    ("Identity", "create-grant-fields", lambda f: f"{f['DisplayName']} (principal id {f['ObjectId']})"),
    ("Virtual machine", "assign-identity-before", lambda f: f["name"]),
    ("Role", "create-grant-fields", lambda f: f["RoleDefinitionName"]),
    ("Scope", "create-grant-fields", lambda f: f["Scope"]),
    ("Token for", "token-claims", lambda f: f"{f['xms_mirid'].rpartition('/')[2]} (object id {f['oid']})"),
    ("Token good at", "token-claims", lambda f: f["aud"]),
    ("Token lives", "token-lifetime-hours", lambda f: f[""]),
    ("Resource group", "read-properties-with-sdk", lambda f: f"{f['name']} in {f['location']}"),
    ("Its state", "read-properties-with-sdk", lambda f: f["properties.provisioning_state"]),
)


def summary_of(nodes: Iterable[NotebookNode]) -> dict[str, str]:
    """Return what executed notebooks show of the identity, its machine, its role, its token and the group."""
    shown = {cell["id"]: _fields(cell) for node in nodes for cell in node.cells if cell.cell_type == "code"}
    summary: dict[str, str] = {}
    for label, cell_id, line in _LINES:
        try:
            summary.setdefault(label, line(shown[cell_id]))
        except KeyError:
            continue  # another version of the notebook, or it did not run
    return summary


def _fields(cell: NotebookNode) -> Fields:
    """The fields of the tables that a cell shows, from their plain text; under "" a text shown by itself."""
    fields: dict[str, str] = {}
    for output in cell.outputs:
        text = output.get("data", {}).get("text/plain", "")
        for line in text.splitlines():
            name, colon, value = line.partition(" : ")
            if colon:
                fields[name.strip()] = value.strip()
        fields[""] = text.strip("'")
    return fields
