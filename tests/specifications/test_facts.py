"""What is known of Azure, line by line, asked of a running sandbox."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from sandbox.state.state_directory import Settings
from tests.specifications.facts.deviations import DEVIATIONS, ELSEWHERE, Deviation
from tests.specifications.facts.entra import ENTRA
from tests.specifications.facts.groups import ENVELOPE, GROUPS, GROUPS_AT_ONCE, SUBSCRIPTIONS
from tests.specifications.facts.identities import IDENTITIES
from tests.specifications.facts.machine_lives import MACHINE_LIVES, MACHINES_AT_ONCE
from tests.specifications.facts.machines import MACHINES
from tests.specifications.facts.metadata import METADATA, METADATA_QUOTA
from tests.specifications.facts.refusals import REFUSALS, THROTTLING
from tests.specifications.facts.roles import CONDITIONS, PROPAGATION, ROLES
from tests.specifications.facts.telling import (
    ANYTHING,
    NOTHING,
    Has,
    Matches,
    Ordered,
    Row,
    SameAs,
    Story,
    Told,
    tell,
)
from tests.support.sandbox import running_sandbox

STORIES = (
    *(
        ENVELOPE,
        IDENTITIES,
        MACHINES,
        MACHINE_LIVES,
        MACHINES_AT_ONCE,
        ROLES,
        CONDITIONS,
        PROPAGATION,
        GROUPS,
        GROUPS_AT_ONCE,
    ),
    *(SUBSCRIPTIONS, REFUSALS, THROTTLING, METADATA, METADATA_QUOTA, ENTRA),
)
ROWS = [pytest.param(story, row, id=f"{story.name}: {row.name}") for story in STORIES for row in story.rows]

Telling = Callable[[Story], dict[str, Told]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Telling:
    """Tells each story once, to a sandbox of its own."""
    kept: dict[str, dict[str, Told]] = {}

    def tell_once(story: Story) -> dict[str, Told]:
        if story.name not in kept:
            folder, settings = tmp_path_factory.mktemp("sandbox"), Settings(timing=story.timing)
            with running_sandbox(folder, settings=settings, keys_from=keys) as sandbox:
                kept[story.name] = tell(story, sandbox)
        return kept[story.name]

    return tell_once


@pytest.mark.parametrize(("story", "row"), ROWS)
def test_a_fact(told: Telling, story: Story, row: Row) -> None:
    assert not told(story)[row.name].differences(row)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_each_row_has_a_name_of_its_own(story: Story) -> None:
    assert len({row.name for row in story.rows}) == len(story.rows)


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.azure)
def test_a_deviation_is_shown_by_a_row(deviation: Deviation) -> None:
    assert deviation.row in {row.name for story in STORIES for row in story.rows}


@pytest.mark.parametrize("test", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_is_held_to_elsewhere_is(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((Path(__file__).parents[1] / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


# --- the notation itself -------------------------------------------------------------------------------------------


def _told(status: int, body: Any, **headers: str) -> Told:
    response = requests.Response()
    response.status_code, response.headers = status, CaseInsensitiveDict(headers)
    response._content = b"" if body is NOTHING else json.dumps(body).encode()
    return Told(response, {"s": "a.b"})


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": ANYTHING}, {"a": None}),
        ({"a": "<s>"}, {"a": "a.b"}),
        ({"<s>": 1}, {"a.b": 1}),
        (Matches("<s>/\\d"), "a.b/1"),
        (Has({"a": [1]}), {"a": [1], "b": 2}),
        (Ordered({"a": 1, "b": 2}), {"a": 1, "b": 2}),
        (NOTHING, NOTHING),
    ],
)
def test_what_is_as_expected_passes(expected: Any, actual: Any) -> None:
    row = Row(name="", path="", status=200, headers={"h": "<s>", "absent": None, "i": SameAs("h")}, answer=expected)
    assert not _told(200, actual, h="a.b", i="a.b").differences(row)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": None}, {}),
        ({}, {"a": None}),
        ({"a": 1}, [1]),
        ([1], [1, 2]),
        ([1], {"a": 1}),
        (Matches("<s>"), "axb"),
        (Matches("a"), "ab"),
        (Matches("a"), None),
        (Has({"a": 1}), {"b": 1}),
        (Has({"a": 1}), None),
        (Ordered({"a": 1, "b": 2}), {"b": 2, "a": 1}),
        (NOTHING, {}),
        ({}, NOTHING),
    ],
)
def test_what_is_not_as_expected_is_found(expected: Any, actual: Any) -> None:
    assert _told(200, actual).differences(Row(name="", path="", status=200, answer=expected))


@pytest.mark.parametrize(
    ("status", "headers"), [(201, {}), (200, {"h": "b"}), (200, {"there": None}), (200, {"h": SameAs("there")})]
)
def test_another_status_or_header_is_found(status: int, headers: dict[str, Any]) -> None:
    assert _told(200, {}, h="a", there="c").differences(Row(name="", path="", status=status, headers=headers))
