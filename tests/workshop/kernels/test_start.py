import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_core.utils import ensure_event_loop

from tests.workshop.kernels.kernels import DEADLINE, eventually, zygotes
from tests.workshop.small_notebooks import notebook
from workshop.execution.executor import execute
from workshop.kernels.manager import Client
from workshop.kernels.pool import Pool, pool
from workshop.kernels.start import KernelKind, Kernels, default_kind, warm_up


@pytest.mark.skipif(default_kind() is not KernelKind.WARM, reason="warm kernels need Linux")
def test_kernels_are_forked_from_what_was_warmed_up(tmp_path: Path) -> None:
    pool.close()
    warm_up(KernelKind.WARM)
    (warmed,) = zygotes()
    cell = "import os, sys\nf\"parent {os.getppid()} {'azure.identity' in sys.modules}\""
    environment = {**os.environ, "AZURE_AUTHORITY_HOST": "https://localhost:1"}
    with Kernels(KernelKind.WARM, environment) as kernels:
        execution = execute(tmp_path / "00_a.ipynb", notebook(cell), {}, kernels)
    assert f"parent {warmed} True" in execution.node.cells[-1].outputs[0].data["text/plain"]
    assert zygotes() == [warmed]


def test_nothing_is_warmed_up_for_stock_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_yet = Pool()
    monkeypatch.setattr("workshop.kernels.pool.pool", nothing_yet)
    before = set(zygotes())
    try:
        warm_up(KernelKind.STOCK)
        assert set(zygotes()) <= before
    finally:
        nothing_yet.close()


@pytest.fixture(params=[KernelKind.STOCK, KernelKind.WARM])
def kind(request: pytest.FixtureRequest) -> KernelKind:
    if request.param is KernelKind.WARM and default_kind() is not KernelKind.WARM:
        pytest.skip("warm kernels need Linux")
    return KernelKind(request.param)


def process_of(manager: Any) -> psutil.Process:
    return psutil.Process(manager.provisioner.pid)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def children_in(folder: Path) -> Iterator[int]:
    """Processes started here that work in ``folder``."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
            if child.cwd() == str(folder):
                yield child.pid


def waits_for(path: Path) -> str:
    """A cell that ends when there is such a file, and fails if there is none for long."""
    looks = f"any(pathlib.Path({str(path)!r}).exists() or time.sleep(0.05) for _ in range({DEADLINE * 20:.0f}))"
    return f"import pathlib, time\nassert {looks}"


def test_kernels_do_not_pause_after_a_cell(tmp_path: Path, kind: KernelKind) -> None:
    with Kernels(kind, os.environ) as kernels:
        execution = execute(tmp_path / "00_a.ipynb", notebook("get_ipython().kernel._execute_sleep"), {}, kernels)
    assert execution.node.cells[-1].outputs[0].data["text/plain"] == "0.0"


def test_the_next_kernel_is_started_while_a_notebook_runs(tmp_path: Path, kind: KernelKind) -> None:
    first, second = (tmp_path / name / f"{name}.ipynb" for name in ("00_a", "01_b"))
    for each in (first, second):
        each.parent.mkdir()
    seen, is_seen = set[int](), tmp_path / "seen"

    def look() -> bool:
        seen.update(children_in(second.parent))
        return bool(seen)

    def end_the_cell() -> None:
        if eventually(look):
            is_seen.touch()

    with Kernels(kind, os.environ) as kernels:

        def on_cell(done: int) -> None:
            if done == 0:
                kernels.prepare(second.parent)
                threading.Thread(target=end_the_cell).start()

        assert execute(first, notebook(waits_for(is_seen)), {}, kernels, on_cell).failure is None
        manager = kernels.take(second.parent)
        process = process_of(manager)
        assert process.pid in seen
        assert process.cwd() == str(second.parent)
        assert [type(each) for each in manager.clients] == [Client]
        kernels.give_back(manager)
    assert ended(process)


def test_a_kernel_that_nobody_takes_ends_too(tmp_path: Path, kind: KernelKind) -> None:
    (tmp_path / "a").mkdir()
    before = set(psutil.Process().children(recursive=True))
    with Kernels(kind, os.environ) as kernels:
        kernels.prepare(tmp_path / "a")
        taken = kernels.take(tmp_path)
        kernels.give_back(taken)
        kernels.prepare(tmp_path)
    left = [each for each in psutil.Process().children(recursive=True) if each not in before and not ended(each)]
    assert [each.pid for each in left if each.pid not in zygotes()] == []


def test_a_kernel_ends_though_an_interrupted_run_has_left_a_stop_in_the_loop(tmp_path: Path, kind: KernelKind) -> None:
    with Kernels(kind, os.environ) as kernels:
        manager = kernels.take(tmp_path)
        process = process_of(manager)
        kernels.give_back(manager)
        loop = ensure_event_loop()
        loop.call_soon(loop.stop)
    assert ended(process)


def test_a_kernel_whose_start_was_interrupted_ends_too(tmp_path: Path, kind: KernelKind) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    before = set(psutil.Process().children(recursive=True))
    with Kernels(kind, os.environ) as kernels:
        ensure_event_loop().call_later(0.01, interrupt)
        with pytest.raises(KeyboardInterrupt):
            kernels.take(tmp_path)
    left = [each for each in psutil.Process().children(recursive=True) if each not in before and not ended(each)]
    assert [each.pid for each in left if each.pid not in zygotes()] == []


def test_a_prepared_kernel_that_does_not_start_is_told_to_who_takes_it(tmp_path: Path) -> None:
    with Kernels(KernelKind.STOCK, os.environ) as kernels:
        kernels.prepare(tmp_path / "absent")
        with pytest.raises(OSError, match="absent"):
            kernels.take(tmp_path / "absent")
        kernels.prepare(tmp_path / "absent")
