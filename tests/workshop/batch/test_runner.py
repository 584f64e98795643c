"""Which row runs when, and what becomes of it. The workers are played; everything else is real."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workshop.batch.conftest import PATIENCE
from workshop.batch.cluster import Cluster
from workshop.batch.manifest import Manifest, Record
from workshop.batch.output import LocalOutput
from workshop.batch.rows import Row
from workshop.batch.runner import RetryPolicy, Runner
from workshop.batch.status import BatchStatistics, RowStatus
from workshop.batch.task import NotebookResult, RowLostError, RowResult, RowTask
from workshop.errors import WorkshopError
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.kernels.start import KernelKind
from workshop.notebooks.outcome import State

COMPLETED = RowResult([NotebookResult("00_a", "{}\n", 0.1, "", "")], 0.1, False, False)
FAILED = RowResult([NotebookResult("00_a", "{}\n", 0.1, "ValueError: no", "00_a failed")], 0.1, False, False)
DIED = RowResult(FAILED.notebooks, 0.1, True, False)
CANCELLED = RowResult(FAILED.notebooks, 0.1, False, True)


class Recorder(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.notebooks: list[int] = []
        self.statistics = BatchStatistics()

    def report(self, event: ProgressEvent) -> None:
        self.statistics.add(event)
        assert self.statistics.ended <= self.statistics.rows
        self.notebooks.append(self.statistics.notebooks)

    def note(self, text: str) -> None:
        self.notes.append(text)


class PlayedCluster(Cluster):
    """Workers that answer as they are told, on a thread, as Dask's client does."""

    def __init__(self, play: Callable[[RowTask], RowResult], capacity: int = 2) -> None:
        super().__init__(None, "batch", None)
        self.play = play
        self.slots = capacity
        self.now: set[str] = set()
        self.most = 0
        self.begun: list[str] = []
        self.off = threading.Event()

    def capacity(self) -> int:
        if self.slots < 0:
            raise RowLostError("gone")
        return self.slots

    def submit(self, task: RowTask, on_end: Callable[[Any], None]) -> None:
        self.begun.append(task.row)
        self.now.add(task.row)
        self.most = max(self.most, len(self.now))

        def work() -> None:
            try:
                outcome: RowResult | RowLostError = self.play(task)
            except RowLostError as error:
                outcome = error
            except Exception as error:  # of the test itself, or nobody would hear of it
                outcome = RowLostError(repr(error))
            self.now.discard(task.row)
            on_end(outcome)

        threading.Thread(target=work).start()

    def result(self, future: Any) -> RowResult:
        if isinstance(future, RowLostError):
            raise future
        assert isinstance(future, RowResult)
        return future

    def cancel(self) -> None:
        self.off.set()


class PlayedBatch:
    """A batch of rows that are played, and what is to be seen of it."""

    def __init__(self, folder: Path, keys: list[str]) -> None:
        rows = [Row(n, f"r{n}", [{}], "azure", key, f"in{n}") for n, key in enumerate(keys, 1)]
        self.rows = [RowStatus(row) for row in rows]
        self.folder = folder
        self.reporter = Recorder()

    def run(self, cluster: Cluster, policy: RetryPolicy | None = None, at: Callable[[Runner], object] = id) -> Runner:
        with Manifest(self.folder / "m") as manifest:
            runner = Runner(
                self.rows,
                lambda status: RowTask(
                    "batch", "topic", status.row.name, status.attempt, [], "", KernelKind.STOCK, None, None
                ),
                cluster,
                manifest,
                LocalOutput(self.folder),
                self.reporter,
                policy or RetryPolicy(),
                None,
            )
            at(runner)
            runner.run()
        return runner

    def states(self) -> list[State]:
        return [status.state for status in self.rows]

    def lines(self, name: str) -> list[str]:
        lines = map(json.loads, (self.folder / "m").read_text().splitlines())
        return [line["state"] for line in lines if line["name"] == name]


@pytest.fixture
def desk(tmp_path: Path) -> PlayedBatch:
    return PlayedBatch(tmp_path, ["a", "b", "c", "d"])


def answers(*results: RowResult) -> Callable[[RowTask], RowResult]:
    """The n-th attempt of each row ends with the n-th result, later ones with the last."""
    return lambda task: results[min(task.attempt, len(results)) - 1]


def test_all_rows_run_as_many_at_a_time_as_the_workers_can_take(desk: PlayedBatch) -> None:
    barrier = threading.Barrier(2)

    def together(task: RowTask) -> RowResult:
        barrier.wait(PATIENCE)
        return COMPLETED

    cluster = PlayedCluster(together)
    desk.run(cluster)
    assert desk.states() == [State.COMPLETED] * 4
    assert cluster.most == 2
    assert desk.lines("r3") == ["running", "completed"]
    assert (desk.folder / "r3" / "00_a.ipynb").read_text() == "{}\n"


def test_rows_of_one_concurrency_key_never_run_together(tmp_path: Path) -> None:
    desk = PlayedBatch(tmp_path, ["a", "a", "b", "a", "b"])
    keys = {status.row.name: status.row.concurrency_key for status in desk.rows}
    seen: list[list[str]] = []

    def complete(task: RowTask) -> RowResult:
        seen.append(sorted(keys[row] for row in cluster.now))
        return COMPLETED

    cluster = PlayedCluster(complete, capacity=5)
    desk.run(cluster)
    assert desk.states() == [State.COMPLETED] * 5
    assert all(len(set(together)) == len(together) for together in seen)
    assert cluster.begun[:2] == ["r1", "r3"]


def test_a_failure_is_its_own_rows(desk: PlayedBatch) -> None:
    desk.run(PlayedCluster(lambda task: FAILED if task.row == "r2" else COMPLETED))
    assert desk.states() == [State.COMPLETED, State.FAILED, State.COMPLETED, State.COMPLETED]
    record = Record.of(desk.rows[1])
    assert (record.notebook, record.error) == ("00_a", "ValueError: no")
    assert (desk.folder / "r2" / "00_a.ipynb").exists()


@pytest.mark.parametrize(("retries", "state"), [(0, State.FAILED), (1, State.FAILED), (2, State.COMPLETED)])
def test_a_row_is_run_again_as_often_as_asked(desk: PlayedBatch, retries: int, state: State) -> None:
    desk.run(PlayedCluster(answers(FAILED, FAILED, COMPLETED)), RetryPolicy(retries))
    assert desk.states() == [state] * 4
    assert [status.attempt for status in desk.rows] == [min(retries + 1, 3)] * 4
    again = ["pending", "running"] * min(retries, 2)
    assert desk.lines("r1") == ["running", *again, str(state)]


def test_a_dead_kernel_is_excused_twice(desk: PlayedBatch) -> None:
    desk.run(PlayedCluster(lambda task: DIED if task.row == "r1" else answers(DIED, COMPLETED)(task)))
    assert desk.states() == [State.FAILED] + [State.COMPLETED] * 3
    assert [status.attempt for status in desk.rows] == [3, 2, 2, 2]


def test_fail_fast_begins_no_more_rows(desk: PlayedBatch) -> None:
    desk.run(
        PlayedCluster(lambda task: FAILED if task.row == "r2" else COMPLETED, capacity=1), RetryPolicy(fail_fast=True)
    )
    assert desk.states() == [State.COMPLETED, State.FAILED, State.SKIPPED, State.SKIPPED]
    assert desk.lines("r4") == ["skipped"]


def test_an_interrupt_lets_what_runs_end(desk: PlayedBatch) -> None:
    runner: list[Runner] = []

    def play(task: RowTask) -> RowResult:
        runner[0].interrupt()
        return COMPLETED

    ended = desk.run(PlayedCluster(play, capacity=1), at=runner.append)
    assert ended.interrupted
    assert desk.states() == [State.COMPLETED] + [State.CANCELLED] * 3


def test_a_second_interrupt_ends_what_runs(desk: PlayedBatch) -> None:
    runner: list[Runner] = []

    def play(task: RowTask) -> RowResult:
        runner[0].interrupt()
        runner[0].interrupt()
        assert cluster.off.wait(PATIENCE)
        return CANCELLED

    cluster = PlayedCluster(play, capacity=1)
    desk.run(cluster, at=runner.append)
    assert desk.states() == [State.CANCELLED] * 4


def test_a_row_that_its_workers_did_not_survive_fails(desk: PlayedBatch) -> None:
    def play(task: RowTask) -> RowResult:
        if task.row == "r1":
            raise RowLostError("4 workers died while they ran this row.")
        return COMPLETED

    desk.run(PlayedCluster(play))
    assert desk.states() == [State.FAILED] + [State.COMPLETED] * 3
    assert Record.of(desk.rows[0]).error == "4 workers died while they ran this row."


def test_without_the_scheduler_the_batch_ends(desk: PlayedBatch) -> None:
    def play(task: RowTask) -> RowResult:
        cluster.slots = -1
        raise RowLostError("lost")

    cluster = PlayedCluster(play, capacity=1)
    runner = desk.run(cluster)
    assert desk.states() == [State.CANCELLED] * 4
    assert runner.ended_early == "gone"


def test_it_waits_for_workers(desk: PlayedBatch) -> None:
    cluster = PlayedCluster(answers(COMPLETED), capacity=0)
    threading.Timer(0.5, setattr, [cluster, "slots", 1]).start()
    desk.run(cluster)
    assert desk.states() == [State.COMPLETED] * 4


class FullDisk(LocalOutput):
    def save(self, row: str, notebook: NotebookResult) -> None:
        raise WorkshopError("x.ipynb cannot be written: No space left on device.")


def test_a_full_disk_ends_the_batch_and_says_so(desk: PlayedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalOutput, "save", FullDisk.save)
    runner = desk.run(PlayedCluster(answers(COMPLETED), capacity=1))
    assert "No space left" in runner.ended_early
    assert desk.states()[0] is State.FAILED
    assert set(desk.states()[2:]) == {State.CANCELLED}
    assert "No space left" in str(Record.of(desk.rows[0]).error)


def test_a_manifest_that_cannot_be_written_ends_the_batch(desk: PlayedBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Manifest.append

    def full(self: Manifest, *records: Any) -> None:
        if any(record.state is State.COMPLETED for record in records):
            raise WorkshopError("m cannot be written: No space left on device.")
        whole(self, *records)

    monkeypatch.setattr(Manifest, "append", full)

    def play(task: RowTask) -> RowResult:
        return COMPLETED if task.row == "r1" or not cluster.off.wait(PATIENCE) else CANCELLED

    cluster = PlayedCluster(play)
    with pytest.raises(WorkshopError, match="No space left"):
        desk.run(cluster)
    assert cluster.off.is_set()


def test_events_are_counted_and_stale_ones_are_not(desk: PlayedBatch) -> None:
    runner: list[Runner] = []

    def play(task: RowTask) -> RowResult:
        for attempt, notebook in ((task.attempt + 1, "00_a"), (task.attempt, None), (task.attempt, "00_a")):
            runner[0].receive({"row": task.row, "attempt": attempt, "notebook": notebook})
        runner[0].receive({"row": "nobody", "attempt": 1, "notebook": None})
        return COMPLETED

    desk.run(PlayedCluster(play, capacity=1), at=runner.append)
    seen = desk.reporter.notebooks
    assert seen[-1] == 4
    assert seen == sorted(seen)


def test_a_row_that_another_worker_begins_anew_is_written_down(desk: PlayedBatch) -> None:
    runner: list[Runner] = []

    def play(task: RowTask) -> RowResult:
        for notebook in (None, "00_a", None):
            runner[0].receive({"row": task.row, "attempt": task.attempt, "notebook": notebook})
        return COMPLETED

    desk.run(PlayedCluster(play), at=runner.append)
    assert desk.lines("r1") == ["running", "running", "completed"]
    assert any("another one begins it anew" in note for note in desk.reporter.notes)
