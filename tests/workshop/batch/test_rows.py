"""Checking the rows of a batch before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from tests.workshop.small_notebooks import notebook, write_series
from workshop.batch.rows import Row, Source, check_rows, read_sources
from workshop.batch.table import RawRow, RawTable
from workshop.errors import UsageError
from workshop.notebooks.parameters import Text
from workshop.notebooks.series import find_series

PARAMETERS = """
target: str = "sandbox"
subscription_id: str = ""
resource_group: str = "myResourceGroupVM"
vm_name: str = "myVM"
identity_name: str = "ID1"
count: int = 1
wanted: bool = True
"""
TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    folder = write_series(
        tmp_path / "notebooks",
        {"00_a": notebook("1", parameters=PARAMETERS), "01_b": notebook("2", parameters='location: str = "eastus"')},
    )
    return read_sources(find_series(folder))


def check(sources: list[Source], *rows: dict[str, Any]) -> list[Row]:
    return check_rows(RawTable([RawRow(n, f"row {n}", row) for n, row in enumerate(rows, 1)]), sources)


def problems(sources: list[Source], *rows: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(UsageError) as caught:
        check(sources, *rows)
    return caught.value.problems


def test_each_notebook_gets_what_it_declares(sources: list[Source]) -> None:
    (row,) = check(sources, {"vm_name": Text("vm1"), "count": Text("3"), "location": Text("westus"), "wanted": False})
    assert row.parameters == [{"vm_name": "vm1", "count": 3, "wanted": False}, {"location": "westus"}]
    assert (row.name, row.number, row.target) == ("row-0001", 1, "sandbox")


def test_notebooks_that_name_no_target_have_the_sandbox(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "notebooks", {"00_a": notebook("1", parameters="count: int = 1")})
    (row,) = check(read_sources(find_series(folder)), {"count": 2})
    assert row.target == "sandbox"


def test_all_problems_are_named_with_row_and_column(sources: list[Source]) -> None:
    found = problems(
        sources,
        {"colour": Text("red"), "count": Text("three")},
        {"colour": Text("blue"), "vm_name": Text("-vm-"), "identity_name": Text("a b"), "wanted": Text("maybe")},
        {"target": Text("aws"), "location": 7, "resource_group": Text("ends.")},
    )
    assert [text.partition(":")[0] for text in found] == [
        "row 1; row 2, column colour",
        "row 1, column count",
        "row 2, column vm_name",
        "row 2, column identity_name",
        "row 2, column wanted",
        "row 3, column target",
        "row 3, column location",
        "row 3, column resource_group",
    ]
    assert "There is no parameter 'colour'. The notebooks know: count, identity_name" in found[0]
    assert "takes a whole number, not 'three'." in found[1]
    assert "does not end with a period" in found[-1]


def test_secrets_are_refused_and_not_shown(sources: list[Source]) -> None:
    found = problems(
        sources, {"client_secret": Text("hunter2hunter2"), "vm_name": Text(TOKEN), "count": Text(TOKEN), "name": TOKEN}
    )
    assert len(found) == 4
    assert all("looks like a secret" in text for text in found)
    assert "hunter2" not in str(found)
    assert "eyJ" not in str(found)


def test_two_rows_must_not_make_the_same(sources: list[Source]) -> None:
    same = {"resource_group": Text("RG-1"), "vm_name": Text("vm1"), "identity_name": Text("ID7")}
    found = problems(sources, same, {**same, "identity_name": "ID8"}, {**same, "resource_group": "rg-1"}, {}, {})
    assert found == (
        "row 3: It has the same resource_group, vm_name, identity_name as row 1.",
        "row 5: It has the same resource_group, vm_name, identity_name as row 4.",
    )


def test_the_default_counts_as_a_value(sources: list[Source]) -> None:
    assert len(problems(sources, {}, {"vm_name": "myvm", "identity_name": "id1"})) == 1


def test_rows_of_a_resource_group_share_a_concurrency_key(sources: list[Source]) -> None:
    rows = check(
        sources,
        {"resource_group": "rg-1", "vm_name": "vm1"},
        {"resource_group": "RG-1", "vm_name": "vm2"},
        {"resource_group": "rg-10", "vm_name": "vm1"},
        {"resource_group": "rg-1", "vm_name": "vm1", "target": "azure"},
    )
    keys = [row.concurrency_key for row in rows]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_a_column_names_the_rows(sources: list[Source]) -> None:
    rows = check(sources, {"name": Text("Contoso (east)"), "vm_name": "a"}, {"vm_name": "b"})
    assert [row.name for row in rows] == ["Contoso (east)", "row-0002"]
    assert "name" not in rows[0].parameters[0]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "a:b", "con", "NUL.txt", "x.", "x ", ".x", "a\n"]
)
def test_a_name_that_no_folder_can_have_is_refused(sources: list[Source], name: str) -> None:
    (problem,) = problems(sources, {"name": name})
    assert problem.startswith("row 1, column name: ")


def test_names_are_unique_whatever_their_case(sources: list[Source]) -> None:
    (problem,) = problems(sources, {"name": "East"}, {"name": "east", "vm_name": "vm2"})
    assert problem == "row 2, column name: 'east' is the name of row 1 already."


def test_a_row_is_told_by_its_notebooks_and_parameters(sources: list[Source], tmp_path: Path) -> None:
    (first,) = check(sources, {"vm_name": "vm1"})
    (again,) = check(sources, {"vm_name": Text("vm1")})
    (other,) = check(sources, {"vm_name": "vm2"})
    assert first.inputs == again.inputs != other.inputs
    write_series(tmp_path / "notebooks", {"01_b": notebook("3")})
    (changed,) = check(read_sources(find_series(tmp_path / "notebooks")), {"vm_name": "vm1"})
    assert changed.inputs != first.inputs


def test_the_notebooks_of_the_course_take_rows() -> None:
    sources = read_sources(find_series())
    rows = check(sources, *({"resource_group": f"rg-{n}", "vm_name": f"vm{n}"} for n in range(3)))
    assert len({row.concurrency_key for row in rows}) == 3
    assert {row.target for row in rows} == {"sandbox"}
