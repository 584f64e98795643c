"""Reading the rows of a batch, and naming all that is wrong with the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workshop.batch.table import Problem, RawRow, RawTable, read_table, sentences
from workshop.errors import UsageError
from workshop.notebooks.parameters import Text


def table_of(tmp_path: Path, content: str | bytes, ending: str = "csv") -> RawTable:
    path = tmp_path / f"rows.{ending}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def said(table: RawTable) -> list[str]:
    return sentences(table.problems)


def test_a_csv_file_has_text_and_empty_cells_are_not_given(tmp_path: Path) -> None:
    table = table_of(tmp_path, 'resource_group, vm_name\nrg-1,vm1\n\n"rg-2",\n"a, ""b""\n c",vm3\n')
    assert not table.problems
    assert table.rows == [
        RawRow(1, "row 1 (line 2)", {"resource_group": Text("rg-1"), "vm_name": Text("vm1")}),
        RawRow(2, "row 2 (line 4)", {"resource_group": Text("rg-2")}),
        RawRow(3, "row 3 (line 5)", {"resource_group": Text('a, "b"\n c'), "vm_name": Text("vm3")}),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_spreadsheets_save_is_read(tmp_path: Path, separator: str, end: str, mark: bytes) -> None:
    text = end.join(separator.join(cells) for cells in (["vm_name", "role"], ["vm1", "Reader"], ["vm2", "Größe"]))
    table = table_of(tmp_path, mark + text.encode())
    assert [row.values["role"] for row in table.rows] == [Text("Reader"), Text("Größe")]
    assert not table.problems


def test_excels_own_first_line_is_no_header(tmp_path: Path) -> None:
    table = table_of(tmp_path, "sep=;\r\nvm_name;role\r\nvm1;Reader, or so\r\n")
    assert not table.problems
    assert table.rows == [RawRow(1, "row 1 (line 3)", {"vm_name": Text("vm1"), "role": Text("Reader, or so")})]


def test_everything_wrong_with_a_csv_file_is_named_with_its_line(tmp_path: Path) -> None:
    lines = [
        "vm_name,role,vm_name,",
        'vm1,"Rea"der,a,b',
        "vm2,Reader",
        "vm3,Reader,c,d,e",
        ",,,",
        "vm\xff,Reader,c,d",
        'vm6,"Reader,c,d',
        "vm7,Reader,c,d",
    ]
    table = table_of(tmp_path, "\n".join(lines).encode("latin-1"))
    assert said(table) == [
        "line 1, column vm_name: The header has it twice.",
        "line 1: The header has no name for column 4.",
        "line 2: Something follows a closing quotation mark. Double the quotation marks that belong to the text.",
        "row 1 (line 3): It has 2 cells for 4 columns; missing: vm_name, .",
        "row 2 (line 4): It has 5 cells for 4 columns; put text with commas in quotation marks.",
        "row 3 (line 5): It is empty; delete it.",
        "row 4 (line 6), column vm_name: This is not in UTF-8; save the file as UTF-8.",
        "line 7: A quotation mark is opened here and never closed.",
    ]


@pytest.mark.parametrize("end", [",\n,\n", "\n,\n\n  , \n", ",", ",,,\n"])
def test_empty_rows_at_the_end_are_ignored(tmp_path: Path, end: str) -> None:
    table = table_of(tmp_path, f"vm_name,role\nvm1,Reader\n{end}")
    assert not table.problems
    assert [row.number for row in table.rows] == [1]
    assert said(table_of(tmp_path, f"vm_name,role\n{end}")) == [f"{tmp_path / 'rows.csv'} has no rows."]


def test_one_cell_is_not_several(tmp_path: Path) -> None:
    assert said(table_of(tmp_path, "vm_name,role\nvm1\n")) == [
        "row 1 (line 2): It has 1 cell for 2 columns; missing: role."
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        ("vm_name\nvm1\n".encode("utf-16"), "seems to be in UTF-16"),
        ("vm_name\nvm1\n".encode("utf-16-le"), "seems to be in UTF-16"),
        ("vm_name\nvm1\n".encode("utf-32"), "seems to be in UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_as_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table_of(tmp_path, content)


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        ("json", "{", "is not JSON"),
        ("json", "{}", "is not a batch"),
        ("json", "[" * 100_000, "is not JSON"),
        ("yaml", "a: [", "is not YAML"),
        ("yaml", "identity_name: ID1", "is not a batch"),
        ("yaml", "- {a: 2001-99-99}", "is not YAML"),
        ("yaml", "- !!python/object/apply:os.getcwd []", "is not YAML"),
        ("json", b'["\xff"]', "not in UTF-8, see line 1"),
        ("txt", "a", "should be called"),
        ("tsv", "vm_name\trole\nvm1\tReader\n", "save a spreadsheet as CSV"),
        ("xlsx", b"PK\x03\x04\0", "save a spreadsheet as CSV"),
    ],
)
def test_what_is_no_batch_is_refused(tmp_path: Path, ending: str, content: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table_of(tmp_path, content, ending)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(("ending", "dump"), [("json", json.dumps), ("yaml", yaml.safe_dump), ("yml", yaml.safe_dump)])
def test_yaml_and_json_have_values_with_types(tmp_path: Path, ending: str, dump: Callable[[Any], str]) -> None:
    rows = [{"vm_name": "vm1", "count": 3, "more": {"a": [1, None]}}, {}]
    table = table_of(tmp_path, dump(rows), ending)
    assert [(row.label, row.values) for row in table.rows] == [("row 1", rows[0]), ("row 2", {})]
    assert not table.problems


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_everything_wrong_with_the_items_is_named(tmp_path: Path, ending: str) -> None:
    table = table_of(tmp_path, '[{"vm_name": "a", "vm_name": "b"}, 7, ["x"], {"role": "Reader"}]', ending)
    assert said(table) == [
        "row 1, column vm_name: It is there twice.",
        "row 2; row 3: It should be names and values, such as: {identity_name: ID1}",
    ]


@pytest.mark.parametrize(("ending", "content"), [("csv", "vm_name\n"), ("json", "[]"), ("yaml", "[]")])
def test_a_file_without_rows_is_a_problem(tmp_path: Path, ending: str, content: str) -> None:
    assert "has no rows" in said(table_of(tmp_path, content, ending))[0]


def test_the_same_problem_in_many_places_is_said_once() -> None:
    problems = [Problem("It is bad.", f"row {n}", "role") for n in range(1, 10)] + [Problem("The file is bad.")]
    assert sentences(problems) == ["The file is bad.", "row 1; row 2; row 3 and 6 more, column role: It is bad."]


@given(st.permutations([1, 2, 9, 10, 11, 100]))
def test_problems_are_in_the_order_of_the_lines(lines: list[int]) -> None:
    problems = [Problem(f"Bad {line}.", f"row {200 - line} (line {line})", "role") for line in lines]
    assert [sentence.rpartition(" ")[2] for sentence in sentences(problems)] == ["1.", "2.", "9.", "10.", "11.", "100."]


def test_of_many_problems_in_a_column_the_first_are_named_and_none_of_another_is_lost() -> None:
    problems = [Problem(f"It is bad: {number}.", f"row {number}", "role") for number in range(1, 501)]
    found = sentences([*problems, Problem("It is worse.", "row 500", "vm_name")])
    assert found[0] == "row 1, column role: It is bad: 1."
    assert found[9:] == [
        "row 10, column role: It is bad: 10.",
        "row 500, column vm_name: It is worse.",
        "and 490 more like these in column role",
    ]
