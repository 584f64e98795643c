"""docs/internals.md: at most nine places, with tests that there are, tried with the versions that are locked."""

import ast
import re
from pathlib import Path

import pytest

from benchmarks.tricks import TRICKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "internals.md").read_text("utf-8")
ROWS = [line.split(" | ") for line in PAGE.partition("## Supported")[0].splitlines() if line.startswith("| `")]
LOCKED = dict(re.findall(r"^([a-z-]+)==(\d+\.\d+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))


def test_there_are_at_most_nine() -> None:
    assert 0 < len(ROWS) <= 9


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_place_names_is_there(row: list[str]) -> None:
    places, _, _, _, version, tests = row
    folder = re.findall(r"`(\w[\w/]*/)\w+\.py`", places)[0]
    assert all((ROOT / folder / name).is_file() for name in re.findall(r"(\w+\.py)`", places))
    package, number = version.rsplit(" ", 1)
    assert package == "Python" or LOCKED[package] == number
    named = re.findall(r"`(tests/[^`]+)`", tests)
    assert named
    for path, _, test in (name.partition("::") for name in named):
        assert test.startswith("test_"), f"which function of {path}?"
        functions = ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        assert test in {each.name for each in functions if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("name", TRICKS)
def test_what_is_measured_can_be_undone(name: str) -> None:
    for edit in TRICKS[name]:
        assert edit.applied_to((ROOT / edit.file).read_text("utf-8"))
