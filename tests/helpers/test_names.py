from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import check_names
from sandbox.arm.managed_identity.identities import is_name

GOOD = {
    "subscription_id": ["00000000-0000-0000-0000-000000000000", "AAAABBBB-0000-cccc-1111-dddd2222eeee"],
    "resource_group": ["myResourceGroupVM", "a", "Gruppe_(1).x-", "größe", "x" * 90],
    "vm_name": ["myVM", "a", "web-01", "my_vm", "a.b", "x" * 64],
    "identity_name": ["ID1", "1ab", "a-b_c", "x" * 128],
    "location": ["eastus", "westus3", ""],
    "role": ["Reader", "Virtual Machine Contributor"],
}
BAD = {
    "subscription_id": ["my subscription", "00000000000000000000000000000000", "00000000-0000-0000-0000-00000000000g"],
    "resource_group": ["", "ends.", "with space", "a/b", "x" * 91],
    "vm_name": ["", "-a", "a-", "a.", "a b", "x" * 65],
    "identity_name": ["", "ID", "_ID1", "-ID1", "ID 1", "ID1!", "ä23", "x" * 129, "ID1\n"],
    "location": ["e", "East US", "east-us", "EASTUS"],
    "role": ["", " ", " Reader"],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(GOOD))
def test_good_names_pass(name: str, value: str) -> None:
    check_names(**{name: value})


@pytest.mark.parametrize(("name", "value"), pairs(BAD))
def test_bad_names_are_refused_with_the_rule(name: str, value: str) -> None:
    with pytest.raises(ValueError) as refusal:
        check_names(**{name: value})
    said = str(refusal.value)
    assert said.startswith(f"{name} = {value!r} is not allowed. ")
    assert said.endswith(".")


def test_the_sentence_for_identities_says_what_azure_allows() -> None:
    with pytest.raises(ValueError, match="3 to 128 letters, digits, hyphens and underscores"):
        check_names(identity_name="no")


@pytest.mark.parametrize(("length", "warned"), [(24, False), (25, True)])
def test_a_long_name_of_an_identity_gets_microsofts_warning(length: int, warned: bool) -> None:
    rows = check_names(identity_name="x" * length, resource_group="x" * length)
    assert ["Microsoft warns" in row["What Azure allows"] for row in rows] == [warned, False]


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ValueError) as refusal:
        check_names(resource_group="", vm_name="myVM", identity_name="x")
    assert [line.split(" ")[0] for line in str(refusal.value).splitlines()] == ["resource_group", "identity_name"]


def test_a_number_is_no_name_and_the_sentence_says_how_to_keep_it_text() -> None:
    from_papermill: Any = 777  # what -p makes of 777
    with pytest.raises(ValueError, match=r"identity_name must be text, but is 777\..*-r"):
        check_names(identity_name=from_papermill)


def test_a_parameter_without_a_rule_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="colour"):
        check_names(colour="red")


def test_rules_are_shown_for_each_name() -> None:
    shown = check_names(identity_name="ID1", location="eastus")
    assert [line["Value"] for line in shown] == ["ID1", "eastus"]
    assert all(line["What Azure allows"].endswith(".") for line in shown)


@given(st.text(alphabet="aZ09-_. ä\n/", max_size=6) | st.integers(100, 150).map(lambda length: "i" * length))
def test_agrees_with_what_the_service_accepts(name: str) -> None:
    try:
        check_names(identity_name=name)
    except ValueError:
        assert not is_name(name)
    else:
        assert is_name(name)
