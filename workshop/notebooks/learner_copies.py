"""Copies of the course to work in: without outputs, and with each solution as folded text instead of a cell.

What is in a copy is never overwritten: only what it lacks is added.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from workshop.errors import UsageError, reason_of
from workshop.files import make_private_folder, notebook_text, read_notebook, write_whole
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS

if TYPE_CHECKING:
    from nbformat import NotebookNode

HOME = "index.ipynb"  # where a copy is opened
LAYOUTS = Path(".jupyter", "lab", "workspaces")  # in a copy: where JupyterLab looks if the copy is the user's home
_PICTURES = "images"
_PARAMETERS = "parameters"
_SOLUTION = "solution"
_MADE_FROM = "made_from"  # in a copy's metadata: of which text of the course
_LEARNER = "learner: bool = True  # checks answer with a hint; with False they fail"
_WARM_KERNEL = "python3-warm"
_parsing = Lock()  # Python 3.11 confuses what threads parse at the same time (python/cpython#106905)
ELSEWHERE = "Name another folder with --folder."
_LEFT = ("filebrowser", "running-sessions", "@jupyterlab/toc:plugin")
_LAYOUT: dict[str, Any] = {  # JupyterLab's at the first start: the table of contents beside the notebook
    "metadata": {"id": "default"},
    "data": {"layout-restorer:data": {"left": {"visible": True, "current": _LEFT[-1], "widgets": [*_LEFT]}}},
}


def make_copy(folder: Path) -> list[Path]:
    """Make the copy that a learner works in on this computer, or complete it; return the notebooks that are new."""
    try:
        new = copy_notebooks(folder, {})
    except OSError as error:
        raise UsageError(f"No copy of the course can be kept in {folder}: {reason_of(error)}. {ELSEWHERE}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"The copy of the course in {folder} cannot be written. {ELSEWHERE}")
    return new


def outdated(folder: Path) -> list[Path]:
    """Return the notebooks of a copy that were made from others than the course has now."""
    course = {path.name: _text_of(read_notebook(path)) for path in _course()}
    return [folder / name for name, text in course.items() if _made_from(folder / name) != text]


def _made_from(copy: Path) -> object:
    try:
        return json.loads(copy.read_text("utf-8"))["metadata"].get(_MADE_FROM)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or no notebook any more
        return None


def _text_of(node: NotebookNode) -> str:
    """Return what tells the text of one of the course's notebooks from another; its outputs do not matter."""
    cells = [(cell.id, cell.cell_type, cell.source) for cell in node.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def copy_notebooks(folder: Path, parameters: Mapping[str, str]) -> list[Path]:
    """Write those notebooks that ``folder`` does not have yet, and return them.

    Raises:
        UsageError: There are no notebooks, or one does not declare these parameters.
        OSError, WorkshopError: The folder, or a notebook in it, cannot be written.
    """
    course = _course()
    make_private_folder(folder)
    _copy_pictures(folder)
    _lay_out(folder / LAYOUTS)
    missing = [path for path in course if not (folder / path.name).exists()]
    for path in missing:
        write_whole(folder / path.name, learners_copy(path, parameters))
    return [folder / path.name for path in missing]


def _course() -> list[Path]:
    home = NOTEBOOKS / HOME
    return [*find_series(), *([home] if home.exists() else [])]


def _copy_pictures(folder: Path) -> None:
    (folder / _PICTURES).mkdir(exist_ok=True)
    for picture in (NOTEBOOKS / _PICTURES).iterdir():
        if not (folder / _PICTURES / picture.name).exists():
            shutil.copyfile(picture, folder / _PICTURES / picture.name)


def _lay_out(folder: Path) -> None:
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    layouts = WorkspacesManager(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    if not layouts.list_workspaces():
        layouts.save("default", json.dumps(_LAYOUT))


def set_aside(folder: Path) -> Path | None:
    """Move a folder of notebooks out of the way; return where to, or None if there is none."""
    if not folder.exists():
        return None
    number = 1
    while (backup := folder.with_name(f"{folder.name}-before-reset-{number}")).exists():
        number += 1
    return folder.rename(backup)


def learners_copy(path: Path, parameters: Mapping[str, str]) -> str:
    """Return the text of a notebook as a learner gets it, with these values in its cell of parameters."""
    status = path.stat()
    content = _for_a_class(path, status.st_mtime_ns, status.st_size)
    cells = [_with_parameters(cell, parameters) if _has_parameters(cell) else cell for cell in content["cells"]]
    return json.dumps({**content, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@lru_cache(maxsize=32)
def _for_a_class(path: Path, changed: int, size: int) -> dict[str, Any]:
    """Return what a class's copies of a notebook have in common, as its file has it; read once until that changes."""
    node = read_notebook(path)
    text = _text_of(node)
    declaring = sum(map(_has_parameters, node.cells))
    if path.name != HOME and declaring != 1:
        raise UsageError(f"{path} should have one cell tagged '{_PARAMETERS}', but has {declaring}.")
    node.cells = [new for cell in node.cells for new in _for_learners(cell)]
    node.metadata.update(_kernel(), **{_MADE_FROM: text})
    content: dict[str, Any] = json.loads(notebook_text(node))
    return content


def _has_parameters(cell: Mapping[str, Any]) -> bool:
    return _PARAMETERS in cell["metadata"].get("tags", ())


def _with_parameters(cell: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    source = with_values("".join(cell["source"]), parameters).rstrip()
    return {**cell, "source": f"{source}\n{_LEARNER}".splitlines(keepends=True)}


def _for_learners(cell: NotebookNode) -> list[NotebookNode]:
    """Return the cell without outputs; one with a solution as an empty one, with the solution folded below it."""
    if cell.cell_type != "code":
        return [cell]
    cell.outputs, cell.execution_count = [], None
    if _SOLUTION not in cell.metadata.get("tags", []):
        return [cell]
    from nbformat.v4 import new_markdown_cell

    text = f"<details>\n<summary>A solution</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
    cell.source, cell.metadata = "", type(cell.metadata)()
    return [cell, new_markdown_cell(text, id=f"{cell.id}-folded")]


def _kernel() -> dict[str, Any]:
    """Return which kernel to open, in just those words that JupyterLab would write when it has started it.

    With any other words a notebook would count as changed as soon as it is opened.
    """
    from ipykernel.ipkernel import IPythonKernel
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager()
    name = _WARM_KERNEL if _WARM_KERNEL in specs.find_kernel_specs() else "python3"
    spec = specs.get_kernel_spec(name)
    return {
        "kernelspec": {"display_name": spec.display_name, "language": spec.language, "name": name},
        "language_info": dict(IPythonKernel.language_info),
    }


def with_values(source: str, values: Mapping[str, str]) -> str:
    """Return lines such as ``name: str = "default"  # comment`` with other values; the rest stays as it is."""
    with _parsing:
        statements = ast.parse(source).body
    found = {
        node.target.id: node.value
        for node in statements
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    if missing := values.keys() - found.keys():
        raise UsageError(f"The notebooks have no parameter {', '.join(sorted(missing))}.")
    lines = source.splitlines(keepends=True)
    for name, value in values.items():
        node = found[name]
        line = lines[node.lineno - 1].encode()  # the parser counts bytes
        before, after = line[: node.col_offset], line[node.end_col_offset :]
        lines[node.lineno - 1] = (before + _literal(value).encode() + after).decode()
    return "".join(lines)


def _literal(value: str) -> str:
    quoted = repr(value)
    return f'"{value}"' if quoted == f"'{value}'" and '"' not in value else quoted
