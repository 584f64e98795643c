"""What happens on a worker: one row at a time for each of its threads, in kernels of the worker's machine."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workshop.batch.task import News, NotebookResult, RowError, RowResult, RowTask
from workshop.execution.deadline import Deadline
from workshop.execution.executor import execute_plan
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.kernels.imports import import_papermill
from workshop.kernels.kernels import KernelKind, default_kind, warm_up
from workshop.notebooks.cleaning import Paths
from workshop.notebooks.outcome import Outcome, account_of
from workshop.notebooks.plan import Plan, PlannedNotebook
from workshop.notebooks.secrets import Secrets
from workshop.notebooks.series import Notebook
from workshop.sandbox import kernel_environment

_CALLED_OFF = "The batch was called off."
_REACH = 5.0  # seconds to connect to the sandbox
_LOOK = 1.0  # seconds between two looks whether a row is still wanted

_lock = threading.Lock()
_running: dict[str, set[Deadline]] = {}


def run_row(task: RowTask) -> RowResult:
    """Execute the notebooks of a row, up to one that fails.

    Raises:
        RowError: Something went wrong that is none of the notebooks' doing.
    """
    try:
        return _run(task)
    except Exception as error:
        text = Secrets.of_environment(task.sandbox or {}).redact(f"{type(error).__name__}: {error}")
        raise RowError(Paths().replace(text)) from None


def _run(task: RowTask) -> RowResult:
    import_papermill()
    began = time.monotonic()
    environment = dict(os.environ) if task.sandbox is None else kernel_environment(task.sandbox)
    teller = _Teller(task)
    teller.tell(None)
    with _own_loop(), _on_leash(task) as leash, _folder(task.folder) as folder:
        done = list(execute_plan(_plan(task, folder), environment, task.kind, teller, leash))
    failure = done[-1].failure
    return RowResult(
        notebooks=[_result(outcome) for outcome in done],
        seconds=time.monotonic() - began,
        kernel_died=failure is not None and failure.kernel_died,
        called_off=leash.cancelled,
    )


@contextmanager
def _own_loop() -> Iterator[None]:
    """Close what a row's notebooks were executed by: Jupyter makes an event loop for each task of Dask's, and keeps it.

    Each has files open and a thread. And what is left to the collector may be closed in any thread, at any time.
    """
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def call_off(batch: str) -> None:
    """End the rows of a batch that run in this process, by killing their kernels."""
    with _lock:
        leashes = list(_running.get(batch, ()))
    for leash in leashes:
        leash.cancel(_CALLED_OFF)


def running(batch: str) -> int:
    """Return how many rows of a batch run in this process."""
    with _lock:
        return len(_running.get(batch, ()))


def reaches(endpoint: str, ca_file: str) -> bool:
    """Say whether a sandbox can be used from here: its address answers, its certificate authority's file is there."""
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), _REACH).close()
    except OSError:
        return False
    return Path(ca_file).is_file()


def get_ready(kind: KernelKind | None = None) -> None:
    """Do what the first row would else have to wait for."""
    warm_up(kind or default_kind())
    import_papermill()


@contextmanager
def _on_leash(task: RowTask) -> Iterator[Deadline]:
    leash = Deadline(task.timeout)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=[*_task_here(), leash, ended], name="watch", daemon=True)
    with _lock:
        _running.setdefault(task.batch, set()).add(leash)
    watcher.start()
    try:
        yield leash
    finally:
        ended.set()
        with _lock:
            _running[task.batch].discard(leash)
            if not _running[task.batch]:
                del _running[task.batch]


def _task_here() -> tuple[Any, str]:
    """Dask's worker, and the key of the task that this thread runs."""
    from distributed import get_worker

    worker: Any = get_worker()
    return worker, worker.get_current_task()


def _watch(worker: Any, key: str, leash: Deadline, ended: threading.Event) -> None:
    """Call a row off that nobody waits for any more: its runner was killed, or has given it up."""
    while not ended.wait(_LOOK):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            leash.cancel(_CALLED_OFF)
            return


@contextmanager
def _folder(wanted: str) -> Iterator[Path]:
    if Path(wanted).is_dir():
        yield Path(wanted)
    else:
        with tempfile.TemporaryDirectory(prefix="batch-") as folder:
            yield Path(folder)


def _plan(task: RowTask, folder: Path) -> Plan:
    import nbformat

    steps = [
        PlannedNotebook(
            Notebook(folder / f"{notebook.name}.ipynb"),
            nbformat.v4.reads(notebook.text),
            notebook.parameters,
        )
        for notebook in task.notebooks
    ]
    return Plan(steps, None)


def _result(outcome: Outcome) -> NotebookResult:
    from workshop.files import notebook_text

    failure = outcome.failure
    return NotebookResult(
        name=outcome.name,
        text=_encodable(notebook_text(outcome.node)),
        cells=outcome.cells,
        seconds=outcome.seconds,
        error=_encodable(" ".join(failure.error.split())) or "It failed." if failure else "",
        account=_encodable(account_of(outcome.name, failure)) if failure else "",
    )


def _encodable(text: str) -> str:
    """Return ``text`` with lone surrogates, which an output can have and a file cannot, as JSON writes them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Teller(Reporter):
    """Tells the runner which notebooks are executed."""

    def __init__(self, task: RowTask) -> None:
        self._task = task
        self._worker, _ = _task_here()

    def tell(self, notebook: str | None) -> None:
        news: News = {"row": self._task.row, "attempt": self._task.attempt, "notebook": notebook}
        self._worker.log_event(self._task.topic, news)

    def report(self, event: ProgressEvent) -> None:
        if event.state.ended:
            self.tell(event.name)
