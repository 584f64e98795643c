"""The package as a whole: what it imports, and what it offers."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import helpers

ROOT = Path(helpers.__file__).parents[1]
MODULES = sorted(Path(helpers.__file__).parent.rglob("*.py"))
FORBIDDEN = {"sandbox", "workshop", "papermill", "nbformat", "nbclient"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_go_one_way(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not FORBIDDEN & {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", [each for each in MODULES if each.parent.name != "lesson"], ids=lambda path: path.stem)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 200


def test_every_public_name_says_what_it_is() -> None:
    for name in helpers.__all__:
        found = getattr(helpers, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), name


def test_what_needs_no_client_of_azures_imports_none() -> None:
    look = "import sys; from helpers import allows, check_names, show; print({'azure', 'requests'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"


def test_a_name_that_there_is_not_is_no_attribute() -> None:
    assert not hasattr(helpers, "nothing")


def test_there_are_few_names_to_learn() -> None:
    assert len(helpers.__all__) <= 12
