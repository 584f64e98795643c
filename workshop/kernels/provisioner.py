"""The Jupyter kernel provisioner that launches kernels by forking a zygote."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import List, Unicode

from workshop.kernels.pool import WarmProcess, pool
from workshop.kernels.preload import NOTEBOOK_MODULES
from workshop.kernels.request import WarmStartError, interpreter_of, request_of

# Seconds for which a kernel's end is looked for closely; after that, as often as its manager looks.
_IDLE_PROMPT = 0.3
_BUSY_PROMPT = 1.0
_STEP = 0.005


class WarmProvisioner(LocalProvisioner):
    """Launches an IPython kernel as a fork of a process that has its imports done, or else as usual.

    Polling, waiting, signals, ports and clean-up are LocalProvisioner's: a forked kernel has a session and a
    process group of its own too, and ``process`` is then a ``WarmProcess`` in place of a ``Popen``.
    """

    preload = List(
        Unicode(),
        default_value=list(NOTEBOOK_MODULES),
        config=True,
        help="Modules to import before kernels are forked. Those that are not installed are passed over.",
    )

    _interrupt_held_back = False

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel as LocalProvisioner does; normally, too, where a fork cannot honour what is asked for.

        A forked one listens already.
        """
        try:
            process = await asyncio.to_thread(self._fork, cmd, kwargs)
        except WarmStartError as reason:
            self.log.info("Starting a normal kernel, for no warm one is to be had: %s", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process  # type: ignore[assignment]  # it does what is asked of a Popen here
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    def _fork(self, cmd: list[str], options: dict[str, Any]) -> WarmProcess:
        request = request_of(cmd, options)
        reader, writer = os.pipe()  # as in a normal launch, its standard input is a pipe that nobody writes to
        os.close(writer)
        try:
            return pool.fork((interpreter_of(request["argv"]), tuple(self.preload)), request, [reader, 1, 2])
        finally:
            os.close(reader)

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group.

        A manager interrupts before it asks a kernel to shut down. An idle kernel needs no interrupt, and one that
        has replied but not yet returned from its handler is broken by it (ipython/ipykernel#666): so the
        interrupt comes after the request, for those that are still there.
        """
        if signum == signal.SIGINT and getattr(self.parent, "shutting_down", False):
            self._interrupt_held_back = True
        else:
            await super().send_signal(signum)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Stay until the kernel has followed a request to shut down, if it does so promptly."""
        if not await self._ends_within(_IDLE_PROMPT) and self._interrupt_held_back:
            await super().send_signal(signal.SIGINT)
            await self._ends_within(_BUSY_PROMPT)
        self._interrupt_held_back = False

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel's process group."""
        self._interrupt_held_back = False
        await super().kill(restart)
        await self._ends_within(_BUSY_PROMPT)

    async def _ends_within(self, seconds: float) -> bool:
        """Look closely: a manager looks each 0.1 s, at first when it is too early, and then late."""
        deadline = time.monotonic() + seconds
        while await self.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_STEP)
        return True
