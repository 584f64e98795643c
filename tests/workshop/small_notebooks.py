"""Small notebooks, made for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PARAMETERS = 'target: str = "azure"  # no sandbox is needed\nidentity_name: str = "ID1"  # the identity'


def markdown(source: str) -> NotebookNode:
    """A cell of text."""
    return nbformat.v4.new_markdown_cell(source)


def code(source: str, *tags: str) -> NotebookNode:
    """A cell of code."""
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def notebook(*cells: NotebookNode | str, parameters: str = PARAMETERS) -> NotebookNode:
    """A notebook with a parameters cell and then ``cells``, of code where they are strings."""
    found = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    head = [code(parameters, "parameters")] if parameters else []
    node = nbformat.v4.new_notebook(
        cells=head + found,
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    for place, cell in enumerate(node.cells):
        cell["id"] = f"c{place}"
    return node


def write_series(folder: Path, notebooks: Mapping[str, NotebookNode]) -> Path:
    """Write notebooks into ``folder``, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, node in notebooks.items():
        nbformat.write(node, folder / f"{name}.ipynb")
    return folder


def text_of(node: NotebookNode) -> str:
    """All that is in the outputs of a notebook."""
    return "\n".join(str(cell.get("outputs", "")) for cell in node.cells)
