"""Many at a time: limits, failures that stay with one, and an end on Ctrl-C."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.exceptions import HttpResponseError

from sandbox.arm.envelope import ResourceManager
from sandbox.core.http import Answer, Request
from tests.workshop.classroom.lesson import Lesson
from workshop.classroom import provision
from workshop.classroom.provision import TaskOutcome, for_each
from workshop.errors import WorkshopError

PATIENCE = 300.0  # seconds


def ignore(outcome: TaskOutcome[int], number: int, of: int) -> None:
    """Tell nobody."""


def test_at_most_so_many_at_a_time() -> None:
    now, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def task(subject: int, done: list[str]) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        three.wait(PATIENCE)
        with lock:
            now -= 1

    for_each(range(21), task, 3, ignore)
    assert most == 3


def test_outcomes_come_in_the_order_of_the_subjects_and_are_told_as_they_come() -> None:
    told: list[tuple[int, int, int]] = []
    others_are_told = threading.Event()

    def task(subject: int, done: list[str]) -> None:
        assert subject > 0 or others_are_told.wait(PATIENCE)
        done.append(f"did {subject}")

    def tell(outcome: TaskOutcome[int], number: int, of: int) -> None:
        told.append((outcome.subject, number, of))
        if number == 3:
            others_are_told.set()

    outcomes = for_each(range(4), task, 4, tell)
    assert [(outcome.subject, outcome.done) for outcome in outcomes] == [(n, [f"did {n}"]) for n in range(4)]
    assert sorted(subject for subject, _, _ in told) == [0, 1, 2, 3]
    assert [number for _, number, _ in told] == [1, 2, 3, 4]
    assert told[-1][0] == 0


@pytest.mark.parametrize("error", [WorkshopError("no"), OSError("no"), HttpResponseError("no")])
def test_a_failure_is_kept_with_what_was_done_before_it(error: Exception) -> None:
    def task(subject: int, done: list[str]) -> None:
        done.append("began")
        if subject == 1:
            raise error

    first, second, third = for_each(range(3), task, 2, ignore)
    assert (first.error, third.error) == ("", "")
    assert second.done == ["began"]
    assert "no" in second.error


def test_a_mistake_of_ours_is_not_hidden() -> None:
    def task(subject: int, done: list[str]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        for_each(range(3), task, 1, ignore)


def test_after_an_interrupt_nothing_more_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    shut = threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            shut.set()
            super().shutdown(wait)

    def interrupt(outcome: TaskOutcome[int], number: int, of: int) -> None:
        raise KeyboardInterrupt

    def task(subject: int, done: list[str]) -> None:
        begun.append(subject)
        assert subject == 0 or shut.wait(PATIENCE)

    monkeypatch.setattr(provision, "ThreadPoolExecutor", Pool)
    with pytest.raises(KeyboardInterrupt):
        for_each(range(50), task, 2, interrupt)
    assert set(begun) <= {0, 1, 2}  # when the first has ended, the next may begin before anybody is told


def test_nobody_is_no_trouble() -> None:
    assert for_each([], lambda subject, done: None, 8, ignore) == []


def test_what_is_made_at_once_is_not_asked_for_again(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    handle = ResourceManager.handle

    def count(manager: ResourceManager, request: Request) -> Answer:
        asked[request.method] += "/roleassignments/" in request.path.casefold()
        return handle(manager, request)

    monkeypatch.setattr(ResourceManager, "handle", count)
    assert lesson.run("provision", "--yes") == 0
    assert +asked == {"PUT": 3}
