"""Learners' copies: nothing is answered before they do, all links work, and what they did is never lost."""

from __future__ import annotations

import gc
import os
import re
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ipykernel.ipkernel import IPythonKernel
from jupyter_client.kernelspec import KernelSpecManager
from jupyterlab_server.workspaces_handler import WorkspacesManager
from nbformat import NotebookNode

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.folder import parameters_of
from workshop.errors import UsageError
from workshop.files import notebook_text, read_notebook
from workshop.notebooks import learner_copies
from workshop.notebooks.learner_copies import (
    HOME,
    LAYOUTS,
    learners_copy,
    make_copy,
    outdated,
    set_aside,
    with_values,
)
from workshop.notebooks.series import find_series

SOURCE = 'target: str = "sandbox"  # where – "sandbox", "azure"\nname: str = "ID1"  # its name\nrole: str = "Reader"\n'
PARAMETERS = parameters_of(class_of([learner()]), learner())


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "my-course"
    make_copy(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


class Noticed:
    """Has the collector run Python's code, in which threads may take turns."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


def test_several_threads_can_fill_in_values_at_the_same_time(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(gc.set_threshold, *gc.get_threshold()))
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    gc.set_threshold(20)
    sys.setswitchinterval(1e-6)

    def fill_in(name: str) -> set[str]:
        found = set()
        for _ in range(100):
            Noticed()
            found.add(with_values(4 * SOURCE, {"name": name}))
        return found

    with ThreadPoolExecutor(8) as pool:
        assert [len(found) for found in pool.map(fill_in, "abcdefgh")] == [1] * 8


@pytest.mark.parametrize("notebook", find_series(), ids=lambda each: each.stem)
@pytest.mark.parametrize("parameters", [{}, PARAMETERS], ids=["alone", "in a class"])
def test_differs_from_the_course_in_parameters_outputs_and_solutions_only(
    notebook: Any, parameters: dict[str, str]
) -> None:
    before = read_notebook(notebook)
    after = nbformat.reads(learners_copy(notebook, parameters), as_version=4)
    nbformat.validate(after)
    folded = {f"{cell.id}-folded" for cell in before.cells if "solution" in cell.metadata.get("tags", [])}
    copied = {cell.id: cell for cell in after.cells}
    assert copied.keys() == {cell.id for cell in before.cells} | folded
    differing = [cell.id for cell in before.cells if cell.source != copied[cell.id].source]
    assert differing == ["parameters", *(name.removesuffix("-folded") for name in folded)]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in after.cells)


@pytest.mark.parametrize("name", ["ada", 'é "x"', "back\\slash", "\u2028"])
@pytest.mark.parametrize("notebook", find_series(), ids=lambda each: each.stem)
def test_is_written_as_jupyter_would_write_it(notebook: Any, name: str) -> None:
    text = learners_copy(notebook, {"resource_group": name})
    assert notebook_text(nbformat.reads(text, as_version=4)) == text


def test_a_class_is_given_copies_of_what_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "00_some.ipynb"
    read: list[Path] = []

    def reading(path: Path) -> NotebookNode:
        read.append(path)
        return read_notebook(path)

    monkeypatch.setattr(learner_copies, "read_notebook", reading)
    for changes, source in enumerate(('name: str = "a"', 'other: str = "a"'), 1):
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        copies = [learners_copy(path, {source.partition(":")[0]: value}) for value in ("ada", "grace", "alan")]
        assert len({*copies}) == 3
        assert len(read) == changes


@pytest.mark.parametrize("notebook", find_series(), ids=lambda each: each.stem)
def test_a_solution_is_folded_text_below_an_empty_cell(notebook: Any) -> None:
    solutions = [cell for cell in read_notebook(notebook).cells if "solution" in cell.metadata.get("tags", [])]
    assert solutions
    cells = nbformat.reads(learners_copy(notebook, {}), as_version=4).cells
    for solution in solutions:
        at = [cell.id for cell in cells].index(solution.id)
        assert (cells[at].cell_type, cells[at].source, cells[at].metadata) == ("code", "", {})
        assert cells[at + 1].cell_type == "markdown"
        assert cells[at + 1].source.startswith("<details>\n<summary>")
        assert f"```python\n{solution.source}\n```" in cells[at + 1].source


def test_checks_are_told_that_a_learner_is_at_work(course: Path) -> None:
    for notebook in find_series(course):
        values: dict[str, object] = {}
        (cell,) = [cell for cell in read_notebook(notebook).cells if cell.id == "parameters"]
        assert cell.metadata.tags == ["parameters"]  # papermill can still set them
        exec(cell.source, values)
        assert values["learner"] is True


def test_all_links_and_pictures_lead_to_something_in_the_copy(course: Path) -> None:
    links = 0
    for path in course.glob("*.ipynb"):
        text = "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown")
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            links += 1
            assert target.startswith("https://") or (course / target).is_file(), target
    assert links > len(find_series())


def test_jupyterlab_finds_what_it_would_write_itself(course: Path) -> None:
    """It would else show each notebook as changed as soon as the kernel has answered."""
    specs = KernelSpecManager()
    for path in course.glob("*.ipynb"):
        node = nbformat.reads(path.read_text("utf-8"), as_version=4)
        spec = specs.get_kernel_spec(node.metadata.kernelspec.name)
        assert node.metadata.kernelspec == {
            "name": "python3-warm",
            "display_name": spec.display_name,
            "language": spec.language,
        }
        assert node.metadata.language_info == IPythonKernel.language_info
        assert (node.nbformat, node.nbformat_minor) == (4, 5)
        assert all(cell.id for cell in node.cells)


def test_its_home_and_the_table_of_contents_beside_it_are_what_opens_first(course: Path) -> None:
    home = read_notebook(course / HOME)
    assert [notebook.name for notebook in find_series(course)] == re.findall(
        r"^\| \d\d \| \[[^]]+\]\((\d\d_\w+\.ipynb)\)", home.cells[1].source, re.MULTILINE
    )
    (layout,) = WorkspacesManager(str(course / LAYOUTS)).list_workspaces()
    assert layout["data"]["layout-restorer:data"]["left"]["current"] == "@jupyterlab/toc:plugin"


def test_the_layout_that_the_learner_has_made_stays(tmp_path: Path) -> None:
    make_copy(tmp_path / "copy")
    layouts = WorkspacesManager(str(tmp_path / "copy" / LAYOUTS))
    layouts.save("default", '{"data": {}, "metadata": {"id": "default"}}')
    make_copy(tmp_path / "copy")
    (layout,) = layouts.list_workspaces()
    assert layout["data"] == {}


def test_what_is_there_stays_and_what_is_missing_is_added(tmp_path: Path) -> None:
    """Also after an interruption in the middle of copying."""
    folder = tmp_path / "my-course"
    make_copy(folder)
    whole = contents(folder)
    (folder / "03_grant_access.ipynb").write_text("mine")
    (folder / "images" / "03_grant_access.svg").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "04_get_token.ipynb").unlink()
    (folder / "images" / "04_get_token.svg").unlink()
    assert [path.name for path in make_copy(folder)] == ["04_get_token.ipynb"]
    mine = ["03_grant_access.ipynb", str(Path("images", "03_grant_access.svg")), "notes.txt"]
    assert contents(folder) == {**whole, **dict.fromkeys(mine, b"mine")}
    assert make_copy(folder) == []


def test_a_copy_of_an_earlier_course_is_told_from_what_the_learner_did(tmp_path: Path) -> None:
    folder = tmp_path / "my-course"
    make_copy(folder)
    path = folder / "01_create_identity.ipynb"
    node = nbformat.read(path, 4)
    node.cells[5].source += "\n# mine"
    node.cells[5].outputs, node.cells[5].execution_count = [nbformat.v4.new_output("stream", text="1")], 1
    del node.cells[10:]
    nbformat.write(node, path)
    assert outdated(folder) == []
    for name, metadata in (("02_assign_identity", {}), ("03_grant_access", {"made_from": "another"})):
        node = nbformat.read(folder / f"{name}.ipynb", 4)
        del node.metadata["made_from"]
        node.metadata.update(metadata)
        nbformat.write(node, folder / f"{name}.ipynb")
    (folder / "04_get_token.ipynb").write_text("mine")
    assert [path.name[:2] for path in outdated(folder)] == ["02", "03", "04"]


def test_outputs_that_are_saved_anew_make_no_copy_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "01_create_identity.ipynb"
    node = read_notebook(find_series()[1])
    made = []
    for change in ("", "# more"):
        node.cells[5].source += change
        for cell in node.cells:
            if cell.cell_type == "code":
                cell.outputs = []
        nbformat.write(node, path)
        made.append(nbformat.reads(learners_copy(path, {}), 4).metadata.made_from)
    committed = nbformat.reads(learners_copy(find_series()[1], {}), 4).metadata.made_from
    assert made[0] == committed != made[1]


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
        learners_copy(path, {})


def test_a_folder_that_cannot_hold_it_is_named_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "my-course"
    file.write_text("mine")
    with pytest.raises(UsageError, match=r"my-course: .+ Name another folder with --folder"):
        make_copy(file)
    assert file.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_copy_that_cannot_be_written_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "my-course"
    make_copy(folder)
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            make_copy(folder)
    finally:
        folder.chmod(stat.S_IRWXU)
