"""The saved outputs: complete, in order, and free of whatever differs from run to run or should not be seen."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from tests.notebooks.course import NAMES, Book, book
from workshop.notebooks.outcome import results_of


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Book:
    return book(request.param)


def text_of(each: Book) -> str:
    return json.dumps([cell.outputs for cell in each.code])


def test_all_cells_were_run_in_order(each: Book) -> None:
    assert [cell.execution_count for cell in each.code] == list(range(1, len(each.code) + 1))


def test_a_cell_that_ends_with_an_object_has_saved_it(each: Book) -> None:
    assert sum(1 for cell in each.code if cell.outputs) >= len(each.code) // 3
    for cell in each.code:
        assert not [output for output in cell.outputs if output["output_type"] == "error"]


def test_nothing_had_to_be_made_up_for(each: Book) -> None:
    """Saved in order, no notebook has to catch up, and nothing is waited for."""
    assert not [cell.id for cell in each.code for output in cell.outputs if output["output_type"] == "stream"]


def test_no_token_or_secret(each: Book) -> None:
    assert not re.search(r"eyJ[A-Za-z0-9_-]{8,}", text_of(each))
    assert not re.search(r"client_secret|Bearer [\w-]{8,}", text_of(each))


def test_no_time_of_day_port_or_path(each: Book) -> None:
    text = re.sub(r"api-version(=| +: |</th><td [^>]*>)\d{4}-\d\d-\d\d", "", text_of(each))
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\b1[6-9]\d{8}\b", text)
    assert not re.search(r"(localhost|127\.0\.0\.1|\[::1\]):\d+", text)
    assert not re.search(r"/(work|root|home|Users|tmp)/|0x[0-9a-f]{6,}", text)


def test_no_times_of_execution_in_the_metadata(each: Book) -> None:
    for cell in each.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}, cell.id
    assert set(each.metadata) == {"kernelspec", "language_info"}


def test_tables_have_a_plain_twin(each: Book) -> None:
    for cell in each.code:
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):
                assert output["data"]["text/plain"]


@pytest.mark.parametrize(
    ("name", "cell", "words"),
    [
        ("03_grant_access", "grant-access-before", "403 AuthorizationFailed"),
        ("03_grant_access", "grant-works-after", '"provisioningState": "Succeeded"'),
        ("04_get_token", "token-lifetime-hours", "24 hours"),
        ("05_read_properties", "read-properties", '"provisioningState": "Succeeded"'),
        ("05_read_properties", "not-allowed-elsewhere", "403 AuthorizationFailed"),
        ("05_read_properties", "not-allowed-write-group", "403 AuthorizationFailed"),
        ("05_read_properties", "take-away-read", "403 AuthorizationFailed"),
        ("05_read_properties", "not-allowed-elsewhere", "Nothing: this was to be refused."),
        ("05_read_properties", "not-allowed-write-group", "Nothing: this was to be refused."),
        ("05_read_properties", "take-away-read", "Nothing: this was to be refused."),
    ],
)
def test_what_matters_is_to_be_seen(name: str, cell: str, words: str) -> None:
    plain = ["".join(output["data"]["text/plain"]) for output in book(name).cell(cell).outputs]
    assert words in " ".join(plain)


def test_each_saves_its_results_as_data_just_before_the_exercise(each: Book) -> None:
    cell = each.cell("results")
    assert each.cells[each.cells.index(cell) + 1].id == "exercise"
    [output] = cell.outputs
    scrap = output["data"]["application/scrapbook.scrap.json+json"]
    assert set(scrap) == {"name", "data", "encoder", "version"}
    assert scrap["data"]


def test_the_results_agree_with_each_other() -> None:
    found = results_of(nbformat.read(book(name).path, 4) for name in NAMES)
    identity, assignment, claims = found["identity"], found["assignment"], found["claims"]
    assert claims["oid"] == identity["principal_id"] == assignment["principal_id"]
    assert claims["appid"] == identity["client_id"]
    assert found["vm"]["identities"] == [identity["id"]] == found["deleted"]["resources"]
    assert found["deleted"]["assignments"] == [assignment["id"]]
    assert found["group"]["id"].casefold() == assignment["scope"].casefold()
