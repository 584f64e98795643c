"""What a run brought about, from what its notebooks show.

Nothing here is known beforehand: each line is made of the fields that a cell of an executed notebook shows, as
Azure answered them. A notebook that did not run, or does not show them, adds no line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

Fields = Mapping[str, str]

# Label, id of the cell, and what to say of the fields it shows. Of several for a label, the first that ran counts.
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
