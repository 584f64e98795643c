from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from html.parser import HTMLParser
from typing import Any

import pytest
from azure.mgmt.authorization.models import Permission
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachine, VirtualMachineIdentity
from azure.mgmt.msi.models import Identity
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from helpers import show

TOKEN = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJodHRwcyJ9.c2lnbmF0dXJl"


class Colour(Enum):
    RED = "Red"


class Cells(HTMLParser):
    """The text of every cell of a table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag in ("td", "th"):
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def test_one_object_is_a_line_for_each_field() -> None:
    table = show({"Name": "ID1", "Location": "eastus"})
    assert repr(table) == "Name     : ID1\nLocation : eastus"
    assert Cells(table._repr_html_()).cells == ["Name", "ID1", "Location", "eastus"]


def test_several_objects_are_lines_under_headings() -> None:
    table = show([{"Name": "ID1", "In": "a"}, {"Name": "ID22", "In": "b", "More": "c"}])
    assert repr(table).splitlines() == ["Name  In  More", "----  --  ----", "ID1   a", "ID22  b   c"]
    html = table._repr_html_()
    assert 'scope="col"' in html and 'scope="row"' in html


def test_fields_of_sdk_objects_are_looked_up_by_path() -> None:
    entry = UserAssignedIdentitiesValue()
    machine = VirtualMachine(
        location="eastus",
        identity=VirtualMachineIdentity(type="UserAssigned", user_assigned_identities={"/x": entry}),
    )
    assert repr(show(machine, "location", "identity.type")) == "location      : eastus\nidentity.type : UserAssigned"
    assert '{"/x": {}}' in repr(show(machine, "identity.user_assigned_identities"))
    assert repr(show(VirtualMachine(location="eastus"), "identity.type")) == "identity.type : –"


def test_all_fields_if_none_is_named() -> None:
    assert repr(show(Identity(location="eastus", tags={"a": "b"}))) == 'tags     : {"a": "b"}\nlocation : eastus'


def test_a_field_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(AttributeError):
        show(Identity(location="eastus"), "colour")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (Colour.RED, "Red"),
        (False, "False"),
        (["a", "b"], "a, b"),
        ({"a": [1]}, '{"a": [1]}'),
        (datetime(2024, 5, 28, tzinfo=UTC), "2024-05-28T00:00:00+00:00"),
        ([Permission(actions=["*/read"])], "*/read"),
    ],
)
def test_values_are_readable(value: object, text: str) -> None:
    assert text in repr(show({"it": value}))


@pytest.mark.parametrize(
    "secret",
    [
        {"access_token": "opaque"},
        {"token": "opaque"},
        {"clientSecret": "opaque"},
        {"client_secret": "opaque"},
        {"adminPassword": "opaque"},
        {"Authorization": "Bearer opaque"},
        {"storage_key": "opaque"},
        {"connectionString": "opaque"},
        {"sas": "opaque"},
        {"deep": {"refresh_token": "opaque"}},
        {"deep": [{"password": "opaque"}]},
        {TOKEN: "of no use"},
        {"deep": {f"Bearer {TOKEN}": 1}},
        {"anything": f"it is opaque {TOKEN}".replace("opaque ", "")},
    ],
)
def test_secrets_are_not_shown(secret: dict[str, object]) -> None:
    for text in (repr(show(secret)), show(secret)._repr_html_()):
        assert "opaque" not in text and "eyJ" not in text and "c2lnbmF0dXJl" not in text
        assert "not shown" in text


@pytest.mark.parametrize("name", ["token_type", "ClientSecretUrl", "azure-mgmt-authorization", "tokenise"])
def test_what_only_sounds_like_a_secret_is_shown(name: str) -> None:
    assert "open" in repr(show({name: "open"}))


def test_nothing_is_shown_as_nothing() -> None:
    assert repr(show([])) == "(nothing)"
    assert "(nothing)" in show([])._repr_html_()


def test_what_it_means_that_a_list_is_empty_can_be_said() -> None:
    table = show([], "name", empty="Nobody <else> has.")
    assert repr(table) == "Nobody <else> has."
    assert table._repr_html_() == "<em>Nobody &lt;else&gt; has.</em>"
    assert "Nobody" not in repr(show([{"name": "ID1"}], "name", empty="Nobody else has."))


def test_colours_are_left_to_the_theme() -> None:
    assert not re.search(r"color|background|#[0-9a-f]{3}", show({"a": "b"})._repr_html_())


def test_an_id_wraps_between_its_names() -> None:
    html = show({"id": "/a/resourceGroups/b"})._repr_html_()
    assert "/<wbr>a/<wbr>resourceGroups/<wbr>b" in html
    assert "overflow-wrap" not in html


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1))
def test_html_says_what_the_text_says_and_nothing_becomes_markup(rows: list[tuple[str, str]]) -> None:
    parsed = Cells(show([{"one": one, "two": two} for one, two in rows])._repr_html_())
    assert set(parsed.tags) - {"wbr"} == {"table", "thead", "tr", "th", "td"}
    assert parsed.tags.count("wbr") == sum(two.count("/") for _, two in rows)
    expected = ["one", "two"] + [value for row in rows for value in row]
    assert [" ".join(cell.split()) for cell in parsed.cells] == [" ".join(value.split()) for value in expected]


def bundle(shown: object) -> dict[str, Any]:
    """What a notebook saves of an object that it shows."""
    formatter: Any = DisplayFormatter()
    data: dict[str, Any] = formatter.format(shown)[0]
    return data


def test_a_result_is_a_table_and_data() -> None:
    identity = Identity(location="eastus")
    identity.client_id = "1"
    shown = bundle(show(identity, "client_id", "tags", "location", result="identity"))
    assert shown.pop("application/scrapbook.scrap.json+json") == {
        "name": "identity",
        "data": {"client_id": "1", "tags": None, "location": "eastus"},
        "encoder": "json",
        "version": 1,
    }
    assert shown == bundle(show(identity, "client_id", "tags", "location"))


def test_a_results_data_are_json_without_secrets() -> None:
    given = {"colour": Colour.RED, "when": datetime(2026, 1, 2, tzinfo=UTC), "access_token": "x", "said": [TOKEN]}
    data = bundle(show(given, result="r"))["application/scrapbook.scrap.json+json"]["data"]
    assert data == {
        "colour": "Red",
        "when": "2026-01-02T00:00:00+00:00",
        "access_token": "(received, not shown)",
        "said": ["(received, not shown)"],
    }
