"""A Dask cluster started by Dask's own commands, and small batches to run on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import distributed
import psutil
import pytest
from nbformat import NotebookNode

from tests.workshop.small_notebooks import notebook, write_series
from workshop.cli import main
from workshop.paths import ROOT

_DASK = [sys.executable, "-m", "dask"]
# Dask would look at all threads a hundred times a second; see workshop/batch/cluster.py for the fault in that.
_DASK_SETTINGS = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false"}
PATIENCE = 300.0  # seconds for anything that should happen


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until ``what`` is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


@contextmanager
def program(command: Sequence[str], folder: Path, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with ``folder`` as its working directory; end it, and all it started, afterwards."""
    with (folder / log).open("wb") as out:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        environment |= _DASK_SETTINGS
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, start_new_session=True, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and worker processes as one would by hand; yields the scheduler's address."""
    file = folder / "scheduler.json"
    with ExitStack() as opened:
        scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        opened.enter_context(program([*_DASK, *scheduler], folder, "scheduler.log"))
        wait_for(file.exists)
        address: str = wait_for(lambda: file.read_text() and json.loads(file.read_text())["address"])
        for number in range(workers):
            worker = ["worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
            scratch = ["--local-directory", str(folder / f"scratch-{number}")]
            opened.enter_context(program([*_DASK, *worker, *scratch], folder, f"worker-{number}.log"))
        if workers:
            untyped: Any = distributed
            with untyped.Client(address, timeout=PATIENCE, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=PATIENCE)
        yield address


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler with two worker processes, in a folder of their own."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), 2) as address:
        yield address


@pytest.fixture
def workers_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that a batch starts are threads of the test's own process, for tests that are not about processes."""
    untyped: Any = distributed
    in_processes = untyped.LocalCluster
    threads = {"processes": False, "preload": []}
    monkeypatch.setattr(distributed, "LocalCluster", lambda **options: in_processes(**options | threads))


@dataclass
class BatchFolder:
    """A folder with notebooks, a file of rows, and what a batch of them leaves."""

    folder: Path

    @property
    def notebooks(self) -> Path:
        return self.folder / "notebooks"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def write(self, notebooks: Mapping[str, NotebookNode], rows: Sequence[Mapping[str, Any]] | str) -> None:
        """Write notebooks, and the rows: as text, or as mappings."""
        write_series(self.notebooks, notebooks)
        (self.folder / "rows.json").write_text(json.dumps(rows) if not isinstance(rows, str) else rows)

    def words(self, *more: str) -> list[str]:
        """The words of the command, after ``workshop``."""
        files = [str(self.folder / "rows.json"), "--notebooks", str(self.notebooks), "--output", str(self.output)]
        return ["batch", *files, *more]

    def run(self, *more: str) -> int:
        """Run a batch in this process, and return its exit status."""
        return main(self.words(*more))

    def start(self, *more: str) -> Any:
        """Run a batch in a process of its own, for the body of a ``with``."""
        return program([sys.executable, "-m", "workshop", *self.words(*more)], ROOT, str(self.folder / "log"))

    def said(self) -> str:
        """What that process printed."""
        return (self.folder / "log").read_text()

    def lines(self) -> list[dict[str, Any]]:
        """The manifest's lines."""
        path = self.output / "manifest.jsonl"
        text = path.read_text("utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def states(self) -> dict[str, str]:
        """The state of each row."""
        return {line["name"]: line["state"] for line in self.lines()}

    def saved(self, row: str, name: str) -> str:
        """The text of an executed notebook."""
        return (self.output / row / f"{name}.ipynb").read_text("utf-8")


@pytest.fixture
def desk(tmp_path: Path) -> BatchFolder:
    return BatchFolder(tmp_path)


def identities(number: int) -> list[dict[str, str]]:
    """Rows that differ in the name of the identity."""
    return [{"identity_name": f"ID{place:03}"} for place in range(1, number + 1)]


def children(pid: int) -> list[psutil.Process]:
    """All processes below one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def all_gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether processes have ended."""
    return not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def shows(*cells: str) -> NotebookNode:
    """A notebook with these cells, and the parameters ``target`` and ``identity_name``."""
    return notebook(*cells)
