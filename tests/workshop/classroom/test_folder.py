"""The class's folder: it is the trainer's alone, and learners' notebooks have their values and are never lost."""

from __future__ import annotations

import ast
import csv
import io
import re
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.folder import (
    ClassFolder,
    copy_notebooks,
    filled_in,
    new_password,
    parameters_of,
    read_passwords,
    set_aside,
    with_values,
    write_passwords,
)
from workshop.errors import UsageError
from workshop.notebooks.series import Notebook, find_series

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_plan_is_kept(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "class")
    assert folder.find() is None
    with pytest.raises(UsageError, match="Begin with: python -m workshop plan"):
        folder.load()
    folder.save(class_of([learner()]))
    assert folder.load() == class_of([learner()])


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"learners": [{}]}', '{"learners": [], "nonsense": 1}'])
def test_a_spoilt_plan_is_named(tmp_path: Path, content: str) -> None:
    folder = ClassFolder(tmp_path)
    folder.plan.write_text(content)
    with pytest.raises(UsageError, match=r"class\.json is corrupt"):
        folder.load()


@posix
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "class")
    folder.save(class_of([learner()]))
    mine = folder.of(learner())
    mine.write_environment({"AZURE_CLIENT_SECRET": "it's"})
    write_passwords(folder.sign_ins, [learner()])
    private = [folder.plan, folder.sign_ins, mine.environment, mine.shell_environment]
    assert {mode(path) for path in private} == {0o600}
    assert {mode(path) for path in (folder.path, mine.path, mine.path.parent)} == {0o700}


@posix
def test_a_shell_reads_the_variables_as_they_are(tmp_path: Path) -> None:
    mine = ClassFolder(tmp_path).of(learner())
    value = 'it\'s $HOME `x` \\ "q"'
    mine.write_environment({"AZURE_CLIENT_SECRET": value})
    assert mine.read_environment() == {"AZURE_CLIENT_SECRET": value}
    script = f'. "{mine.shell_environment}"; printf %s "$AZURE_CLIENT_SECRET"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == value


def test_what_was_kept_can_be_forgotten(tmp_path: Path) -> None:
    mine = ClassFolder(tmp_path).of(learner())
    assert not mine.forget_environment()
    mine.write_environment({"AZURE_CLIENT_SECRET": "x"})
    assert mine.forget_environment()
    assert mine.read_environment() is None
    assert list(mine.path.iterdir()) == []


def test_passwords_stay_and_new_learners_get_one(tmp_path: Path) -> None:
    path = tmp_path / "sign-ins.csv"
    assert read_passwords(path) == {}
    assert write_passwords(path, [learner()]) == 2  # the trainer's as well
    first = read_passwords(path)
    assert first.keys() == {"trainer", "ada-lovelace"}
    assert write_passwords(path, [learner(), learner(2, "grace", "Hopper, Grace")]) == 1
    second = read_passwords(path)
    assert {**second, **first} == second
    write_passwords(path, [learner(2, "grace", "Grace")])
    assert read_passwords(path).keys() == {"trainer", "grace"}


def test_no_name_is_a_formula_in_the_list(tmp_path: Path) -> None:
    path = tmp_path / "sign-ins.csv"
    names = ['=HYPERLINK("https://evil.example","Ada")', "+1", "-1", "@SUM(1)", "\t=1", "Ada;=1"]
    learners = [learner(number, f"learner-{number}", name) for number, name in enumerate(names, start=1)]
    write_passwords(path, learners)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert [row["sign-in"] for row in rows] == ["trainer", *(each.handle for each in learners)]
    shown = [part for row in rows for cell in row.values() for part in re.split(r"[;\t]", cell)]
    assert not [part for part in shown if part.strip().startswith(("=", "+", "-", "@"))]
    assert write_passwords(path, learners) == 0  # they are who they were


def test_passwords_are_drawn() -> None:
    drawn = {new_password() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(each) == 14 and not set(each) & set("il10o") for each in drawn)


SOURCE = 'target: str = "sandbox"  # where – "sandbox", "azure"\nname: str = "ID1"  # its name\nrole: str = "Reader"\n'


def test_values_are_replaced_and_comments_stay() -> None:
    assert with_values(SOURCE, {"name": "id-ada", "target": "azure"}) == (
        'target: str = "azure"  # where – "sandbox", "azure"\nname: str = "id-ada"  # its name\nrole: str = "Reader"\n'
    )
    with pytest.raises(UsageError, match="no parameter other"):
        with_values(SOURCE, {"other": "x"})


@given(st.text(), st.text())
def test_any_value_comes_out_as_it_went_in(target: str, name: str) -> None:
    values: dict[str, object] = {}
    exec(with_values(SOURCE, {"target": target, "name": name}), values)
    assert (values["target"], values["name"], values["role"]) == (target, name, "Reader")


def test_all_notebooks_of_the_course_can_be_filled_in() -> None:
    parameters = parameters_of(class_of([learner()]), learner())
    for notebook in find_series():
        before = nbformat.read(notebook.path, as_version=4)
        after = nbformat.reads(filled_in(notebook, parameters), as_version=4)
        nbformat.validate(after)
        differing = [new for old, new in zip(before.cells, after.cells, strict=True) if old.source != new.source]
        assert [cell.metadata.tags for cell in differing] == [["parameters"]]
        statements = [node for node in ast.parse(differing[0].source).body if isinstance(node, ast.AnnAssign)]
        declared = {ast.unparse(node.target) for node in statements}
        assert declared >= parameters.keys()
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in after.cells)


def test_what_a_learner_worked_in_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    parameters = parameters_of(class_of([learner()]), learner())
    assert len(copy_notebooks(folder, parameters)) == 7
    mine = folder / "03_grant_access.ipynb"
    mine.write_text("mine")
    (folder / "04_get_token.ipynb").unlink()
    assert [path.name for path in copy_notebooks(folder, parameters)] == ["04_get_token.ipynb"]
    assert mine.read_text() == "mine"


def test_set_aside_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    assert set_aside(folder) is None
    for text in ("first", "second"):
        folder.mkdir()
        (folder / "work").write_text(text)
        assert set_aside(folder)
    kept = [(tmp_path / f"notebooks-before-reset-{number}" / "work").read_text() for number in (1, 2)]
    assert kept == ["first", "second"]


def test_a_notebook_without_parameters_is_named(tmp_path: Path) -> None:
    path = tmp_path / "00_other.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), path)
    with pytest.raises(UsageError, match="should have one cell tagged 'parameters', but has 0"):
        filled_in(Notebook(path), {})
