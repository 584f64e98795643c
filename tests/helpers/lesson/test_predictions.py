"""Guesses before each turning point, and what is said to them."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from helpers.lesson import compare
from tests.notebooks.course import book, run
from tests.support.sandbox import RunningSandbox

TURNING_POINTS = [
    ("03_grant_access", "guess_before", "guess-before-compare", "403"),
    ("03_grant_access", "guess_after", "guess-after-compare", "200"),
    ("04_get_token", "guess", "exercise-check-refused", "401"),
    ("05_read_properties", "guess", "guess-compare", "403"),
]


def answer(status: int) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    return made


def last_of(cell: str, variables: dict[str, Any]) -> str:
    return repr(eval(cell.splitlines()[-1], variables))


@pytest.mark.parametrize(("name", "guess", "cell", "status"), TURNING_POINTS)
def test_a_turning_point_answers_each_guess(
    at_sandbox: RunningSandbox, name: str, guess: str, cell: str, status: str
) -> None:
    variables = run(name, stop_after=cell)
    source = book(name).cell(cell).source
    assert "no guess" in last_of(source, variables)
    assert f"It was {status}:" in last_of(source, variables)
    variables[guess] = int(status)
    assert f"As you expected, it was {status}:" in last_of(source, variables)
    variables[guess] = 404
    assert f"You expected 404, and it was {status}:" in last_of(source, variables)
    assert "404 would say: There is nothing of this name" in last_of(source, variables)


@pytest.mark.parametrize(("name", "guess", "cell", "status"), TURNING_POINTS)
def test_the_guess_comes_before_its_answer_and_nothing_before_it_gives_that_away(
    name: str, guess: str, cell: str, status: str
) -> None:
    ids = [each.id for each in book(name).cells]
    [asked] = [each for each in book(name).code if each.source.startswith(f"{guess} = None")]
    assert ids.index(asked.id) < ids.index(cell)
    before = book(name).cells[ids.index(asked.id) - 1]
    assert "**Guess first:**" in before.source
    assert status not in before.source


@pytest.mark.parametrize(
    ("guess", "says"), [("403", "As you expected"), (" 401 ", "You expected 401, and it was 403:"), (..., "no guess")]
)
def test_guesses_may_be_written_in_several_ways(guess: object, says: str) -> None:
    assert says in repr(compare(guess, answer(403)))


@given(st.one_of(st.integers(), st.text(), st.floats(), st.lists(st.integers())), st.sampled_from([200, 403, 429, 500]))
def test_no_guess_fails(guess: object, status: int) -> None:
    assert f"t was {status}:" in repr(compare(guess, answer(status)))
