"""Ends a notebook from outside: when it takes too long, or when its run is cancelled."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workshop.words import quantity

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager


class Deadline:
    """Kills the kernels of notebooks that run one after the other, each of which may take so many seconds, if any.

    Usable from any thread.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._manager: KernelManager | None = None
        self.reason = ""  # why the latest notebook was ended; empty if it was not
        self.cancelled = False  # whether no more notebooks may run

    @contextmanager
    def notebook(self) -> Iterator[None]:
        """Watch over one notebook, run in the body."""
        seconds = self.seconds or 0.0
        timer = threading.Timer(seconds, self._end, [f"It took longer than {quantity(seconds, 'second')}."])
        timer.daemon = True
        with self._lock:
            self.reason = self.reason if self.cancelled else ""
        if self.seconds is not None:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._manager = None

    def watch(self, manager: KernelManager) -> None:
        """Take the notebook's kernel, which has been started."""
        with self._lock:
            self._manager = manager
            if self.reason:
                _kill(manager)

    def cancel(self, reason: str) -> None:
        """End the notebook that runs, and each that is begun later; the reason is a sentence."""
        self.cancelled = True
        self._end(reason)

    def _end(self, reason: str) -> None:
        with self._lock:
            self.reason = self.reason or reason
            if self._manager is not None:
                _kill(self._manager)


def _kill(manager: KernelManager) -> None:
    """Kill a kernel, and where there are process groups also what it has started."""
    process = getattr(manager.provisioner, "process", None)
    if process is None or process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
