"""Every notebook has the same frame, is made of short cells with prose before them, and reads well without running."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

from tests.notebooks.course import FOLDER, NAMES, Book, Cell, assignments, book, books

VERBS = {"Check", "Create", "Assign", "Grant", "Get", "Read", "Clean"}
LONGEST = 13  # the two that show an answer with all the fields that the quickstart shows
WIDEST = 88
OWN_PARAMETERS = {
    "00_prerequisites": {"create_vm": "bool", "vm_os": "str"},
    "06_clean_up": {"delete": "bool", "create_vm": "bool"},
}
ON_VM = re.compile(
    r"on_vm\b|ManagedIdentityCredential|(?<![.\w])credential\b|\bas_identity\b|\bread_group\b|\brights\."
)


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Book:
    return book(request.param)


def test_the_folder_has_these_notebooks_and_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == [*NAMES, "index"]


def test_begins_with_a_title_that_has_a_verb(each: Book) -> None:
    title = re.match(r"# (\w+) .+\n", each.cells[0].source)
    assert title
    assert title[1] in VERBS


def test_says_what_how_long_and_with_what(each: Book) -> None:
    opening = each.cells[0].source
    what = re.search(r"^\*\*You will be able to:\*\* (.+)$", opening, re.MULTILINE)
    assert what and what[1].count(".") == 1 and what[1].endswith(".")
    assert re.search(r"^\*\*Time:\*\* \d+ minutes, and 5 for the exercise$", opening, re.MULTILINE)
    assert re.search(r"^\*\*You need:\*\* .+\.$", opening, re.MULTILINE)


def test_ends_with_check_exercise_summary_and_next(each: Book) -> None:
    headings = re.findall(r"^## (.+)$", each.prose, re.MULTILINE)
    assert headings[0] == "Set up"
    assert headings[-4:] == ["Check", "Exercise", "Summary", "Next"]


def test_first_code_cell_is_the_same_parameters_cell_everywhere(each: Book) -> None:
    first, shared = each.code[0], book("01_create_identity").code[0].source
    assert first.tags == ("parameters",)
    assert first.source.startswith(shared)
    own = assignments(first.source.removeprefix(shared))
    assert {name: kind for name, (kind, _) in own.items()} == OWN_PARAMETERS.get(each.name, {})
    assert [cell.id for cell in each.cells if "parameters" in cell.tags] == [first.id]


def test_parameters_are_typed_commented_and_have_their_defaults() -> None:
    source = book("01_create_identity").code[0].source
    assert assignments(source) == {
        "target": ("str", "sandbox"),
        "subscription_id": ("str", ""),
        "resource_group": ("str", "myResourceGroupVM"),
        "vm_name": ("str", "myVM"),
        "identity_name": ("str", "ID1"),
        "location": ("str", ""),
        "role": ("str", "Reader"),
        "sign_in": ("str", "auto"),
        "reach_vm": ("str", "here"),
    }
    assert all(re.search(r"  # \S.{10,}$", line) for line in source.splitlines())


def test_papermill_reads_the_comments() -> None:
    from papermill.inspection import _infer_parameters
    from papermill.iorw import load_notebook_node

    for each in books():
        for parameter in _infer_parameters(load_notebook_node(str(each.path))):
            assert parameter.inferred_type_name == OWN_PARAMETERS.get(each.name, {}).get(parameter.name, "str")
            assert parameter.help


def test_prose_comes_before_every_cell(each: Book) -> None:
    for before, cell in zip(each.cells, each.cells[1:], strict=False):
        if cell.is_code:
            assert not before.is_code, f"nothing is said before {cell.id}"


def test_cells_are_short() -> None:
    lengths = [cell.lines for each in books() for cell in each.code if "parameters" not in cell.tags]
    assert statistics.median(lengths) <= 3
    assert statistics.quantiles(lengths, n=10)[-1] <= 6
    assert max(lengths) <= LONGEST


def test_code_fits_beside_the_table_of_contents(each: Book) -> None:
    python = re.compile(r"```python\n(.*?)```", re.DOTALL)
    for cell in each.cells:
        for code in [cell.source] if cell.is_code else python.findall(cell.source):
            assert max(map(len, code.splitlines())) <= WIDEST, cell.id


def test_cell_ids_are_readable_and_unique(each: Book) -> None:
    ids = [cell.id for cell in each.cells]
    assert len(set(ids)) == len(ids)
    for cell_id in ids:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell_id)
        assert not re.fullmatch(r"[0-9a-f]{8}", cell_id), f"{cell_id} was made up by a program"


def test_cells_that_need_the_vm_say_so(each: Book) -> None:
    for before, cell in zip(each.cells, each.cells[1:], strict=False):
        if cell.is_code and ON_VM.search(cell.source):
            assert "on-vm" in cell.tags, cell.id
        if "on-vm" in cell.tags:
            assert re.search(r"\*\*(Runs on the VM|It runs on the VM|on the VM)\b", before.source), cell.id


def test_each_solution_is_folded_and_checked(each: Book) -> None:
    solutions = [cell for cell in each.cells if "solution" in cell.tags]
    assert solutions
    for cell in solutions:
        assert cell.is_code and cell.metadata["jupyter"] == {"source_hidden": True}
        check = each.cells[each.cells.index(cell) + 2]
        assert re.search(r"^check_\w+\(globals\(\)\)$", check.source, re.MULTILINE)
        assert check.id.startswith("exercise-check")


def test_expected_refusals_are_caught_and_asserted(each: Book) -> None:
    assert not [cell.id for cell in each.cells if "raises-exception" in cell.tags]


def test_literals_stay_in_the_parameters(each: Book) -> None:
    for cell in each.code[1:]:
        for literal in ("myResourceGroupVM", "myVM", '"ID1"', "eastus", '"Reader"'):
            assert literal not in _without_messages(cell), f"{cell.id} has {literal} in it"


def test_notebooks_import_nothing_but_helpers_azure_requests_and_the_standard_library(each: Book) -> None:
    allowed = {"azure", "helpers", "requests", "base64", "json", "uuid", "importlib"}
    for cell in each.code:
        for node in ast.walk(ast.parse(cell.source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed


def test_links_lead_somewhere(each: Book) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", each.prose):
        assert not target.startswith(("/", "http:")), target
        assert target.startswith("https://") or (FOLDER / target.partition("#")[0]).is_file(), target


def test_links_in_text_are_told_from_it_by_more_than_their_colour(each: Book) -> None:
    """JupyterLab does not underline them."""
    lines = [line for line in each.prose.splitlines() if not line.startswith(("|", "!", "["))]
    assert re.findall(r"(?<!\*\*)\[[^\]]+\]\([^)]+\)", "\n".join(lines)) == []


def test_next_leads_to_the_next(each: Book) -> None:
    place = NAMES.index(each.name)
    following = NAMES[(place + 1) % len(NAMES)]
    assert f"({following}.ipynb)" in each.cells[-1].source


def test_has_one_diagram_with_a_text_for_those_who_cannot_see_it(each: Book) -> None:
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", each.prose)
    assert [path for _, path in pictures] == [f"images/{each.name}.svg"]
    assert len(pictures[0][0].split()) > 20


def test_kernel_is_the_plain_one(each: Book) -> None:
    assert each.metadata["kernelspec"]["name"] == "python3"
    assert each.metadata["language_info"]["name"] == "python"


def test_details_are_closed_and_set_apart(each: Book) -> None:
    for cell in each.cells:
        if "<details>" in cell.source:
            assert cell.source.startswith("<details>\n<summary>") and cell.source.endswith("</details>")
            assert "</summary>\n\n" in cell.source and "\n\n</details>" in cell.source
            assert cell.source.count("```") % 2 == 0


def test_nothing_of_this_machine_in_the_text(each: Book) -> None:
    text = Path(each.path).read_text("utf-8")
    assert not re.search(r"/(work|root|home|Users)/|/tmp/|[A-Z]:\\\\", text)
    assert not re.search(r"eyJ[A-Za-z0-9_-]{8,}", text)


def test_taking_a_role_away_is_not_said_to_work_at_once() -> None:
    """It does in the sandbox; on Azure it can take as long as a grant."""
    notebook = book("05_read_properties")
    assert "at once" not in notebook.prose
    assert "up to 10 minutes" in notebook.cell("take-away-refused").source


def _without_messages(cell: Cell) -> str:
    """The source without the messages of its asserts, which give examples."""
    tree = ast.parse(cell.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            node.msg = None
    return ast.unparse(tree).replace("'", '"')
