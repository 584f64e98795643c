"""Token buckets: how many requests there may be, and how soon there may be another."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.quota import Limit, TokenBuckets

START = datetime(2024, 5, 28, 12, tzinfo=UTC)


def take(buckets: TokenBuckets, limit: Limit, now: datetime, key: str = "key") -> tuple[int, int]:
    return buckets.take(key, limit, now.timestamp())


@given(
    size=st.integers(1, 5),
    refill=st.integers(1, 5),
    seconds=st.integers(1, 4),
    steps=st.lists(st.integers(0, 3000), max_size=60),
)
def test_no_more_are_admitted_than_the_bucket_and_its_refills(
    size: int, refill: int, seconds: int, steps: list[int]
) -> None:
    buckets, limit, now = TokenBuckets(), Limit(size, refill, seconds), START
    admitted: list[datetime] = []
    for step in steps:
        now += timedelta(milliseconds=step)
        left, wait = take(buckets, limit, now)
        assert 0 <= left < size
        assert 0 <= wait <= seconds
        if wait == 0:
            admitted.append(now)
        for first in admitted:
            refills = (now - first) // timedelta(seconds=seconds) + 1
            assert sum(moment >= first for moment in admitted) <= size + refills * refill


@given(
    size=st.integers(1, 20),
    more=st.integers(0, 5),
    seconds=st.integers(1, 3),
    bursts=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 1500)), max_size=8),
)
def test_no_time_of_its_length_has_more_than_the_limit_where_all_of_it_refills(
    size: int, more: int, seconds: int, bursts: list[tuple[int, int]]
) -> None:
    buckets, limit, now = TokenBuckets(), Limit(size, size + more, seconds), START
    admitted: list[datetime] = []
    for count, pause in bursts:
        for _ in range(count):
            has_room = sum(moment > now - timedelta(seconds=seconds) for moment in admitted) < size
            assert (take(buckets, limit, now)[1] == 0) == has_room
            admitted += [now] * has_room
        now += timedelta(milliseconds=pause)


@given(gap=st.integers(0, 10_000))
def test_a_full_bucket_has_its_size_and_no_more_in_the_time_of_a_refill(gap: int) -> None:
    buckets, limit, now = TokenBuckets(), Limit(20, 20, seconds=1), START + timedelta(milliseconds=1)
    take(buckets, limit, START - timedelta(seconds=5))
    now += timedelta(milliseconds=gap)
    waits = [take(buckets, limit, now + timedelta(milliseconds=40 * number))[1] for number in range(25)]
    assert waits == [0] * 20 + [1] * 5


def test_who_waits_as_long_as_told_is_admitted() -> None:
    buckets, limit, now = TokenBuckets(), Limit(2, 1, seconds=7), START
    for number in range(20):
        now += timedelta(milliseconds=number)
        _, wait = take(buckets, limit, now)
        now += timedelta(seconds=wait)
        if wait:
            assert take(buckets, limit, now)[1] == 0


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets, limit = TokenBuckets(), Limit(1, 1, seconds=60)
    assert [take(buckets, limit, START, key)[1] for key in ("a", "b", "a")] == [0, 0, 60]


def test_a_clock_set_back_neither_fills_a_bucket_nor_stops_it() -> None:
    buckets, limit = TokenBuckets(), Limit(1, 1, seconds=60)
    assert take(buckets, limit, START) == (0, 0)
    earlier = START - timedelta(hours=1)
    assert take(buckets, limit, earlier) == (0, 60)
    assert take(buckets, limit, earlier + timedelta(seconds=60)) == (0, 0)
