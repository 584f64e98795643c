"""Runs the rows of a batch on workers, and keeps account of what becomes of each."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from workshop.batch.cluster import Cluster
from workshop.batch.manifest import Manifest, Record
from workshop.batch.output import Output
from workshop.batch.status import RowStatus
from workshop.batch.task import RowEvent, RowLostError, RowResult, RowTask
from workshop.errors import SandboxError, WorkshopError
from workshop.execution.progress import Reporter
from workshop.notebooks.outcome import State
from workshop.sandbox import SANDBOX, WatchedSandbox
from workshop.words import quantity

if TYPE_CHECKING:
    from distributed import Future

_LOOK = 1.0  # seconds between two looks at how many workers there are
_NO_WORKERS = 10.0  # seconds without workers after which to say so
_PATIENCE = 15.0  # seconds for rows that were cancelled to end
_MOST_OTHER_FAILURES = 2  # times that a row is run again for a reason that is not its own


@dataclass(frozen=True)
class RetryPolicy:
    """What follows from a row that failed."""

    retries: int = 0  # how often it is run again if it failed by its own doing
    fail_fast: bool = False  # whether no row is begun after one that failed for good


class Runner:
    """Runs what is pending, by the task that ``make_task`` returns for each attempt at a row."""

    def __init__(
        self,
        rows: Sequence[RowStatus],
        make_task: Callable[[RowStatus], RowTask],
        cluster: Cluster,
        manifest: Manifest,
        output: Output,
        reporter: Reporter,
        policy: RetryPolicy,
        sandbox: WatchedSandbox | None,
    ) -> None:
        self._make_task = make_task
        self._cluster = cluster
        self._manifest = manifest
        self._output = output
        self._reporter = reporter
        self._policy = policy
        self._sandbox = sandbox
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting = [status for status in rows if status.state is State.PENDING]
        self._running: dict[str, RowStatus] = {}
        self._remaining_state: State | None = None
        self._interrupts = 0
        self._give_up_at = float("inf")
        self._capacity, self._capacity_seen = 0, float("-inf")
        self._no_workers_since: float | None = None
        self.ended_early = ""

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it."""
        return self._interrupts > 0

    def interrupt(self) -> None:
        """End: the first time when what runs has ended, the second time now. To be called from a signal handler."""
        self._inbox.put(self._on_interrupt)

    def receive(self, event: RowEvent) -> None:
        """Take what a worker reports. Usable from any thread."""
        self._inbox.put(partial(self._on_event, event))

    def run(self) -> None:
        """Run all rows that are pending; whatever ends it early, such as a full disk, cancels what runs."""
        try:
            while self._begin_rows() or self._running:
                with contextlib.suppress(queue.Empty):
                    self._inbox.get(timeout=_LOOK)()
                if time.monotonic() > self._give_up_at:
                    break
            self._close()
        finally:
            if self._running:
                self._cluster.cancel()

    def _begin_rows(self) -> bool:
        """Begin as many rows as the workers can take; return whether some are still waiting."""
        if not self._has_more():
            return False
        free = self._current_capacity() - len(self._running)
        busy = {status.row.concurrency_key for status in self._running.values()}
        begun: list[RowStatus] = []
        for status in self._waiting:
            if len(begun) >= free:
                break
            if status.row.concurrency_key not in busy:
                busy.add(status.row.concurrency_key)
                begun.append(status)
        self._begin(begun)
        return self._has_more()

    def _has_more(self) -> bool:
        return self._remaining_state is None and bool(self._waiting)

    def _current_capacity(self) -> int:
        now = time.monotonic()
        if now - self._capacity_seen < _LOOK:
            return self._capacity
        self._capacity_seen = now
        try:
            self._capacity = self._cluster.capacity()
        except RowLostError as error:
            self._on_lost_scheduler(error)
        if self._capacity:
            self._no_workers_since = None
        elif self._no_workers_since is None:
            self._no_workers_since = now
        elif now - self._no_workers_since > _NO_WORKERS:
            self._no_workers_since = float("inf")
            self._reporter.note("Waiting for workers: there are none at the moment.")
        return self._capacity

    def _begin(self, rows: Sequence[RowStatus]) -> None:
        for status in rows:
            status.begin_attempt(self._sandbox.restarts if self._sandbox else 0)
        self._write(rows)
        for status in rows:
            self._waiting.remove(status)
            self._running[status.row.name] = status
            self._reporter.report(status.event())
            self._cluster.submit(self._make_task(status), partial(self._come_back, status))

    def _come_back(self, status: RowStatus, future: Future[RowResult]) -> None:
        self._inbox.put(partial(self._on_end, status, future))

    def _on_event(self, event: RowEvent) -> None:
        status = self._running.get(event["row"])
        if status is None or status.attempt != event["attempt"]:
            return  # of a runner or an attempt that is no more
        if event["notebook"] is not None:
            status.executed += 1
        else:
            status.executed = 0
            status.workers += 1
            if status.workers > 1:
                self._reporter.note(f"{status.row.name}: its worker ended; another one begins it anew.")
                self._write([status])
        self._reporter.report(status.event())

    def _on_end(self, status: RowStatus, future: Future[RowResult]) -> None:
        if self._running.pop(status.row.name, None) is None:
            return  # given up meanwhile
        try:
            result = self._cluster.result(future)
        except RowLostError as error:
            self._on_lost_row(status, error)
        else:
            self._on_result(status, result)

    def _on_result(self, status: RowStatus, result: RowResult) -> None:
        failed = result.failed
        status.seconds, status.results = result.seconds, result.results
        status.notebooks = [replace(each, text="") for each in result.notebooks]
        status.error = failed.error if failed else ""
        status.details = failed.details if failed else ""
        if failed is None:
            state = State.COMPLETED
        elif result.cancelled:
            state = State.CANCELLED
        else:
            state = self._state_after_failure(status, result.kernel_died)
        if state is State.PENDING:
            self._change(status, state)
            return
        self._begin_rows()  # before writing, which may take its time
        try:
            for notebook in result.notebooks:
                self._output.save(status.row.name, notebook)
        except WorkshopError as error:
            self._stop(State.CANCELLED, str(error))
            status.error = status.details = str(error)
            state = State.FAILED
        self._change(status, state)

    def _on_lost_row(self, status: RowStatus, error: RowLostError) -> None:
        status.error, status.details = " ".join(str(error).split()), str(error)
        try:
            self._capacity = self._cluster.capacity()
        except RowLostError as lost:
            status.error = status.details = str(lost)
            self._change(status, State.CANCELLED)
            self._on_lost_scheduler(lost)
            return
        self._change(status, self._state_after_failure(status, kernel_died=False))

    def _state_after_failure(self, status: RowStatus, kernel_died: bool) -> State:
        try:
            again = self._may_run_again(status, kernel_died)
        except SandboxError as error:
            self._stop(State.CANCELLED, str(error))
            again = False
        if again and self._remaining_state is None:
            self._reporter.note(f"{status.row.name}: {status.error} It is run again.")
            return State.PENDING
        if self._policy.fail_fast:
            self._stop(State.SKIPPED)
        return State.FAILED

    def _may_run_again(self, status: RowStatus, kernel_died: bool) -> bool:
        if status.other_failures < _MOST_OTHER_FAILURES and (kernel_died or self._sandbox_was_restarted(status)):
            status.other_failures += 1
            return True
        status.own_failures += 1
        return status.own_failures <= self._policy.retries

    def _sandbox_was_restarted(self, status: RowStatus) -> bool:
        if self._sandbox is None or status.row.target != SANDBOX:
            return False
        return self._sandbox.check() != status.sandbox_restarts

    def _on_interrupt(self) -> None:
        self._interrupts += 1
        self._stop(State.CANCELLED)
        if self._interrupts == 1 and self._running:
            rows = quantity(len(self._running), "row")
            self._reporter.note(f"Ending: waiting for {rows} still running. Ctrl-C again ends now.")
        elif self._running:
            self._reporter.note("Ending the rows that run.")
            self._give_up_at = min(self._give_up_at, time.monotonic() + _PATIENCE)
            self._cluster.cancel()

    def _on_lost_scheduler(self, error: RowLostError) -> None:
        self._stop(State.CANCELLED, str(error))
        for status in self._running.values():
            status.error = str(error)
        self._capacity, self._give_up_at = 0, float("-inf")

    def _stop(self, remaining: State, reason: str = "") -> None:
        """Begin no more rows; rows that wait end as ``remaining``."""
        self._remaining_state = self._remaining_state or remaining
        if reason and not self.ended_early:
            self.ended_early = reason
            self._reporter.note(reason)

    def _close(self) -> None:
        """Say of what has not run, or not ended, what it is."""
        lost = list(self._running.values())
        for status in lost:
            status.state = State.CANCELLED
        for status in self._waiting:
            status.state = self._remaining_state or State.CANCELLED
        self._write([*lost, *self._waiting])

    def _change(self, status: RowStatus, state: State) -> None:
        status.state = state
        self._write([status])
        if state is State.PENDING:
            self._waiting.insert(0, status)
        self._reporter.report(status.event())

    def _write(self, rows: Sequence[RowStatus]) -> None:
        self._manifest.append(*(Record.of(status) for status in rows))
