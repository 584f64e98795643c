import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.workshop.small_notebooks import notebook
from workshop.execution.deadline import Deadline
from workshop.execution.executor import execute
from workshop.kernels.start import KernelKind, Kernels, default_kind

KILLED = 1 if sys.platform == "win32" else -signal.SIGKILL  # the exit status
HANGS = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("child.new").write_text(str(child.pid))
pathlib.Path("child.new").rename("child")
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
"""


@pytest.fixture(params=[KernelKind.STOCK, KernelKind.WARM])
def kind(request: pytest.FixtureRequest) -> KernelKind:
    if request.param is KernelKind.WARM and default_kind() is not KernelKind.WARM:
        pytest.skip("warm kernels need Linux")
    return KernelKind(request.param)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class PlayedManager:
    """A kernel manager whose kernel is another program."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.provisioner = SimpleNamespace(process=process)


@pytest.fixture
def manager() -> Iterator[Any]:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command, start_new_session=True) as process:
        yield PlayedManager(process)
        process.kill()


def test_a_kernel_is_killed_when_its_time_is_up(manager: Any) -> None:
    deadline = Deadline(0.2)
    with deadline.notebook():
        deadline.watch(manager)
        assert manager.provisioner.process.wait(300) == KILLED
    assert deadline.reason == "It took longer than 0.2 seconds."
    assert not deadline.cancelled


def test_each_notebook_has_all_of_the_time(manager: Any) -> None:
    deadline = Deadline(300)
    ends = []
    for _ in range(2):
        with deadline.notebook():
            deadline.watch(manager)
            timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
            ends += [timer.interval for timer in timers if not timer.finished.is_set()]  # one that is may end later
        assert deadline.reason == ""
    assert ends == [300, 300]
    assert manager.provisioner.process.poll() is None


def test_a_kernel_that_comes_too_late_is_killed_at_once(manager: Any) -> None:
    deadline = Deadline()
    deadline.cancel("Called off.")
    with deadline.notebook():
        deadline.watch(manager)
    assert manager.provisioner.process.wait(300) == KILLED


def test_a_notebook_that_hangs_is_ended_with_all_it_started(tmp_path: Path, kind: KernelKind) -> None:
    deadline = Deadline(300)
    threading.Thread(target=cancel_when_there, args=[deadline, tmp_path / "child"]).start()
    node = notebook("print('before')", HANGS)
    with Kernels(kind, os.environ) as kernels:
        execution = execute(tmp_path / "00_a.ipynb", node, {}, kernels, deadline=deadline)
    assert execution.failure is not None
    assert execution.failure.error == "Called off."
    assert not execution.failure.kernel_died
    assert execution.failure.cell_id == "c2"
    assert "before" in str(execution.node.cells[1].outputs)
    child = int((tmp_path / "child").read_text())
    while runs(child):
        time.sleep(0.05)
    assert deadline.cancelled


def cancel_when_there(deadline: Deadline, path: Path) -> None:
    while not path.exists():
        time.sleep(0.05)
    deadline.cancel("Called off.")


def test_a_kernel_that_ends_by_itself_is_told_from_one_that_was_ended(tmp_path: Path, kind: KernelKind) -> None:
    node = notebook("import os\nos._exit(7)")
    with Kernels(kind, os.environ) as kernels:
        execution = execute(tmp_path / "00_a.ipynb", node, {}, kernels, deadline=Deadline(300))
    assert execution.failure is not None
    assert execution.failure.kernel_died


def test_a_kernel_that_never_comes_up_counts_as_dead(tmp_path: Path) -> None:
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(3)")
    with Kernels(KernelKind.STOCK, os.environ) as kernels:
        execution = execute(tmp_path / "00_a.ipynb", notebook("1"), {}, kernels)
    assert execution.failure is not None
    assert execution.failure.kernel_died
    assert execution.failure.cell_id == ""
