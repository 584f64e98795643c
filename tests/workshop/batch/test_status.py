"""Batches in figures."""

import sys
from collections import Counter

import pytest

from workshop.batch.status import BatchStatistics, duration
from workshop.execution.progress import ProgressEvent
from workshop.notebooks.outcome import State


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_time_left_follows_from_the_rows_of_this_run() -> None:
    figures = BatchStatistics()
    for name, state in (("earlier", State.COMPLETED), ("a", State.PENDING), ("b", State.PENDING), ("c", State.PENDING)):
        figures.add(ProgressEvent(name, state, 0, 2))
    assert figures.left is None
    figures.add(ProgressEvent("a", State.RUNNING, 0, 2))
    assert figures.left is None
    figures.first_row_began -= 1000
    figures.add(ProgressEvent("a", State.COMPLETED, 2, 2))
    assert (figures.ended, figures.notebooks) == (2, 2)
    assert figures.rate > 0
    assert figures.left == pytest.approx(2 / figures.rate, rel=0.01)


def test_the_figures_of_a_large_batch_take_no_longer() -> None:
    calls: Counter[int] = Counter()
    for rows in (5, 1000):
        figures = BatchStatistics()
        for number in range(rows):
            figures.add(ProgressEvent(str(number), State.RUNNING, 0, 1))
        sys.setprofile(lambda *_, rows=rows: calls.update([rows]))
        figures.add(ProgressEvent("0", State.COMPLETED, 1, 1))
        found = (figures.states[State.RUNNING], figures.notebooks, figures.ended, figures.left)
        sys.setprofile(None)
        assert found[:-1] == (rows - 1, 1, 1)
    assert calls[1000] == calls[5]
