"""What is sent to workers."""

import pickle

from workshop.batch.task import NotebookTask, RowLostError, RowTask
from workshop.kernels.start import KernelKind


def test_a_task_shows_no_secret_and_an_error_travels() -> None:
    secret = {"AZURE_CLIENT_SECRET": "hunter2hunter2"}
    notebooks = [NotebookTask("00_a", "{}", {})]
    task = RowTask("batch", "topic", "row", 1, notebooks, "", KernelKind.WARM, None, secret)
    assert "hunter2" not in repr(task)
    assert pickle.loads(pickle.dumps(task)) == task
    assert str(pickle.loads(pickle.dumps(RowLostError("why")))) == "why"
