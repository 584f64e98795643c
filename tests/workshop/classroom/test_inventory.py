"""Marks: what is ours, whose it is, and how old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workshop.classroom.inventory import (
    learner_of,
    made_at,
    made_for,
    principal_name,
    principal_prefix,
    tags_for,
)

NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)


@dataclass
class Thing:
    tags: dict[str, str] | None


def test_what_is_made_is_found_again() -> None:
    thing = Thing(tags_for("friday", "ada", NOON))
    assert made_for(thing, "friday") and made_for(thing, "friday", "ada")
    assert not made_for(thing, "fri") and not made_for(thing, "friday", "grace")
    assert learner_of(thing) == "ada"
    assert made_at(thing) == NOON


@pytest.mark.parametrize(
    "tags", [None, {}, {"class": "friday"}, {"made-by": "managed-identity-tutorial", "class": "friday"}]
)
def test_nothing_else_is(tags: dict[str, str] | None) -> None:
    assert not made_for(Thing(tags), "friday")
    assert made_at(Thing(tags)) is None


def test_a_time_that_is_none_is_not_taken_for_one() -> None:
    assert made_at(Thing({"made-at": "yesterday"})) is None
    east = timezone(timedelta(hours=9))
    assert made_at(Thing(tags_for("friday", "ada", NOON.astimezone(east)))) == NOON


def test_principals_of_classes_whose_names_begin_alike_differ() -> None:
    assert not principal_name("friday-2", "ada").startswith(principal_prefix("friday"))
