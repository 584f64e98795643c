"""The kernel manager and client that notebooks are run with: no waiting for the clock, and no ports to race for."""

import os
import sys
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.paths import jupyter_path
from traitlets import Type

_SOCKET_PATH_LIMIT = 107  # bytes in a Unix socket's path on Linux: unix(7)
_START_LIMIT = 60.0  # seconds until a kernel answers
_LOOK = 1.0  # seconds between two looks whether a kernel that does not answer still lives


class Client(AsyncKernelClient):
    """Connects to a kernel."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers on both of its channels.

        The base class waits until nothing more comes for 0.2 s. Here the kernel's own "idle" after its answer
        says that nothing more is to come.

        Raises:
            RuntimeError: The kernel died, or did not answer within ``timeout`` seconds.
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
            while (await self.get_shell_msg(timeout=_LOOK))["parent_header"].get("msg_id") != request:
                continue
            while True:
                message = await self.get_iopub_msg(timeout=_LOOK)
                idle = message["content"].get("execution_state") == "idle"
                if idle and message["parent_header"].get("msg_id") == request:
                    return True
        except Empty:  # not up yet, or IOPub was connected too late
            return False


class Manager(AsyncKernelManager):
    """Remembers its clients: who ends a kernel closes what leads to it."""

    client_factory = Type(klass=Client)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clients: list[Any] = []

    def connect(self) -> Any:
        """Return a new client of the kernel, connected. It asks the manager whether the kernel lives: no heartbeat."""
        client = self.client()
        self.clients.append(client)
        client.start_channels(stdin=False, hb=False, control=False)
        return client

    async def start_connected(self, **kwargs: Any) -> None:
        """Start the kernel, wait until it answers, and have a client ready; raises RuntimeError if it does not."""
        await self.start_kernel(**kwargs)
        await self.connect().wait_for_ready(_START_LIMIT)


def make_manager(kernel_name: str, folder: Path) -> Manager:
    """Return the manager of a kernel yet to be started, on Linux reached over Unix sockets in ``folder``.

    Kernels are described in Jupyter's own folders. Left to itself, Jupyter would import IPython for the folder that
    they were described in before there was Jupyter.
    """
    address = folder / uuid.uuid4().hex[:8]
    has_room = len(os.fsencode(address)) + len("-5") <= _SOCKET_PATH_LIMIT
    sockets = {"transport": "ipc", "ip": str(address)} if sys.platform == "linux" and has_room else {}
    return Manager(
        kernel_name=kernel_name,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=jupyter_path("kernels")),
        connection_file=f"{address}.json",
        **sockets,
    )
