"""The bounded memory, held against a slow but obvious twin."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.recent import LRUCache

steps = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 99)))


@given(limit=st.integers(1, 4), steps=steps)
def test_it_keeps_what_was_used_last(limit: int, steps: list[tuple[bool, int, int]]) -> None:
    recent: LRUCache[int, int] = LRUCache(limit)
    twin: list[tuple[int, int]] = []  # what was used last stands last
    for is_put, key, value in steps:
        found = next((kept for name, kept in twin if name == key), None)
        if is_put:
            recent.put(key, value)
            twin = [*(entry for entry in twin if entry[0] != key), (key, value)][-limit:]
        else:
            assert recent.get(key) == found
            if found is not None:
                twin = [*(entry for entry in twin if entry[0] != key), (key, found)]
    assert [recent.get(key) for key, _ in twin] == [value for _, value in twin]
