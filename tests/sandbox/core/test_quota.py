"""Token buckets: how many requests there may be, and how soon there may be another."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.quota import Limit, TokenBuckets

START = datetime(2024, 5, 28, 12, tzinfo=UTC)


@given(
    size=st.integers(1, 5),
    per_minute=st.sampled_from([15, 30, 60, 120]),
    steps=st.lists(st.integers(0, 5), max_size=60),
)
def test_a_request_is_admitted_as_long_as_its_bucket_is_not_empty(size: int, per_minute: int, steps: list[int]) -> None:
    buckets, limit, now, level = TokenBuckets(), Limit(size, per_minute), 0, Fraction(size)
    for step in steps:
        now += step
        level = min(Fraction(size), level + Fraction(step * per_minute, 60))
        left, wait = buckets.take("key", limit, START + timedelta(seconds=now))
        assert (wait == 0) == (level >= 1)
        level -= level >= 1
        assert left == (level // 1 if wait == 0 else 0)


def test_who_waits_as_long_as_told_is_admitted() -> None:
    buckets, limit, now = TokenBuckets(), Limit(2, 7), START
    for _ in range(20):
        _, wait = buckets.take("key", limit, now)
        now += timedelta(seconds=wait)
        if wait:
            assert buckets.take("key", limit, now)[1] == 0


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets, limit = TokenBuckets(), Limit(1, 1)
    assert [buckets.take(key, limit, START)[1] for key in ("a", "b", "a")] == [0, 0, 60]


def test_a_clock_set_back_takes_nothing_away() -> None:
    buckets, limit = TokenBuckets(), Limit(2, 60)
    assert buckets.take("key", limit, START) == (1, 0)
    assert buckets.take("key", limit, START - timedelta(hours=1)) == (0, 0)
