"""A learner's notebooks: their values in the cell of parameters, and everything else as it was."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workshop.classroom.lesson import hold, learner
from workshop.classroom.learner_notebooks import copy_notebooks, filled_in, parameters_of, set_aside, with_values
from workshop.errors import UsageError
from workshop.notebooks.series import Notebook, find_series

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
    parameters = parameters_of(hold([learner()]), learner())
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
    parameters = parameters_of(hold([learner()]), learner())
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
