from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from helpers import wait, wait_until


class Time:
    """A time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(wait, "time", made)
    return made


def answers(*values: object) -> Callable[[], object]:
    given: Iterator[object] = iter(values)

    def ask() -> object:
        value = next(given)
        if isinstance(value, Exception):
            raise value
        return value

    return ask


def test_says_nothing_if_it_need_not_wait(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    assert wait_until(answers("yes"), what="it") == "yes"
    assert not time.pauses
    assert capsys.readouterr().out == ""


def test_returns_the_answer_that_satisfies_and_says_how_long_it_took(
    time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wait_until(answers(1, 2, 3, 4), lambda answer: answer == 3, what="the third") == 3
    assert time.pauses == [0.5, 1.0]
    shown = capsys.readouterr().out
    assert "Waiting for the third: 0 s" in shown
    assert shown.endswith("Waited for the third: 2 s\n")


def test_pauses_grow_up_to_a_limit(time: Time) -> None:
    wait_until(answers(*[None] * 8, "yes"), what="it")
    assert time.pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]


def test_only_the_exceptions_named_mean_not_yet(time: Time) -> None:
    assert wait_until(answers(KeyError("x"), "yes"), what="it", ignoring=KeyError) == "yes"
    with pytest.raises(ValueError, match="boom"):
        wait_until(answers(ValueError("boom")), what="it", ignoring=KeyError)


def test_gives_up_in_time_and_says_what_to_do(time: Time) -> None:
    class Refused:
        status_code = 403

        def __bool__(self) -> bool:
            return False

    with pytest.raises(TimeoutError) as refusal:
        wait_until(lambda: Refused(), what="the grant to take effect", timeout=30)
    said = str(refusal.value)
    assert time.now == 30
    assert said.startswith("Waited 30 seconds for the grant to take effect")
    assert "the last answer had the status 403" in said
    assert "run this cell again" in said


def test_giving_up_names_the_exception_that_was_in_the_way(time: Time) -> None:
    with pytest.raises(TimeoutError, match="Identity not found"):
        wait_until(answers(*[KeyError("Identity not found")] * 9), what="it", timeout=9, ignoring=KeyError)


def test_an_answer_that_would_not_do_is_not_in_the_message(time: Time) -> None:
    with pytest.raises(TimeoutError) as refusal:
        wait_until(lambda: "a secret", lambda answer: False, what="it", timeout=1)
    assert "a secret" not in str(refusal.value)
