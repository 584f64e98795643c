"""Runs the rows of a batch on workers, and keeps account of what becomes of each."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from workshop.batch.cluster import Cluster, LostError
from workshop.batch.judge import Judge
from workshop.batch.manifest import Manifest
from workshop.batch.place import Place
from workshop.batch.progress import BatchProgress
from workshop.batch.standing import Executed, Standing, Tally
from workshop.batch.states import State
from workshop.batch.task import News, RowResult, RowTask
from workshop.errors import SandboxError, WorkshopError

if TYPE_CHECKING:
    from distributed import Future

_LOOK = 1.0  # seconds between two looks at how many workers there are
_LONELY = 10.0  # seconds without workers after which to say so
_PATIENCE = 15.0  # seconds for rows that were called off to end


class Tasks(Protocol):
    """Makes what a worker needs to run a row."""

    def __call__(self, standing: Standing) -> RowTask:
        """Return the task for the attempt that ``standing`` is at."""


class Runner:
    """Runs what is pending.

    Args:
        tally: of all rows.
        tasks: makes a row's task.
        cluster: the workers.
        manifest: is told each change.
        place: keeps the executed notebooks.
        progress: is told how it goes on.
        judge: says which rows that failed are run again.
    """

    def __init__(
        self,
        tally: Tally,
        tasks: Tasks,
        cluster: Cluster,
        manifest: Manifest,
        place: Place,
        progress: BatchProgress,
        judge: Judge,
    ) -> None:
        self._tally = tally
        self._tasks = tasks
        self._cluster = cluster
        self._manifest = manifest
        self._place = place
        self._progress = progress
        self._judge = judge
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._waiting = [standing for standing in tally.standings if standing.state is State.PENDING]
        self._running: dict[str, Standing] = {}
        self._rest: State | None = None
        self._interrupts = 0
        self._give_up_at = float("inf")
        self._room, self._room_seen = 0, float("-inf")
        self._lonely_since: float | None = None
        self.trouble = ""

    @property
    def interrupted(self) -> bool:
        """Whether the user ended it."""
        return self._interrupts > 0

    def interrupt(self) -> None:
        """End: the first time when what runs has ended, the second time now. To be called from a signal handler."""
        self._inbox.put(self._on_interrupt)

    def hear(self, news: News) -> None:
        """Take what a worker tells. Usable from any thread."""
        self._inbox.put(partial(self._on_news, news))

    def run(self) -> None:
        """Run all rows that are pending.

        Raises:
            WorkshopError: The manifest cannot be written. What ran is called off.
        """
        try:
            while self._fill() or self._running:
                try:
                    self._inbox.get(timeout=_LOOK)()
                except queue.Empty:
                    self._progress.tick(self._tally)
                if time.monotonic() > self._give_up_at:
                    break
            self._close()
        finally:
            if self._running:
                self._cluster.call_off()

    def _fill(self) -> bool:
        """Begin as many rows as there is room for; return whether some are still waiting."""
        if not self._has_more():
            return False
        room = self._see_room() - len(self._running)
        busy = {standing.row.lane for standing in self._running.values()}
        begun: list[Standing] = []
        for standing in self._waiting:
            if len(begun) >= room:
                break
            if standing.row.lane not in busy:
                busy.add(standing.row.lane)
                begun.append(standing)
        self._begin(begun)
        return self._has_more()

    def _has_more(self) -> bool:
        return self._rest is None and bool(self._waiting)

    def _see_room(self) -> int:
        now = time.monotonic()
        if now - self._room_seen < _LOOK:
            return self._room
        self._room_seen = now
        try:
            self._room = self._cluster.room()
        except LostError as error:
            self._lose_all(error)
        if self._room:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = now
        elif now - self._lonely_since > _LONELY:
            self._lonely_since = float("inf")
            self._progress.note("Waiting for workers: there are none at the moment.")
        return self._room

    def _begin(self, standings: Sequence[Standing]) -> None:
        if self._tally.first_row_began is None:
            self._tally.first_row_began = time.monotonic()
        for standing in standings:
            standing.state = State.RUNNING
            standing.attempt += 1
            standing.notebooks, standing.executing, standing.workers = [], 0, 0
            standing.error = standing.account = ""
            standing.seconds = 0.0
            self._judge.begins(standing)
        self._write(standings)
        for standing in standings:
            self._waiting.remove(standing)
            self._running[standing.row.name] = standing
            self._cluster.submit(self._tasks(standing), partial(self._come_back, standing))

    def _come_back(self, standing: Standing, future: Future[RowResult]) -> None:
        self._inbox.put(partial(self._on_end, standing, future))

    def _on_news(self, news: News) -> None:
        standing = self._running.get(news["row"])
        if standing is None or standing.attempt != news["attempt"]:
            return  # of a runner or an attempt that is no more
        if news["notebook"] is not None:
            standing.executing += 1
        else:
            standing.executing = 0
            standing.workers += 1
            if standing.workers > 1:
                self._progress.note(f"{standing.row.name}: its worker ended; another one begins it anew.")
                self._write([standing])
        self._progress.tick(self._tally)

    def _on_end(self, standing: Standing, future: Future[RowResult]) -> None:
        if self._running.pop(standing.row.name, None) is None:
            return  # given up meanwhile
        try:
            result = self._cluster.result(future)
        except LostError as error:
            self._take_loss(standing, error)
        else:
            self._take(standing, result)

    def _take(self, standing: Standing, result: RowResult) -> None:
        failed = result.failed
        standing.seconds = result.seconds
        standing.notebooks = [Executed(each.name, each.seconds, each.error) for each in result.notebooks]
        standing.error = failed.error if failed else ""
        standing.account = failed.account if failed else ""
        if failed is None:
            state = State.COMPLETED
        elif result.called_off:
            state = State.CANCELLED
        else:
            state = self._state_after(standing, result.kernel_died)
        if state is State.PENDING:
            self._change(standing, state)
            return
        self._fill()  # before writing, which may take its time
        try:
            for notebook in result.notebooks:
                self._place.save(standing.row.name, notebook)
        except WorkshopError as error:
            self._stop(State.CANCELLED, str(error))
            standing.error = standing.account = str(error)
            state = State.FAILED
        self._change(standing, state)

    def _take_loss(self, standing: Standing, error: LostError) -> None:
        standing.error, standing.account = " ".join(str(error).split()), str(error)
        try:
            self._room = self._cluster.room()
        except LostError as lost:
            standing.error = standing.account = str(lost)
            self._change(standing, State.CANCELLED)
            self._lose_all(lost)
            return
        self._change(standing, self._state_after(standing, kernel_died=False))

    def _state_after(self, standing: Standing, kernel_died: bool) -> State:
        """What becomes of a row that failed."""
        try:
            again = self._judge.again(standing, kernel_died)
        except SandboxError as error:
            self._stop(State.CANCELLED, str(error))
            again = False
        if again and self._rest is None:
            self._progress.note(f"{standing.row.name}: {standing.error} It is run again.")
            return State.PENDING
        if self._judge.policy.fail_fast:
            self._stop(State.SKIPPED)
        return State.FAILED

    def _on_interrupt(self) -> None:
        self._interrupts += 1
        self._stop(State.CANCELLED)
        if self._interrupts == 1 and self._running:
            self._progress.note(f"Ending: waiting for {len(self._running)} rows that run. Ctrl-C again ends them now.")
        elif self._running:
            self._progress.note("Ending the rows that run.")
            self._give_up_at = min(self._give_up_at, time.monotonic() + _PATIENCE)
            self._cluster.call_off()

    def _lose_all(self, error: LostError) -> None:
        self._stop(State.CANCELLED, str(error))
        for standing in self._running.values():
            standing.error = str(error)
        self._room, self._give_up_at = 0, float("-inf")

    def _stop(self, rest: State, trouble: str = "") -> None:
        """Begin no more rows; what waits ends as ``rest``."""
        self._rest = self._rest or rest
        if trouble and not self.trouble:
            self.trouble = trouble
            self._progress.note(trouble)

    def _close(self) -> None:
        """Say of what has not run, or not ended, what it is."""
        lost = list(self._running.values())
        for standing in lost:
            standing.state = State.CANCELLED
        for standing in self._waiting:
            standing.state = self._rest or State.CANCELLED
        self._write([*lost, *self._waiting])

    def _change(self, standing: Standing, state: State) -> None:
        standing.state = state
        self._write([standing])
        if state is State.PENDING:
            self._waiting.insert(0, standing)
        if standing.ended:
            self._progress.ended(standing, self._tally)
        self._progress.tick(self._tally)

    def _write(self, standings: Sequence[Standing]) -> None:
        self._manifest.append(*(standing.record() for standing in standings))
