"""How far a learner is: read from what the notebooks beside this one have saved, since 06 deletes the rest."""

import json
from pathlib import Path

from helpers.lesson.answers import RIGHT
from helpers.tables import Table, show


def how_far(folder: Path | None = None) -> Table:
    """Return how much of each notebook in ``folder``, or here, had been run when it was saved, and what is solved."""
    return show([_row(path) for path in sorted((folder or Path.cwd()).glob("[0-9][0-9]_*.ipynb"))])


def _row(path: Path) -> dict[str, str]:
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        title = "".join(cells[0]["source"]).partition("\n")[0].lstrip("# ")
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        run = [cell for cell in code if cell["execution_count"]]
        said = ["".join(output.get("data", {}).get("text/plain", "")) for cell in code for output in cell["outputs"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or not a notebook
        return {"Notebook": path.stem, "Cells run": "cannot be read", "Exercise": ""}
    return {
        "Notebook": f"{path.stem[:2]} {title}",
        "Cells run": "all" if len(run) == len(code) else f"{len(run)} of {len(code)}" if run else "",
        "Exercise": "solved" if any(text.startswith(RIGHT) for text in said) else "",
    }
