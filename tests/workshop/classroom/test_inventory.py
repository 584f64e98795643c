"""Marks: what is ours, and whose it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.inventory import Group, made_for, principal_name, principal_prefix, tags_for

ADA = learner()
FRIDAY = class_of([ADA])


def test_what_is_made_is_found_again() -> None:
    thing = Group("friday-ada", tags_for(FRIDAY, ADA))
    assert made_for(thing, FRIDAY) and made_for(thing, FRIDAY, ADA)
    assert not made_for(thing, FRIDAY, learner(2, "grace"))


def test_a_class_of_the_same_name_is_another() -> None:
    assert not made_for(Group("friday-ada", tags_for(FRIDAY, ADA)), replace(FRIDAY, id="another"), ADA)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"class": "friday"},
        {"class": "friday", "made-by": "managed-identity-class"},
        {"made-by": "managed-identity-tutorial", "class-id": FRIDAY.id},
    ],
)
def test_nothing_else_is(tags: dict[str, str]) -> None:
    assert not made_for(Group("friday-ada", tags), FRIDAY)


def test_principals_of_classes_whose_names_or_ids_begin_alike_differ() -> None:
    for other in (replace(FRIDAY, name="friday-2"), replace(FRIDAY, id=f"{FRIDAY.id}7")):
        assert not principal_name(other, ADA).startswith(principal_prefix(FRIDAY))
