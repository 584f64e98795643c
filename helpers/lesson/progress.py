"""How far a learner is: read from what the notebooks beside this one have saved, since 06 deletes the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from helpers.tables import Table, show

_RIGHT = "Right:"  # what a check begins with where the exercise is solved


def how_far(folder: Path | None = None) -> Table:
    """Return how much of each notebook has been run, and whether its exercise is solved.

    Args:
        folder: with the notebooks, as they were saved last; the working directory if None.
    """
    found = sorted((folder or Path.cwd()).glob("[0-9][0-9]_*.ipynb"))
    return show([_row(path) for path in found])


def _row(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text("utf-8"))
        title = _title(content)
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        outputs = [output for cell in cells for output in cell["outputs"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or not a notebook
        return {"Notebook": path.stem, "Cells run": "cannot be read", "Exercise": ""}
    run = sum(1 for cell in cells if cell["execution_count"])
    solved = any(text.startswith(_RIGHT) for text in _texts(outputs))
    return {
        "Notebook": f"{path.stem[:2]} {title}",
        "Cells run": "all" if run == len(cells) else f"{run} of {len(cells)}" if run else "",
        "Exercise": "solved" if solved else "",
    }


def _title(content: Mapping[str, Any]) -> str:
    return "".join(content["cells"][0]["source"]).partition("\n")[0].lstrip("# ")


def _texts(outputs: list[Mapping[str, Any]]) -> Iterator[str]:
    for output in outputs:
        yield "".join(output.get("data", {}).get("text/plain", ""))
