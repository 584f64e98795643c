"""What the services refuse: each refusal that the code makes is in its service's file, with as much as it is about."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

import sandbox

ROOT = Path(sandbox.__file__).parent
SERVICES = ("core", "entra", "graph", "imds", "arm/resources/templates")
ELSEWHERE = {"entra_errors": "entra", "metadata_errors": "imds"}  # what other services' errors are imported as


def refusals_of(service: str) -> Iterator[tuple[str, int | None]]:
    """Yield the name and the number of values of each refusal in the code; None for an unknown number."""
    for path in ROOT.rglob("*.py"):
        folder = path.parent.relative_to(ROOT).as_posix()
        own = folder if folder in SERVICES else "core"
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            number: int | None
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr="refusal"), args=[first, *about]):
                    number = None if any(isinstance(each, ast.Starred) for each in about) else len(about)
                case ast.Call(args=[ast.Attribute(value=ast.Name(id=module), attr="refusal"), first]):  # of partial
                    number = None
                case _:
                    continue
            if ELSEWHERE.get(module, own) == service:
                yield from ((name, number) for name in names_in(first))


def names_in(node: ast.expr) -> list[str]:
    """Return the names that an expression may stand for; in one that is put together, ``*`` is for the rest."""
    match node:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.IfExp():
            return [*names_in(node.body), *names_in(node.orelse)]
        case ast.JoinedStr(values=values):
            return ["".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in values)]
    return []


def values_in(entry: dict[Any, str]) -> int:
    """Return how many values an entry takes for its braces, which are numbered or not."""
    texts = list(entry.values())
    fields = [[field for _, field, _, _ in Formatter().parse(text) if field is not None] for text in texts]
    numbered = {int(field) for found in fields for field in found if field}
    return max(numbered) + 1 if numbered else max(map(len, fields))


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_code_refuses_and_what_the_file_says_belong_together(service: str) -> None:
    known: dict[str, dict[Any, str]] = yaml.safe_load((ROOT / service / "refusals.yaml").read_text("utf-8"))
    used: set[str] = set()
    for name, number in refusals_of(service):
        found = [each for each in known if fnmatchcase(each, name)]
        assert found, f"there is no refusal {name}"
        used.update(found)
        if number is not None:
            assert {values_in(known[each]) for each in found} == {number}, f"{name} takes another number of values"
    assert used == known.keys()
