"""A warm kernel is told, interrupted, shut down and found dead as any kernel is."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path

import pytest
from jupyter_client.manager import _ShutdownStatus

from tests.workshop.kernels.conftest import Start
from tests.workshop.kernels.kernels import CellFailedError, eventually, gone, running, start
from workshop.kernels.pool import WarmProcess


def test_its_exit_status_is_reported(kernel: Start) -> None:
    exiting = kernel()
    process = exiting.process
    exiting.client.execute("import os; os._exit(7)")
    assert process.wait(300) == 7
    assert not exiting.manager.is_alive()
    assert not running(process.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_signal_that_ended_it_is_reported(kernel: Start, number: signal.Signals) -> None:
    killed = kernel()
    process = killed.process
    os.kill(process.pid, number)
    assert process.wait(300) == -number
    assert process.poll() == -number
    assert not killed.manager.is_alive()


def test_it_runs_exit_functions_and_waits_for_threads_when_it_is_shut_down(kernel: Start, tmp_path: Path) -> None:
    ending = kernel(cwd=str(tmp_path))
    process = ending.process
    ending.run(
        "import atexit, pathlib, threading, time\n"
        "atexit.register(pathlib.Path('function').touch)\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), pathlib.Path('thread').touch())).start()"
    )
    ending.manager.shutdown_kernel()
    assert process.poll() == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"function", "thread"}


def test_exit_in_a_cell_ends_it(kernel: Start) -> None:
    leaving = kernel()
    process = leaving.process
    leaving.client.execute("exit")
    assert process.wait(300) == 0


@pytest.mark.parametrize("endless", ["import time; time.sleep(600)", "while True: pass"])
def test_a_cell_can_be_interrupted_and_the_kernel_goes_on(kernel: Start, endless: str) -> None:
    busy = kernel()
    busy.run("name = 'kept'")
    with pytest.raises(CellFailedError, match="KeyboardInterrupt"):
        busy.run(f"print('begun', flush=True)\n{endless}", on_output=busy.manager.interrupt_kernel)
    assert busy.run("name") == "'kept'"


def test_a_busy_kernel_follows_a_request_to_shut_down(kernel: Start) -> None:
    busy = kernel()
    process = busy.process
    busy.begin("import time; time.sleep(600)")
    busy.manager.shutdown_kernel()
    assert process.poll() == 0
    assert busy.manager._shutdown_status == _ShutdownStatus.ShutdownRequest  # neither terminated nor killed


def test_an_interrupt_while_idle_is_without_effect(kernel: Start) -> None:
    idle = kernel()
    idle.run("name = 'kept'")
    idle.manager.interrupt_kernel()
    assert idle.run("name") == "'kept'"


def test_what_it_started_is_killed_with_it(kernel: Start) -> None:
    parent = kernel()
    child = int(parent.run("import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"))
    assert running(child)
    parent.manager.shutdown_kernel(now=True)
    assert eventually(gone(child))


def test_restarted_it_is_another_warm_process_with_nothing_left(kernel: Start) -> None:
    restarted = kernel()
    restarted.run("name = 1")
    before = restarted.process.pid
    restarted.manager.restart_kernel()
    restarted.client.wait_for_ready(timeout=300)
    assert restarted.warm
    assert restarted.process.pid != before
    assert not running(before)
    assert restarted.run("'name' in globals()") == "False"


def test_dropped_without_a_shut_down_it_does_not_stay() -> None:
    dropped = start()
    pid = dropped.process.pid
    dropped.client.stop_channels()
    dropped.manager.context.destroy()
    del dropped
    gc.collect()
    assert eventually(gone(pid))


def test_waiting_has_a_limit(kernel: Start) -> None:
    process = kernel().process
    assert isinstance(process, WarmProcess)
    with pytest.raises(TimeoutError):
        process.wait(0.01)
    process.terminate()
    assert process.wait(300) == -signal.SIGTERM
    process.kill()  # too late, and said to nobody
    assert process.returncode == -signal.SIGTERM


def test_a_signal_to_one_that_has_just_ended_is_lost() -> None:
    """Its zygote has reaped it and not yet said so: on a busy machine that takes a while."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ours, theirs = Pipe()
    with theirs:
        process = WarmProcess(ended.pid, ours)
        process.send_signal(signal.SIGINT)
        assert process.poll() is None
        theirs.send(("ended", 0))
        assert process.wait() == 0


def test_many_start_and_end_at_once(kernel: Start) -> None:
    kernels = [kernel() for _ in range(6)]
    assert len({each.process.pid for each in kernels}) == 6
    assert [each.run(f"{number} ** 2") for number, each in enumerate(kernels)] == ["0", "1", "4", "9", "16", "25"]


def test_threads_start_kernels_at_the_same_time(kernel: Start) -> None:
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(kernel().run("1 + 1"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["2"] * 4


def test_an_idle_kernel_ends_when_asked_each_time(kernel: Start) -> None:
    for number in range(12):  # ipykernel's own way to end stalls about once in ten times
        asked = kernel()
        assert asked.run(f"{number}") == f"{number}"
        asked.manager.shutdown_kernel()
        assert asked.manager._shutdown_status == _ShutdownStatus.ShutdownRequest  # neither terminated nor killed
