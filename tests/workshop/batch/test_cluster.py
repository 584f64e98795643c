"""The workers that a batch starts on this computer."""

import gc
import json
import logging
import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.workshop.batch.conftest import PATIENCE, BatchFolder, dask_cluster, identities, shows
from tests.workshop.small_notebooks import notebook
from workshop.batch.cluster import Cluster, cluster, processors_of_their_own
from workshop.batch.task import NotebookTask, RowLostError, RowTask
from workshop.kernels.start import default_kind

MEETING = """
import json, os, pathlib, time
pathlib.Path({folder!r}, str(os.getpid())).touch()
while len(os.listdir({folder!r})) < {rows}:
    time.sleep(0.01)
print(json.dumps(sorted(os.sched_getaffinity(0))))
"""
SECRET = "hunter2hunter2"
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes cannot keep to a processor")


def row(number: int, node: nbformat.NotebookNode) -> RowTask:
    """One for the workers."""
    text = nbformat.writes(node)
    return RowTask(
        "batch", "topic", f"row {number}", 0, [NotebookTask("00_a", text, {})], "", default_kind(), None, None
    )


@pytest.mark.parametrize(
    ("rows", "jobs", "workers"),
    [(9, None, 2), (1, None, 1), (9, 1, 1)],
    ids=["as many as processors", "no more than rows", "as asked for"],
)
@pytest.mark.usefixtures("workers_in_threads")
def test_how_many_there_are(monkeypatch: pytest.MonkeyPatch, rows: int, jobs: int | None, workers: int) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", 2)
    with cluster("batch", rows, None, jobs) as found:
        assert found.capacity() == workers


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Cluster]:
    """One worker, which knows a secret."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_CLIENT_SECRET", SECRET)
        with cluster("batch", 1, None, 1) as found:
            yield found


def test_rows_that_have_run_are_forgotten(one_worker: Cluster) -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for number in range(30):
        one_worker.submit(row(number, notebook()), ended.put)
        assert not one_worker.result(ended.get(timeout=PATIENCE)).failed
    gc.collect()
    kept = sum(isinstance(each, RowTask) for each in gc.get_objects())
    assert kept <= 20


@pytest.mark.usefixtures("one_worker")
def test_of_all_remarks_only_dasks_own_are_kept_back() -> None:
    told = {name: logging.getLogger(name).isEnabledFor(logging.ERROR) for name in ("distributed.client", "botocore")}
    assert told == {"distributed.client": False, "botocore": True}


class Broken(dict[str, Any]):
    def __bool__(self) -> bool:
        raise LookupError(f"nobody foresaw \x1b[2J{os.environ['AZURE_CLIENT_SECRET']}")


def test_what_goes_wrong_on_a_worker_is_told_without_its_secrets(one_worker: Cluster) -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    broken = NotebookTask("00_a", nbformat.writes(notebook("1")), Broken(x=1))
    one_worker.submit(RowTask("batch", "topic", "row", 1, [broken], "", default_kind(), None, None), ended.put)
    with pytest.raises(RowLostError, match="LookupError: nobody foresaw ") as caught:
        one_worker.result(ended.get(timeout=PATIENCE))
    assert SECRET[:7] not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@linux
@pytest.mark.parametrize("more", [pytest.param(0, marks=pytest.mark.long), 1])
def test_each_has_a_processor_of_its_own_if_there_are_as_many(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: int
) -> None:
    usable = sorted(os.sched_getaffinity(0))
    own = usable[:2]  # two are enough
    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda process: own)
        patch.setattr("dask.system.CPU_COUNT", len(own))
        rows = len(own) + more
        with cluster("batch", rows, None, rows) as workers:
            found = kept_to(workers, rows, tmp_path)
    assert found == sorted([[processor] for processor in own] + [usable] * more)


@linux
def test_one_that_is_alone_uses_all_processors(one_worker: Cluster, tmp_path: Path) -> None:
    assert kept_to(one_worker, 1, tmp_path) == [sorted(os.sched_getaffinity(0))]


def kept_to(workers: Cluster, rows: int, folder: Path) -> list[list[int]]:
    """Run so many rows at the same time; return which processors each one's kernel could use."""
    node = notebook(MEETING.format(folder=str(folder), rows=rows))
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for number in range(rows):
        workers.submit(row(number, node), ended.put)
    results = [workers.result(ended.get(timeout=PATIENCE)) for _ in range(rows)]
    executed = [nbformat.reads(result.notebooks[0].text, 4) for result in results]
    return sorted(json.loads(node.cells[-1].outputs[0].text) for node in executed)


@linux
@pytest.mark.parametrize(
    ("share", "workers", "own"),
    [(4, 4, [1, 3, 5, 7]), (4, 9, [1, 3, 5, 7]), (4, 3, []), (2, 2, []), (2, 4, [])],
    ids=["as many", "more", "fewer", "a share of their time", "a share of their time, and workers for all"],
)
def test_which_processors_are_given(monkeypatch: pytest.MonkeyPatch, share: int, workers: int, own: list[int]) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {7, 5, 3, 1})
    monkeypatch.setattr("dask.system.CPU_COUNT", share)
    assert processors_of_their_own(workers) == own


def test_a_scheduler_without_workers_is_waited_for_with_a_word(
    desk: BatchFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workshop.batch.cluster._JOIN", 0.2)
    desk.write({"00_a": shows("1")}, identities(1))
    with dask_cluster(tmp_path, 0) as address:
        assert desk.run("--scheduler", address) == 2
    said = capsys.readouterr()
    assert "Waiting for workers: the scheduler has none yet" in said.out
    assert "has no workers" in said.err
