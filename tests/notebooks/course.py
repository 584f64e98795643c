"""The course as tests see it: notebooks, cells, and running them in the test's own process."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = (
    "00_prerequisites",
    "01_create_identity",
    "02_assign_identity",
    "03_grant_access",
    "04_get_token",
    "05_read_properties",
    "06_clean_up",
)


@dataclass(frozen=True)
class Cell:
    id: str
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    outputs: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    execution_count: int | None = None

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @property
    def lines(self) -> int:
        """Lines that have something to read on them: more than what closes a bracket."""
        return sum(1 for line in self.source.splitlines() if line.strip(" ()[]{},"))


@dataclass(frozen=True)
class Book:
    name: str
    cells: tuple[Cell, ...]
    metadata: dict[str, Any] = field(hash=False)

    @property
    def code(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.is_code)

    @property
    def prose(self) -> str:
        return "\n\n".join(cell.source for cell in self.cells if not cell.is_code)

    def cell(self, cell_id: str) -> Cell:
        return next(cell for cell in self.cells if cell.id == cell_id)

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.ipynb"


@cache
def book(name: str) -> Book:
    raw = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    return Book(name, tuple(_cell(cell) for cell in raw["cells"]), raw["metadata"])


def books() -> tuple[Book, ...]:
    return tuple(book(name) for name in NAMES)


def run(name: str, *, stop_after: str | None = None, **parameters: object) -> dict[str, Any]:
    """Run a notebook's cells in this process with ``parameters`` in place of its own; return its variables.

    What ``stop_after`` names is the last cell that runs: the notebook "crashes" there.
    """
    variables: dict[str, Any] = {"__name__": "__main__"}
    for cell in run_cells(name, variables, **parameters):
        if cell.id == stop_after:
            break
    return variables


def run_cells(name: str, variables: dict[str, Any], /, **parameters: object) -> Iterator[Cell]:
    """Run a notebook's cells as ``run`` does; yield each when it has run."""
    for cell in book(name).code:
        exec(compile(cell.source, f"{name}: {cell.id}", "exec"), variables)
        if "parameters" in cell.tags:
            variables.update(parameters)
        yield cell


def run_all_cells(name: str, **parameters: object) -> list[Exception]:
    """Run a notebook's cells as ``run`` does, and go on after one that fails; return how they failed."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    failed: list[Exception] = []
    for cell in book(name).code:
        try:
            exec(compile(cell.source, f"{name}: {cell.id}", "exec"), variables)
        except Exception as error:
            failed.append(error)
        if "parameters" in cell.tags:
            variables.update(parameters)
    return failed


def assignments(source: str) -> dict[str, Any]:
    """The annotated assignments of a cell: name to (annotation, value)."""
    return {
        node.target.id: (ast.unparse(node.annotation), ast.literal_eval(node.value))
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }


def _cell(raw: dict[str, Any]) -> Cell:
    metadata = raw["metadata"]
    return Cell(
        raw["id"],
        raw["cell_type"],
        "".join(raw["source"]),
        tuple(metadata.get("tags", ())),
        metadata,
        tuple(raw.get("outputs", ())),
        raw.get("execution_count"),
    )
