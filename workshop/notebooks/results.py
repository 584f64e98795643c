"""The results of executed notebooks as data: what their cells have saved as scraps, a convention of papermill's users.

A scrap is an output of its own media type, with a name and the data, which here is an object of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from nbformat import NotebookNode

Results: TypeAlias = Mapping[str, Any]

_SCRAP = "application/scrapbook.scrap.json+json"


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
