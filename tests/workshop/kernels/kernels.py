"""Kernels to run code in, and processes to watch, for the tests of warm kernels."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from workshop.kernels.pool import WarmProcess
from workshop.kernels.provisioner import WarmProvisioner

DEADLINE = 300.0


class CellFailedError(Exception):
    """A cell raised; the arguments are the exception's name, its text and the traceback's lines."""


class Kernel:
    """A kernel under Jupyter's stock manager and client."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    @property
    def process(self) -> WarmProcess | subprocess.Popen[bytes]:
        provisioner: Any = self.manager.provisioner
        return provisioner.process

    @property
    def warm(self) -> bool:
        return isinstance(self.process, WarmProcess)

    def begin(self, code: str) -> None:
        """Execute the code, and wait until it has begun."""
        self.client.execute(f"print('begun', flush=True)\n{code}")
        while self.client.get_iopub_msg(timeout=DEADLINE)["msg_type"] != "stream":
            pass

    def run(self, code: str, on_output: Callable[[], object] = lambda: None) -> str:
        """What the code writes, and the value of its last line as text."""
        written: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                on_output()
            written.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        content = self.client.execute_interactive(code, output_hook=keep, timeout=DEADLINE)["content"]
        if content["status"] != "ok":
            raise CellFailedError(content["ename"], content["evalue"], content["traceback"])
        return "".join(written).strip()

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
        self.manager.context.destroy()


def managed(kernel_name: str = "python3") -> KernelManager:
    """Jupyter's stock manager of a kernel yet to be started, whose files are in a folder that goes with it."""
    folder = mkdtemp(prefix="k-")
    manager = KernelManager(kernel_name=kernel_name, connection_file=f"{folder}/k.json")
    weakref.finalize(manager, shutil.rmtree, folder, ignore_errors=True)
    if sys.platform == "linux":  # else by ports, and any connection made here can be given one before it is bound
        manager.transport, manager.ip = "ipc", f"{folder}/k"
    return manager


def start(preload: list[str] | None = None, *, stock: bool = False, **options: Any) -> Kernel:
    """Start a kernel by the warm provisioner, or as any Jupyter does if ``stock``."""
    manager = managed()
    if not stock:
        manager.provisioner = WarmProvisioner(
            kernel_id="", kernel_spec=manager.kernel_spec, parent=manager, **({"preload": preload} if preload else {})
        )
    env = dict(options.pop("env", os.environ))
    env.pop("PYTEST_CURRENT_TEST", None)  # makes ipykernel leave file descriptors alone
    manager.start_kernel(env=env, extra_arguments=["--HistoryManager.hist_file=:memory:"], **options)
    client = manager.client()
    client.start_channels()
    kernel = Kernel(manager, client)
    try:
        client.wait_for_ready(timeout=DEADLINE)
    except BaseException:
        kernel.close()
        raise
    return kernel


def running(pid: int) -> bool:
    """Whether there is such a process, a zombie not counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone(pid: int) -> Callable[[], bool]:
    """What to ask to see that a process has ended."""
    return lambda: not running(pid)


def zygotes() -> list[int]:
    """Process ids of this process's zygotes."""
    children = psutil.Process().children()
    return [each.pid for each in children if "workshop.kernels.zygote" in " ".join(_command_of(each))]


def _command_of(process: psutil.Process) -> list[str]:
    """The words of its command; a process that was started this moment has none yet."""
    with contextlib.suppress(psutil.NoSuchProcess):  # nor has one that ends between these two looks
        while running(process.pid):
            if words := process.cmdline():
                return list(words)
    return []


def zygote_of(process: WarmProcess | subprocess.Popen[bytes]) -> int:
    """Process id of the one that a kernel was forked from."""
    assert isinstance(process, WarmProcess)
    return psutil.Process(process.pid).ppid()


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true before the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def descriptors(pid: int) -> dict[int, str]:
    """Open file descriptors of a process, and what each is."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:
            continue
    return found
