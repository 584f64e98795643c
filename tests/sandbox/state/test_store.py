"""What the store keeps, finds and forgets."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.state.store import Resource, Store


def resource(resource_id: str, kind: str = "Microsoft.Test/things", **more: Any) -> Resource:
    return Resource({"id": resource_id, "type": kind, "name": resource_id.rpartition("/")[2], **more})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state.db")


def test_ids_compare_without_case_and_are_shown_as_they_were_put(store: Store) -> None:
    store.put(resource("/subscriptions/S/resourceGroups/RG1"))
    found = store.get("/SUBSCRIPTIONS/s/RESOURCEGROUPS/rg1/")
    assert found is not None and found.id == "/subscriptions/S/resourceGroups/RG1"


def test_what_is_below_goes_along_and_neighbours_stay(store: Store) -> None:
    for name in ("/a/rg1", "/a/rg1/x", "/a/rg1/x/y", "/a/rg10", "/a/rg1-b", "/a/rg1.c"):
        store.put(resource(name))
    store.delete("/a/RG1")
    assert [found.id for found in store.list("/")] == ["/a/rg1-b", "/a/rg1.c", "/a/rg10"]


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction():
        store.put(resource("/a"))
        raise KeyError
    assert store.get("/a") is None


def test_the_next_store_on_the_same_file_sees_what_was_committed(store: Store, tmp_path: Path) -> None:
    with store.transaction():
        store.put(resource("/a"))
        store.set_setting("name", "value")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Store(tmp_path / "state.db")
    store.close()
    other = Store(tmp_path / "state.db")
    assert other.get("/a") is not None and other.setting("name") == "value"
    other.close()


def test_a_file_with_a_damaged_page_is_not_opened(store: Store, tmp_path: Path) -> None:
    """Also if it is one that is seldom looked at."""
    at = "SELECT (rootpage - 1) * page_size, page_size FROM sqlite_master, pragma_page_size WHERE name = ?"
    offset, size = store.connection.execute(at, ("principals_by_name",)).fetchone()
    store.close()
    with (tmp_path / "state.db").open("r+b") as file:
        file.seek(offset)
        file.write(b"x" * size)
    with pytest.raises(sqlite3.DatabaseError, match="damaged"):
        Store(tmp_path / "state.db")


def test_what_was_read_before_is_read_anew_after_any_change(store: Store) -> None:
    with store.transaction():
        store.put(resource("/a", tags={"n": "1"}))
        store.put(resource("/a/b"))
    before = [store.get(name) for name in ("/a", "/a/b")]
    assert before[0] is not None and before[0].body["tags"] == {"n": "1"}
    before[0].body["tags"] = {"n": "changed by a caller, and not put back"}
    with pytest.raises(LookupError), store.transaction():
        store.put(resource("/a", tags={"n": "2"}))
        found = store.get("/a")
        assert found is not None and found.body["tags"] == {"n": "2"}
        raise LookupError
    found = store.get("/a")
    assert found is not None and found.body["tags"] == {"n": "1"}
    with store.transaction():
        with pytest.raises(LookupError), store.attempt():
            store.delete("/a")
            assert store.get("/a/b") is None
            raise LookupError
        assert store.get("/a/b") is not None
        store.delete("/a")
        assert store.get("/a/b") is None


def test_what_was_to_be_done_afterwards_is_not_done_for_what_is_undone(store: Store) -> None:
    done: list[str] = []
    with store.transaction():
        store.after_commit(lambda: done.append("kept"))
        with pytest.raises(LookupError), store.attempt():
            store.after_commit(lambda: done.append("tried"))
            raise LookupError
        assert not done
    assert done == ["kept"]
    with pytest.raises(LookupError), store.transaction():
        store.after_commit(lambda: done.append("failed"))
        raise LookupError
    with store.transaction():
        pass
    assert done == ["kept"]


def test_what_could_not_be_committed_never_was(store: Store) -> None:
    store.connection.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE a (id PRIMARY KEY);"
        "CREATE TABLE b (a REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
    )
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.put(resource("/a"))
        assert store.get("/a") is not None
        store.connection.execute("INSERT INTO b VALUES (1)")  # which the commit will find wrong
    assert store.get("/a") is None
    with store.transaction():
        store.put(resource("/b"))
    assert store.get("/b") is not None


def test_counters_count_each_for_itself(store: Store) -> None:
    assert [store.next_number("a"), store.next_number("b"), store.next_number("a")] == [1, 1, 2]


ids = st.lists(st.from_regex(r"(/[a-cA-C0-9._-]{1,3}){1,4}", fullmatch=True), max_size=12)


@given(ids, st.integers(1, 5))
def test_pages_together_are_the_whole_list(names: list[str], size: int) -> None:
    store = Store(":memory:")
    for name in names:
        store.put(resource(name))
    whole = [found.id for found in store.list("/")]
    paged: list[str] = []
    while page := store.list("/", after=paged[-1] if paged else "", limit=size):
        paged += [found.id for found in page]
    assert paged == whole
    assert {name.casefold() for name in whole} == {name.casefold() for name in names}
    store.close()


@given(ids, st.from_regex(r"(/[a-c0-9._-]{1,2}){1,2}", fullmatch=True))
def test_below_is_by_segment(names: list[str], under: str) -> None:
    store = Store(":memory:")
    for name in names:
        store.put(resource(name))
    found = {item.id.casefold() for item in store.list(under)}
    expected = {
        name.casefold()
        for name in names
        if name.casefold().split("/")[: len(under.split("/"))] == under.split("/") and name.casefold() != under
    }
    assert found == expected
    store.close()
