"""How many workers a batch starts on this computer."""

import pytest

from workshop.batch.cluster import cluster


@pytest.mark.parametrize(
    ("rows", "jobs", "workers"),
    [(9, None, 2), (1, None, 1), (9, 1, 1)],
    ids=["one more than processors", "no more than rows", "as asked for"],
)
def test_workers(monkeypatch: pytest.MonkeyPatch, rows: int, jobs: int | None, workers: int) -> None:
    monkeypatch.setattr("dask.system.CPU_COUNT", 1)
    with cluster("batch", rows, None, jobs) as found:
        assert found.room() == workers
