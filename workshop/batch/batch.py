"""A batch from its checked rows to its report."""

from __future__ import annotations

import hashlib
import platform
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workshop.batch.cluster import Cluster, cluster
from workshop.batch.judge import Judge, Policy
from workshop.batch.junit import junit_report
from workshop.batch.manifest import Manifest, Record, read_manifest
from workshop.batch.place import Address, Folder, Place, is_address
from workshop.batch.progress import BatchProgress
from workshop.batch.report import html_report
from workshop.batch.rows import Row, Source
from workshop.batch.runner import Runner
from workshop.batch.sandboxes import WatchedSandbox
from workshop.batch.standing import Standing, Tally
from workshop.batch.states import State
from workshop.batch.task import NotebookTask, RowTask
from workshop.errors import UsageError, WorkshopError
from workshop.files import write_whole
from workshop.kernels.kernels import KernelKind
from workshop.sandbox import SANDBOX, FreshSandbox, SandboxChoice, users_environment

MANIFEST = "manifest.jsonl"
REPORT = "report.html"
JUNIT = "junit.xml"
_LOCK = ".lock"


@dataclass(frozen=True)
class Settings:
    """How a batch is run.

    Attributes:
        output: the folder or address for the executed notebooks.
        records: the folder for the manifest and the reports.
        scheduler: address of a Dask scheduler, or None for workers of its own.
        jobs: rows at the same time, or None for as many as keep the workers busy.
        resume: whether to go on with what is in the folder.
        timeout: seconds that a notebook may take, or None.
        kind: of kernels.
        sandbox: which, for rows with that target.
        policy: when to go on after a failure.
    """

    output: str
    records: Path
    scheduler: str | None = None
    jobs: int | None = None
    resume: bool = False
    timeout: float | None = None
    kind: KernelKind = KernelKind.STOCK
    sandbox: SandboxChoice = SandboxChoice.FRESH
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Result:
    """What came of a batch.

    Attributes:
        tally: of its rows.
        trouble: what ended it early; empty if nothing did.
        interrupted: whether the user ended it.
    """

    tally: Tally
    trouble: str
    interrupted: bool

    @property
    def passed(self) -> bool:
        """Whether all rows are completed."""
        return self.tally.states[State.COMPLETED] == len(self.tally.standings)


def run_batch(rows: Sequence[Row], sources: Sequence[Source], settings: Settings, progress: BatchProgress) -> Result:
    """Run rows and write the reports.

    Args:
        rows: checked.
        sources: the notebooks.
        settings: how.
        progress: is told how it goes on.

    Raises:
        UsageError: The folder or address cannot be used, or is used by another runner; or there are no such workers.
        SandboxError: The sandbox did not start or is not running.
        WorkshopError: The manifest or a report cannot be written.
    """
    place = Address(settings.output) if is_address(settings.output) else Folder(Path(settings.output))
    with _records(settings) as earlier, _manifest(settings.records) as manifest:
        standings = [Standing(row) for row in rows]
        tally = Tally(standings)
        if _still_to_run(standings, earlier):
            return _run(tally, sources, settings, manifest, place, progress)
        result = Result(tally, trouble="", interrupted=False)
        _write_reports(result, sources, settings)
        return result


@contextmanager
def _records(settings: Settings) -> Iterator[Mapping[str, Record]]:
    """Have the folder of records for oneself; what an earlier run recorded there."""
    folder = settings.records
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(f"Another batch is running in {folder}; choose another --output, or wait.") from None
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be written to: {error.strerror}.") from error
    with lock:
        earlier = read_manifest(folder / MANIFEST)
        if earlier and not settings.resume:
            raise UsageError(f"{folder} has a batch in it. Go on with it by --resume, or choose another --output.")
        yield earlier


def _manifest(folder: Path) -> Manifest:
    try:
        return Manifest(folder / MANIFEST)
    except OSError as error:
        raise UsageError(f"{folder / MANIFEST} cannot be written: {error.strerror}.") from error


def _still_to_run(standings: Sequence[Standing], earlier: Mapping[str, Record]) -> list[Standing]:
    """Take what an earlier run completed, with the same notebooks and parameters, as it is; return the others."""
    for standing in standings:
        record = earlier.get(standing.row.name)
        if record and record.state is State.COMPLETED and record.inputs == standing.row.inputs:
            standing.state, standing.seconds, standing.earlier = State.COMPLETED, record.seconds, True
    return [standing for standing in standings if not standing.earlier]


def _run(
    tally: Tally,
    sources: Sequence[Source],
    settings: Settings,
    manifest: Manifest,
    place: Place,
    progress: BatchProgress,
) -> Result:
    batch = hashlib.sha256(f"{platform.node()} {settings.records.resolve()}".encode()).hexdigest()[:12]
    tasks = _Tasks(batch, f"batch-{uuid.uuid4().hex}", sources, settings)
    wants_sandbox = any(standing.row.target == SANDBOX for standing in tally.standings if not standing.ended)
    rows = sum(not standing.ended for standing in tally.standings)
    progress.note(f"{rows} rows of {len(sources)} notebooks to run; starting the workers.")
    with ExitStack() as opened:
        await_sandbox = _begin_sandbox(settings, opened) if wants_sandbox else None
        workers = opened.enter_context(cluster(batch, rows, settings.scheduler, settings.jobs))
        sandbox = await_sandbox() if await_sandbox else None
        if sandbox is not None:
            tasks.sandbox = sandbox.environment
            _require_way(workers, sandbox.environment)
        if settings.scheduler is not None:
            workers.clear()
        runner = Runner(tally, tasks, workers, manifest, place, progress, Judge(settings.policy, sandbox))
        workers.listen(tasks.topic, runner.hear)
        manifest.append(*(standing.record() for standing in tally.standings if not standing.ended))
        with _interrupts(runner), progress:
            runner.run()
        result = Result(tally, runner.trouble, runner.interrupted)
        _write_reports(result, sources, settings)
    return result


def _begin_sandbox(settings: Settings, opened: ExitStack) -> Callable[[], WatchedSandbox]:
    """Start a fresh sandbox, or find the user's own; what is returned waits until it is ready."""
    if settings.sandbox is SandboxChoice.FRESH:
        fresh = opened.enter_context(FreshSandbox())
        return lambda: WatchedSandbox(fresh.environment, ours=True)
    environment = users_environment()
    return lambda: WatchedSandbox(environment, ours=False)


def _require_way(workers: Cluster, environment: Mapping[str, str]) -> None:
    endpoint = environment["AZURE_RESOURCE_MANAGER_ENDPOINT"]
    stranded = workers.without_way_to(endpoint, environment["REQUESTS_CA_BUNDLE"])
    if stranded:
        raise UsageError(
            f"The sandbox serves this computer only, and these workers are elsewhere: {', '.join(sorted(stranded))}. "
            "Run with the target azure, or without --scheduler."
        )


@contextmanager
def _interrupts(runner: Runner) -> Iterator[None]:
    """Let Ctrl-C, and what ends processes kindly, end the batch in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: runner.interrupt()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Tasks:
    """Makes the tasks of rows."""

    def __init__(self, batch: str, topic: str, sources: Sequence[Source], settings: Settings) -> None:
        self.topic = topic
        self.sandbox: Mapping[str, str] | None = None
        self._batch = batch
        self._sources = sources
        self._settings = settings

    def __call__(self, standing: Standing) -> RowTask:
        row = standing.row
        return RowTask(
            batch=self._batch,
            topic=self.topic,
            row=row.name,
            attempt=standing.attempt,
            notebooks=[
                NotebookTask(source.notebook.name, source.text, parameters)
                for source, parameters in zip(self._sources, row.parameters, strict=True)
            ],
            folder=str(self._sources[0].notebook.path.parent.absolute()),
            kind=self._settings.kind,
            timeout=self._settings.timeout,
            sandbox=self.sandbox if row.target == SANDBOX else None,
        )


def _write_reports(result: Result, sources: Sequence[Source], settings: Settings) -> None:
    notebooks = [source.notebook.name for source in sources]
    linked = not is_address(settings.output) and Path(settings.output).resolve() == settings.records.resolve()
    texts: dict[str, Any] = {
        REPORT: html_report(result.tally, notebooks, result.trouble, linked),
        JUNIT: junit_report(result.tally, notebooks),
    }
    for name, text in texts.items():
        try:
            write_whole(settings.records / name, text)
        except OSError as error:
            raise WorkshopError(f"{settings.records / name} cannot be written: {error.strerror}.") from error
