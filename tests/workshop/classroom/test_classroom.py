"""Who gets which names."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.workshop.classroom.lesson import hold, learner
from workshop.classroom.classroom import Classroom, Patterns, class_name, make_learners
from workshop.classroom.roster import Entry
from workshop.errors import UsageError

GUID = "11111111-2222-3333-4444-555555555555"


def entry(name: str, handle: str, object_id: str = "") -> Entry:
    return Entry(2, name, handle, object_id, "User")


ENTRIES = [entry("Ada Lovelace", "ada"), entry("Grace Hopper", "grace")]


def test_each_learner_has_a_group_a_machine_and_an_identity() -> None:
    first, second = make_learners("friday", ENTRIES, Patterns(), "sandbox")
    assert (first.resource_group, first.vm_name, first.identity_name) == ("friday-ada", "vm-ada", "id-ada")
    assert (second.number, second.principal_type, second.object_id) == (2, "ServicePrincipal", "")


def test_patterns_make_other_names() -> None:
    patterns = Patterns("rg-{class}-{number}", "myVM", "ID1")
    found = make_learners("friday", ENTRIES, patterns, "sandbox")
    assert [each.resource_group for each in found] == ["rg-friday-01", "rg-friday-02"]
    assert {each.identity_name for each in found} == {"ID1"}


@pytest.mark.parametrize("pattern", ["{name}", "{handle.upper}", "{handle[0]}", "{0}", "{", "{}"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"--vm-name .* cannot be used"):
        make_learners("friday", ENTRIES, Patterns(vm_name=pattern), "sandbox")


def test_groups_have_to_differ_and_names_to_be_azures() -> None:
    with pytest.raises(UsageError, match="a group of their own"):
        make_learners("friday", ENTRIES, Patterns(resource_group="{class}"), "sandbox")
    with pytest.raises(UsageError) as refused:
        make_learners("friday", ENTRIES, Patterns(resource_group="{handle}.", identity_name="?{handle}"), "sandbox")
    assert len(refused.value.problems) == 4


def test_on_azure_learners_are_who_the_roster_says() -> None:
    with pytest.raises(UsageError, match="Grace Hopper has no object_id"):
        make_learners("friday", [entry("Ada", "ada", GUID), ENTRIES[1]], Patterns(), "azure")
    (ada,) = make_learners("friday", [entry("Ada", "ada", GUID)], Patterns(), "azure")
    assert (ada.object_id, ada.principal_type) == (GUID, "User")


def test_numbers_stay_when_others_come_and_go() -> None:
    before = make_learners("friday", ENTRIES, Patterns(), "sandbox")
    now = make_learners("friday", [entry("Lin", "lin"), ENTRIES[1]], Patterns(), "sandbox", before)
    assert [(each.handle, each.number) for each in now] == [("lin", 3), ("grace", 2)]


def test_a_class_is_named_after_its_roster() -> None:
    assert class_name(None, "Friday 6 March") == "friday-6-march"
    assert class_name("intro", "friday") == "intro"
    for bad in ("Intro", "a b", "", "-a", "x" * 41, "a.b"):
        with pytest.raises(UsageError, match="cannot be the name of a class"):
            class_name(bad, "friday")


def test_learners_are_found_by_a_part_of_their_name() -> None:
    classroom = hold([learner(), learner(2, "ada-byron", "Ada Byron"), learner(3, "grace", "Grace Hopper")])
    assert classroom.find("GRACE").number == classroom.find("hopper").number == classroom.find(" grace  hopper ").number
    assert classroom.find("ada byron").number == 2
    with pytest.raises(UsageError, match=r"may be Ada Lovelace \(ada-lovelace\) or Ada Byron"):
        classroom.find("Ada")
    for nobody in ("lin", ""):
        with pytest.raises(UsageError, match="There is no"):
            classroom.find(nobody)


def test_a_class_survives_being_kept() -> None:
    classroom = dataclasses.replace(hold([learner()]), vm_size="Standard_B2s")
    assert Classroom.from_json(json.loads(json.dumps(classroom.to_json()))) == classroom
