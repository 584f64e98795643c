"""The Dask workers of a batch: processes of this computer's, or those of a cluster that is there already."""

import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dask
import dask.system
import distributed
from distributed.scheduler import KilledWorker

from workshop.batch import worker
from workshop.batch.task import RowEvent, RowLostError, RowResult, RowTask
from workshop.errors import UsageError, WorkshopError
from workshop.words import quantity

_untyped: Any = distributed
_LOGGERS = ("distributed", "distributed.client", "tornado.application")  # Dask gives the second a level of its own
_CONFIGURATION: dict[str, Any] = {  # of what is started here
    "distributed.nanny.pre-spawn-environ": {},  # kernels would inherit it
    "distributed.scheduler.http.routes": [],  # nothing of the batch is to be had without its credentials
    "distributed.worker.http.routes": [],
    "distributed.admin.low-level-log-length": 10,  # messages kept to be looked at: each has a whole row in it
    "distributed.scheduler.worker-ttl": "60s",  # until one that has not been heard of is taken for stuck, and replaced
    # To profile is to look at all threads' frames, in which Python 3.11 can get stuck for good (python/cpython#106883).
    "distributed.worker.profile.enabled": False,
}
_LOST = "The connection to the Dask scheduler is lost."
_CONNECT = 10.0  # seconds to reach a scheduler
_TELL = 5.0  # seconds for workers to be told something
_END = 60.0  # seconds for rows that were cancelled to end
_LOOK = 0.5  # seconds between two looks whether they have
_JOIN = 30.0  # seconds in which at least one worker should be there


class Cluster:
    """Runs rows on the workers of a client of Dask's: ``jobs`` at a time, or as many as they have threads."""

    def __init__(self, client: Any, batch: str, jobs: int | None) -> None:
        self._client = client
        self._batch = batch
        self._jobs = jobs

    def listen(self, topic: str, on_event: Callable[[RowEvent], None]) -> None:
        """Be told what workers report under ``topic``. The call comes from another thread."""
        self._client.subscribe_topic(topic, lambda event: on_event(event[1]))

    def capacity(self) -> int:
        """Return how many rows can run at the same time now; raise RowLostError if the scheduler is gone."""
        if self._client.status != "running":
            raise RowLostError(_LOST)
        try:
            threads: int = sum(self._client.nthreads().values())
        except OSError as error:  # a TimeoutError among them
            raise RowLostError(_LOST) from error
        return threads if self._jobs is None else min(threads, self._jobs)

    def submit(self, task: RowTask, on_end: Callable[[Any], None]) -> None:
        """Run a row; ``on_end`` is called from another thread, with what ``result`` takes, when it has run."""
        key = f"{task.topic}-{task.row}-{task.attempt}"
        future = self._client.submit(worker.run_row, task, key=key, pure=False, retries=0)
        future.add_done_callback(on_end)

    def result(self, future: Any) -> RowResult:
        """Return what a row that has run came to, and let the workers forget it.

        If they died, the scheduler is gone, or something unforeseen was raised, it raises RowLostError.
        """
        try:
            result: RowResult = future.result()
            return result
        except KilledWorker as error:
            deaths = error.allowed_failures + 1
            raise RowLostError(f"{quantity(deaths, 'worker')} died while they ran this row.") from error
        except RowLostError:  # on the worker
            raise
        except Exception as error:  # of Dask's
            raise RowLostError(f"{type(error).__name__}: {error}") from error
        finally:
            future.release()

    def cancel(self) -> None:
        """End the rows of this batch that run, if their workers can be told. One that is stuck is not waited for."""
        told = threading.Event()

        async def tell() -> None:
            try:
                await self._client.run(worker.cancel, self._batch, on_error="ignore")
            finally:
                told.set()

        if self._client.status == "running":
            self._client.loop.add_callback(tell)
            told.wait(_TELL)

    def cancel_earlier(self) -> None:
        """End what still runs for a runner of this batch that is no more; raise WorkshopError if it does not end."""
        deadline = time.monotonic() + _END
        while any(self._client.run(worker.running, self._batch).values()):
            if time.monotonic() > deadline:
                raise WorkshopError("Rows of an earlier run of this batch still run on the workers, and do not end.")
            self._client.run(worker.cancel, self._batch)
            time.sleep(_LOOK)

    def unable_to_reach(self, endpoint: str, ca_file: str) -> list[str]:
        """Return the addresses of the workers that cannot use a sandbox."""
        reached: dict[str, bool] = self._client.run(worker.can_reach, endpoint, ca_file)
        return [address for address, does in reached.items() if not does]


@contextmanager
def cluster(
    batch: str, rows: int, scheduler: str | None, jobs: int | None, note: Callable[[str], None] = lambda text: None
) -> Iterator[Cluster]:
    """Have the workers of a Dask scheduler, or new ones on this computer, for the time of the body.

    Without ``jobs``, as many rows run at the same time as there are processors here, or threads of the workers there.
    """
    workers = _local(min(rows, jobs or dask.system.CPU_COUNT)) if scheduler is None else _connected(scheduler, note)
    with _quiet(), dask.config.set(_CONFIGURATION), workers as client:
        yield Cluster(client, batch, jobs)


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    own = {worker.PROCESSORS: processors_of_their_own(workers)}
    folder = tempfile.TemporaryDirectory(prefix="batch-workers-", ignore_cleanup_errors=True)
    with dask.config.set(own), folder as scratch:
        try:
            local = _untyped.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                host="127.0.0.1",
                security=_untyped.Security.temporary(),  # or any user of this computer could have them run something
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=0,  # what the kernels use is not the worker's
                local_directory=scratch,
                preload=[worker.__name__],
                silence_logs=logging.CRITICAL,
            )
        except Exception as error:  # Dask wraps whatever there was
            raise WorkshopError(f"The workers cannot be started: {error}") from error
        with local, _untyped.Client(local) as client:
            yield client


def processors_of_their_own(workers: int) -> list[int]:
    """Return the processor that each of the first workers has to itself: none, unless there are workers for all.

    A worker and its kernel wake each other some thousand times in a row of notebooks, and hardly ever run at the same
    time. Left to the system, each often waits for another processor to wake up, or for one that is taken by the other
    worker. On its own processor a worker does not. Measured on two: a tenth more rows a minute.

    Where processors are shared with others, who could choose the same, there are none either.
    """
    if sys.platform != "linux":
        return []
    usable = sorted(os.sched_getaffinity(0))
    shared = len(usable) > dask.system.CPU_COUNT  # with a container's share of their time
    return [] if shared or workers < len(usable) else usable


@contextmanager
def _connected(scheduler: str, note: Callable[[str], None]) -> Iterator[Any]:
    try:
        client = _untyped.Client(scheduler, timeout=_CONNECT, set_as_default=False)
    except Exception as error:  # OSError, TimeoutError, ValueError for an address that is none, …
        raise UsageError(f"No Dask scheduler answers at {scheduler}.") from error
    with client:
        if not client.nthreads():
            note(f"Waiting for workers: the scheduler has none yet; for {_JOIN:.0f} seconds at most.")
        try:
            client.wait_for_workers(1, timeout=_JOIN)
        except Exception as error:
            raise UsageError(f"The Dask scheduler at {scheduler} has no workers.") from error
        try:
            client.run(worker.get_ready)
        except Exception as error:  # a ModuleNotFoundError over there, as a rule
            raise UsageError(
                f"A worker of {scheduler} cannot run the notebooks, for this package is not installed there or is "
                f"another version: {type(error).__name__}: {error}"
            ) from error
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own remarks about workers and connections from the terminal: the runner says what matters."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
