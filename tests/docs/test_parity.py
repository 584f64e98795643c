"""docs/parity.md tells of every operation, and the tests it names exist."""

import ast
import re
from pathlib import Path

import pytest

from sandbox.arm import OPERATIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parity.md").read_text("utf-8")
ROW = re.compile(r"^\| ([A-Z]+(?:, [A-Z]+)*) `([^`]+)` \|", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def shortened(template: str) -> str:
    return template.replace("/subscriptions/{subscription}/resourceGroups/{resource_group}", "G").replace(
        "/subscriptions/{subscription}", "S"
    )


def test_every_operation_has_its_row_and_every_row_an_operation() -> None:
    told = {(method, path) for methods, path in ROW.findall(PAGE) for method in methods.split(", ")}
    assert told == {(operation.method, shortened(operation.template)) for operation in OPERATIONS}


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(PAGE))))
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_whatever_is_there_names_its_test() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Op")]
    for _, what, state, shown_by, _ in rows:
        if what.strip() != "What" and state.strip() != "missing":
            assert TEST.search(shown_by), what
