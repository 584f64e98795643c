"""What happens on a worker: one row at a time for each of its threads, in kernels of the worker's machine."""

import contextlib
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workshop.batch.task import NotebookResult, RowEvent, RowLostError, RowResult, RowTask
from workshop.execution.deadline import Deadline
from workshop.execution.executor import execute_plan
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.files import encodable, notebook_text
from workshop.kernels.start import KernelKind, default_kind, warm_up
from workshop.notebooks.cleaning import Paths
from workshop.notebooks.outcome import Outcome, account_of, results_of
from workshop.notebooks.plan import Plan, PlannedNotebook
from workshop.notebooks.secrets import Secrets
from workshop.sandbox import SANDBOX, kernel_environment
from workshop.terminal import printable

PROCESSORS = "workshop.processors"
"""Where Dask's configuration has the processor for each of the first workers of this computer."""

_CANCELLED = "The batch was cancelled."
_CONNECT = 5.0  # seconds to connect to the sandbox
_LOOK = 1.0  # seconds between two looks whether a row is still wanted

_running: dict[Deadline, str] = {}  # of each row that runs in this process: its batch


def dask_setup(worker: Any) -> None:
    """Keep to a processor, begin to get ready for the first row, and leave Ctrl-C in the terminal to the runner.

    Dask calls this in the main thread of a worker process that the runner has started. What is started from here,
    kernels say, notices Ctrl-C as usual.
    """
    import dask

    processors: list[int] = dask.config.get(PROCESSORS)
    if sys.platform == "linux" and worker.name < len(processors):
        with contextlib.suppress(OSError):  # where that is not permitted, it is slower
            os.sched_setaffinity(0, {processors[worker.name]})  # and so is what this thread starts
    signal.signal(signal.SIGINT, lambda number, frame: None)
    threading.Thread(target=get_ready, name="get-ready", daemon=True).start()


def get_ready(kind: KernelKind | None = None) -> None:
    """Do what the first row would else have to wait for."""
    warm_up(kind or default_kind())
    import_module("papermill")
    gc.freeze()  # what is imported stays: the collector need not look through it for each row


def run_row(task: RowTask) -> RowResult:
    """Execute the notebooks of a row, up to one that fails; raise RowLostError for what is none of their doing."""
    environment = dict(os.environ) if task.sandbox is None else kernel_environment(task.sandbox)
    try:
        return _run(task, environment)
    except Exception as error:
        text = Secrets.of_environment(environment).redact(f"{type(error).__name__}: {error}")
        raise RowLostError(printable(Paths().replace(text))) from None


def _run(task: RowTask, environment: Mapping[str, str]) -> RowResult:
    began = time.monotonic()
    reporter = _RowReporter(task)
    reporter.send(None)
    with _own_loop(), _cancellable(task) as deadline, _folder(task.folder) as folder:
        done = list(execute_plan(_plan(task, Path(folder)), environment, task.kind, reporter, deadline))
    failure = done[-1].failure
    return RowResult(
        notebooks=[_result(outcome) for outcome in done],
        seconds=time.monotonic() - began,
        kernel_died=failure is not None and failure.kernel_died,
        cancelled=deadline.cancelled,
        results=results_of(outcome.node for outcome in done),
    )


@contextlib.contextmanager
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


def cancel(batch: str) -> None:
    """End the rows of a batch that run in this process, by killing their kernels."""
    for deadline, its_batch in list(_running.items()):
        if its_batch == batch:
            deadline.cancel(_CANCELLED)


def running(batch: str) -> int:
    """Return how many rows of a batch run in this process."""
    return list(_running.values()).count(batch)


def can_reach(endpoint: str, ca_file: str) -> bool:
    """Return whether a sandbox can be used from here: it answers, and its certificate authority's file is there."""
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), _CONNECT).close()
    except OSError:
        return False
    return Path(ca_file).is_file()


@contextlib.contextmanager
def _cancellable(task: RowTask) -> Iterator[Deadline]:
    deadline = Deadline(task.timeout)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=[*_task_here(), deadline, ended], name="watch", daemon=True)
    _running[deadline] = task.batch
    watcher.start()
    try:
        yield deadline
    finally:
        ended.set()
        del _running[deadline]


def _task_here() -> tuple[Any, str]:
    """Dask's worker, and the key of the task that this thread runs."""
    from distributed import get_worker

    worker: Any = get_worker()
    return worker, worker.get_current_task()


def _watch(worker: Any, key: str, deadline: Deadline, ended: threading.Event) -> None:
    """Cancel a row that nobody waits for any more: its runner was killed, or has given it up."""
    while not ended.wait(_LOOK):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            deadline.cancel(_CANCELLED)
            return


def _folder(wanted: str) -> contextlib.AbstractContextManager[str]:
    is_here = Path(wanted).is_dir()
    return contextlib.nullcontext(wanted) if is_here else tempfile.TemporaryDirectory(prefix="batch-")


def _plan(task: RowTask, folder: Path) -> Plan:
    import nbformat

    steps = [
        PlannedNotebook(
            folder / f"{notebook.name}.ipynb",
            nbformat.v4.reads(notebook.text),
            notebook.parameters,
        )
        for notebook in task.notebooks
    ]
    return Plan(steps, None if task.sandbox is None else SANDBOX)


def _result(outcome: Outcome) -> NotebookResult:
    failure = outcome.failure
    return NotebookResult(
        name=outcome.name,
        text=encodable(notebook_text(outcome.node)),
        seconds=outcome.seconds,
        error=encodable(" ".join(failure.error.split())) or "It failed." if failure else "",
        details=encodable(account_of(outcome.name, failure)) if failure else "",
    )


class _RowReporter(Reporter):
    """Tells the runner which notebooks are executed."""

    def __init__(self, task: RowTask) -> None:
        self._task = task
        self._worker, _ = _task_here()

    def send(self, notebook: str | None) -> None:
        event: RowEvent = {"row": self._task.row, "attempt": self._task.attempt, "notebook": notebook}
        self._worker.log_event(self._task.topic, event)

    def report(self, event: ProgressEvent) -> None:
        if event.state.ended:
            self.send(event.name)
