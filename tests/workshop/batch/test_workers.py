"""The workers that a batch starts on this computer."""

import gc
import queue
from typing import Any

import nbformat
import pytest

from tests.workshop.notebooks import notebook
from workshop.batch.cluster import cluster
from workshop.batch.task import NotebookTask, RowTask
from workshop.kernels import default_kind


@pytest.mark.parametrize(
    ("rows", "jobs", "workers"),
    [(9, None, 2), (1, None, 1), (9, 1, 1)],
    ids=["one more than processors", "no more than rows", "as asked for"],
)
def test_how_many_there_are(monkeypatch: pytest.MonkeyPatch, rows: int, jobs: int | None, workers: int) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", 1)
    with cluster("batch", rows, None, jobs) as found:
        assert found.room() == workers


def test_rows_that_have_run_are_forgotten() -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    empty = NotebookTask("00_a", nbformat.writes(notebook()), {})
    with cluster("batch", 1, None, 1) as found:
        for number in range(40):
            row = RowTask("batch", "topic", f"row {number}", 0, [empty], "", default_kind(), None, None)
            found.submit(row, ended.put)
            assert not found.result(ended.get(timeout=60)).failed
        del row
        gc.collect()
        kept = sum(isinstance(each, RowTask) for each in gc.get_objects())
    assert kept <= 20
