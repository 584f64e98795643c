"""The kernel manager and client that notebooks are run with: warm kernels, and no waiting for the clock.

papermill.execute_notebook(…, kernel_manager_class=WarmKernelManager)
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
import uuid
from functools import cache
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from traitlets import DottedObjectName, Type

from workshop.kernels.provisioner import WarmProvisioner

if sys.platform != "win32":
    import fcntl

_PREFIX = "warm-kernels-"
_LOCK = "lock"
_SOCKET_PATH_LIMIT = 107  # bytes in a Unix socket's path on Linux: unix(7)
_LOOK = 1.0  # seconds between two looks whether a kernel that does not answer still lives


class WarmKernelClient(AsyncKernelClient):
    """Connects to a kernel."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers on both of its channels.

        The base class waits until nothing more comes for 0.2 s. Here the kernel's own "idle" after its answer
        says that nothing more is to come.

        Args:
            timeout: seconds.

        Raises:
            RuntimeError: the kernel died, or did not answer in time.
        """
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while not await self._answers():
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _answers(self) -> bool:
        """Whether the kernel answers one request, and says on IOPub that it is done with it."""
        request = self.kernel_info()
        try:
            reply = await self._recv_reply(request, timeout=_LOOK)
            while True:
                message = await self.get_iopub_msg(timeout=_LOOK)
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == request:
                    self._handle_kernel_info_reply(reply)
                    return True
        except (Empty, TimeoutError):  # not up yet, or IOPub was connected too late
            return False


class WarmKernelManager(AsyncKernelManager):
    """Starts kernels of any name by the warm provisioner, unless their kernelspec names another.

    On Linux, kernels are reached over Unix sockets in a folder of this process: no ports to race for.
    """

    client_class = DottedObjectName("workshop.kernels.manager.WarmKernelClient", config=True)
    client_factory = Type(klass="workshop.kernels.manager.WarmKernelClient", config=True)

    async def start_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]  # wrapped there, so mypy sees less
        """Start a kernel; arguments as in the base class."""
        if self.provisioner is None and self.kernel_spec is not None:
            self.kernel_id = self.kernel_id or kwargs.pop("kernel_id", str(uuid.uuid4()))
            if not self.kernel_spec.metadata.get("kernel_provisioner"):
                self.provisioner = WarmProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
            self._prefer_unix_sockets()
        await super().start_kernel(**kwargs)

    def _prefer_unix_sockets(self) -> None:
        python = self.kernel_spec is not None and self.kernel_spec.language.lower() == "python"
        if sys.platform != "linux" or not python or self.connection_file:
            return  # other languages' kernels need not know this transport
        address = runtime_folder() / self.kernel_id[:8]
        if len(os.fsencode(address)) + len("-5") <= _SOCKET_PATH_LIMIT:
            self.transport = "ipc"
            self.ip = str(address)
            self.connection_file = f"{address}.json"


def runtime_folder() -> Path:
    """Return this process's folder for connection files and sockets, private to it.

    It is removed as the process exits. What processes that were killed have left is removed by the next to come.

    Raises:
        OSError: there is no place for it.
    """
    return _folder_of(os.getpid())


@cache
def _folder_of(pid: int) -> Path:
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _lock(folder / "locking", wait=True)  # and never unlock: the end of the process does
    (folder / "locking").rename(folder / _LOCK)  # only now, for a file by this name and not locked is a left one

    def remove() -> None:
        if os.getpid() == pid:  # not in a process forked from this one
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = _lock(folder / _LOCK, wait=False)
        except OSError:  # in use, another user's, or not yet locked
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(path: Path, *, wait: bool) -> int:
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if wait else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
