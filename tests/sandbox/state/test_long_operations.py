"""What goes on after the answer: due by the clock, done once, kept over a restart."""

from pathlib import Path

from sandbox.core.timing import REALISTIC
from sandbox.entra.keys import SigningKey
from sandbox.state.long_operations import LongOperations
from sandbox.state.store import Store
from tests.support.clocks import FrozenClock
from tests.support.desk import Desk


def begun(path: Path | str, clock: FrozenClock, done: list[str]) -> tuple[Store, LongOperations]:
    store = Store(path)
    operations = LongOperations(store, clock)
    operations.on("note", done.append)
    return store, operations


def test_what_takes_no_time_is_done_at_once() -> None:
    done: list[str] = []
    _, operations = begun(":memory:", FrozenClock(), done)
    found = operations.get(operations.begin("note", "/a", 0))
    assert done == ["/a"] and found is not None and found.ended == found.started


def test_the_rest_is_done_when_it_is_due_in_order_and_once() -> None:
    done: list[str] = []
    clock = FrozenClock()
    _, operations = begun(":memory:", clock, done)
    late, early = operations.begin("note", "/late", 20), operations.begin("note", "/early", 10)
    assert not operations.is_due()
    clock.advance(15)
    assert operations.is_due()
    operations.complete_due()
    assert done == ["/early"] and not operations.is_due()
    ended, runs = operations.get(early), operations.get(late)
    assert ended is not None and ended.ended is not None
    assert runs is not None and runs.ended is None
    clock.advance(15)
    operations.complete_due()
    operations.complete_due()
    assert done == ["/early", "/late"]


def test_a_restart_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    done: list[str] = []
    clock = FrozenClock()
    store, operations = begun(tmp_path / "state.db", clock, done)
    operations.begin("note", "/a", 10)
    store.close()
    clock.advance(60)
    _, again = begun(tmp_path / "state.db", clock, done)
    assert again.is_due()
    again.complete_due()
    assert done == ["/a"]


def test_a_clock_that_is_put_back_makes_nothing_later(key: SigningKey) -> None:
    desk = Desk(key, REALISTIC)
    assert desk.ask("DELETE", desk.group, version="2024-07-01").status == 202
    desk.clock.advance(-86_400)
    desk.do(desk.cloud.follow_clock)
    desk.clock.advance(REALISTIC.seconds("group.delete"))
    assert desk.ask("GET", desk.group, version="2024-07-01").status == 404


def test_an_unknown_operation_is_none() -> None:
    _, operations = begun(":memory:", FrozenClock(), [])
    assert operations.get("nothing") is None
