"""Each learner's copy of the notebooks, with their own names in the cell of parameters and no outputs yet."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping
from pathlib import Path

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.folder import make_private_folder
from workshop.errors import UsageError
from workshop.files import notebook_text, read_notebook, write_whole
from workshop.notebooks.series import Notebook, find_series

_PICTURES = "images"
_TAG = "parameters"


def parameters_of(classroom: Classroom, learner: Learner) -> dict[str, str]:
    """Return a learner's values for the notebooks' parameters."""
    return {
        "target": classroom.target,
        "subscription_id": classroom.subscription_id,
        "resource_group": learner.resource_group,
        "vm_name": learner.vm_name,
        "identity_name": learner.identity_name,
        "location": classroom.location,
    }


def copy_notebooks(folder: Path, parameters: Mapping[str, str]) -> list[Path]:
    """Write those notebooks that ``folder`` does not have yet; what a learner has worked in is never overwritten.

    Returns:
        What was written.

    Raises:
        UsageError: There are no notebooks, or one does not declare these parameters.
        OSError: The folder cannot be written.
    """
    series = find_series()
    make_private_folder(folder)
    pictures = series[0].path.parent / _PICTURES
    if pictures.is_dir():
        shutil.copytree(pictures, folder / _PICTURES, dirs_exist_ok=True)
    missing = [notebook for notebook in series if not (folder / notebook.path.name).exists()]
    for notebook in missing:
        write_whole(folder / notebook.path.name, filled_in(notebook, parameters))
    return [folder / notebook.path.name for notebook in missing]


def set_aside(folder: Path) -> Path | None:
    """Move a folder of notebooks out of the way; return where to, or None if there is none."""
    if not folder.exists():
        return None
    number = 1
    while (aside := folder.with_name(f"{folder.name}-before-reset-{number}")).exists():
        number += 1
    return folder.rename(aside)


def filled_in(notebook: Notebook, parameters: Mapping[str, str]) -> str:
    """Return the text of a notebook with these values in its cell of parameters, and without outputs.

    Raises:
        UsageError: It has no such cell, or does not declare one of them.
    """
    node = read_notebook(notebook.path)
    cells = [cell for cell in node.cells if _TAG in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise UsageError(f"{notebook.path} should have one cell tagged '{_TAG}', but has {len(cells)}.")
    cells[0].source = with_values(cells[0].source, parameters)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook_text(node)


def with_values(source: str, values: Mapping[str, str]) -> str:
    """Return lines such as ``name: str = "default"  # comment`` with other values; the rest stays as it is.

    Raises:
        UsageError: One of ``values`` is not declared there.
    """
    found = {
        node.target.id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    if missing := values.keys() - found.keys():
        raise UsageError(f"The notebooks have no parameter {', '.join(sorted(missing))}.")
    lines = source.splitlines(keepends=True)
    for name, value in values.items():
        place = found[name]
        line = lines[place.lineno - 1].encode()  # the parser counts bytes
        before, after = line[: place.col_offset], line[place.end_col_offset :]
        lines[place.lineno - 1] = (before + _literal(value).encode() + after).decode()
    return "".join(lines)


def _literal(value: str) -> str:
    quoted = repr(value)
    return f'"{value}"' if quoted == f"'{value}'" and '"' not in value else quoted
