"""docs/problems.md names places and tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.notebooks.course import NAMES, book

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "problems.md").read_text("utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Problem ")]
ROWS = [[part.strip() for part in line.strip("|").split("|")] for line in LINES]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CELL = re.compile(r"`(\d\d|index):([a-z0-9-]+)`")
FILE = re.compile(r"`([\w/]+\.md)`")


def test_each_problem_is_prevented_taught_and_tested() -> None:
    assert len(ROWS) == 42
    for problem, prevented, taught, test in ROWS:
        assert problem and prevented
        assert CELL.search(taught) or FILE.search(taught), problem
        assert TEST.fullmatch(test), problem


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(PAGE))))
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("number", "cell"), sorted(set(CELL.findall(PAGE))))
def test_a_named_cell_exists(number: str, cell: str) -> None:
    (name,) = [name for name in (*NAMES, "index") if name.startswith(number)]
    assert book(name).cell(cell).source


@pytest.mark.parametrize("file", sorted(set(FILE.findall(PAGE))))
def test_a_named_page_exists(file: str) -> None:
    assert (ROOT / file).is_file()
