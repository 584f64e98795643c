"""A batch from its checked rows to its reports."""

import hashlib
import platform
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from workshop.batch.cluster import Cluster, cluster
from workshop.batch.manifest import Manifest, Record, read_manifest
from workshop.batch.output import Output, is_address, open_output
from workshop.batch.reports import html_report, junit_report, results_table
from workshop.batch.rows import Row, Source
from workshop.batch.runner import RetryPolicy, Runner
from workshop.batch.status import BatchResult, RowStatus
from workshop.batch.task import NotebookTask, RowTask
from workshop.command import signals_to
from workshop.errors import UsageError, translate_os_errors
from workshop.execution.progress import Reporter
from workshop.files import write_whole
from workshop.kernels.start import KernelKind
from workshop.notebooks.outcome import State
from workshop.sandbox import SANDBOX, FreshSandbox, SandboxChoice, WatchedSandbox, users_environment
from workshop.words import quantity

MANIFEST = "manifest.jsonl"
REPORT = "report.html"
JUNIT = "junit.xml"
RESULTS = "results.csv"
_LOCK = ".lock"


@dataclass(frozen=True)
class BatchSettings:
    """How a batch is run."""

    output: str  # the folder or address for the executed notebooks
    records: Path  # the folder for the manifest and the reports
    scheduler: str | None = None  # of Dask; None for workers of its own
    jobs: int | None = None  # rows at the same time; None for as many as keep the workers busy
    resume: bool = False
    timeout: float | None = None  # seconds that a notebook may take
    kind: KernelKind = KernelKind.STOCK
    sandbox: SandboxChoice = SandboxChoice.FRESH
    policy: RetryPolicy = field(default_factory=RetryPolicy)


def run_batch(
    rows: Sequence[Row], sources: Sequence[Source], settings: BatchSettings, reporter: Reporter
) -> BatchResult:
    """Run rows and write the reports."""
    began = time.monotonic()
    output = open_output(settings.output, sources)
    if not is_address(settings.output):
        _require_own(Path(settings.output), settings.records)
    with _records(settings) as earlier, Manifest(settings.records / MANIFEST) as manifest:
        all_rows = [_status(row, earlier.get(row.name)) for row in rows]
        pending = [status for status in all_rows if not status.earlier]
        result = BatchResult(all_rows, time.monotonic() - began)
        if pending:
            runner = _run(all_rows, pending, sources, settings, manifest, output, reporter)
            result = BatchResult(all_rows, time.monotonic() - began, runner.ended_early, runner.interrupted)
        _write_reports(result, sources, settings)
        return result


def _require_own(output: Path, records: Path) -> None:
    """Save only to a folder that is empty, but for hidden files, or has a batch in it: rows make many folders."""
    if (output / MANIFEST).exists():
        return
    own = {records.resolve(), *records.resolve().parents}
    with translate_os_errors(f"The folder {output} cannot be written to", UsageError):
        output.mkdir(parents=True, exist_ok=True)
        found = [path for path in output.resolve().iterdir() if not path.name.startswith(".") and path not in own]
    if found and not {path.name for path in found} <= read_manifest(records / MANIFEST).keys():
        raise UsageError(f"{output} is not empty and has no batch in it; choose another folder as --output.")


@contextmanager
def _records(settings: BatchSettings) -> Iterator[Mapping[str, Record]]:
    """Have the folder of records for oneself; what an earlier run recorded there."""
    folder = settings.records
    lock = FileLock(folder / _LOCK, timeout=0)
    with translate_os_errors(f"The folder {folder} cannot be written to", UsageError):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(f"Another batch is running in {folder}; choose another --output, or wait.") from None
    with lock:
        earlier = read_manifest(folder / MANIFEST)
        if earlier and not settings.resume:
            raise UsageError(f"{folder} has a batch in it. Go on with it by --resume, or choose another --output.")
        yield earlier


def _status(row: Row, record: Record | None) -> RowStatus:
    """A row as an earlier run completed it, with the same notebooks and parameters; else it is to be run."""
    if record and record.state is State.COMPLETED and record.inputs == row.inputs:
        return RowStatus(row, State.COMPLETED, seconds=record.seconds, results=record.results, earlier=True)
    return RowStatus(row)


def _run(
    rows: Sequence[RowStatus],
    pending: Sequence[RowStatus],
    sources: Sequence[Source],
    settings: BatchSettings,
    manifest: Manifest,
    output: Output,
    reporter: Reporter,
) -> Runner:
    batch = hashlib.sha256(f"{platform.node()} {settings.records.resolve()}".encode()).hexdigest()[:12]
    topic = f"batch-{uuid.uuid4().hex}"
    work = f"{quantity(len(pending), 'row')} of {quantity(len(sources), 'notebook')} to run; starting the workers."
    for note in (output.warning, work):
        if note:
            reporter.note(note)
    with ExitStack() as opened:
        on_sandbox = any(status.row.target == SANDBOX for status in pending)
        await_sandbox = _begin_sandbox(settings, opened) if on_sandbox else None
        workers = opened.enter_context(cluster(batch, len(pending), settings.scheduler, settings.jobs, reporter.note))
        sandbox = await_sandbox() if await_sandbox else None
        if sandbox is not None:
            _require_reachable(workers, sandbox.environment)
        if settings.scheduler is not None:
            workers.cancel_earlier()
        make_task = partial(_task, batch, topic, sources, settings, sandbox)
        runner = Runner(pending, make_task, workers, manifest, output, reporter, settings.policy, sandbox)
        workers.listen(topic, runner.receive)
        manifest.append(*(Record.of(status) for status in pending))
        with signals_to(runner.interrupt, signal.SIGINT, signal.SIGTERM), reporter:
            for status in rows:
                reporter.report(status.event())
            runner.run()
        return runner


def _begin_sandbox(settings: BatchSettings, opened: ExitStack) -> Callable[[], WatchedSandbox]:
    """Start a fresh sandbox, or find the user's own; what is returned waits until it is ready."""
    if settings.sandbox is SandboxChoice.FRESH:
        fresh = opened.enter_context(FreshSandbox())
        return lambda: WatchedSandbox(fresh.environment, ours=True)
    environment = users_environment()
    return lambda: WatchedSandbox(environment, ours=False)


def _require_reachable(workers: Cluster, environment: Mapping[str, str]) -> None:
    endpoint = environment["AZURE_RESOURCE_MANAGER_ENDPOINT"]
    elsewhere = workers.unable_to_reach(endpoint, environment["REQUESTS_CA_BUNDLE"])
    if elsewhere:
        raise UsageError(
            f"The sandbox serves this computer only, and these workers are elsewhere: {', '.join(sorted(elsewhere))}. "
            "Run with the target azure, or without --scheduler."
        )


def _task(
    batch: str,
    topic: str,
    sources: Sequence[Source],
    settings: BatchSettings,
    sandbox: WatchedSandbox | None,
    status: RowStatus,
) -> RowTask:
    row = status.row
    return RowTask(
        batch=batch,
        topic=topic,
        row=row.name,
        attempt=status.attempt,
        notebooks=[
            NotebookTask(source.path.stem, source.text, parameters)
            for source, parameters in zip(sources, row.parameters, strict=True)
        ],
        folder=str(sources[0].path.parent.absolute()),
        kind=settings.kind,
        timeout=settings.timeout,
        sandbox=sandbox.environment if sandbox is not None and row.target == SANDBOX else None,
    )


def _write_reports(result: BatchResult, sources: Sequence[Source], settings: BatchSettings) -> None:
    notebooks = [source.path.stem for source in sources]
    linked = not is_address(settings.output) and Path(settings.output).resolve() == settings.records.resolve()
    texts = {
        REPORT: html_report(result, notebooks, linked),
        JUNIT: junit_report(result, notebooks),
        RESULTS: results_table(result),
    }
    for name, text in texts.items():
        write_whole(settings.records / name, text)
