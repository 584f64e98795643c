"""A forked kernel as its owner sees it: the part of ``subprocess.Popen`` that LocalProvisioner uses."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

from workshop.kernels.wire import Wire


class WarmProcess:
    """A kernel process that is not a child of this one; its exit status comes from the zygote.

    Args:
        pid: its process id, which is also its session and process group.
        channel: where the zygote tells the exit status. Closed, it makes the zygote kill the kernel: so a kernel
            whose handle is dropped does not outlive it.
    """

    stdin = stdout = stderr = None  # LocalProvisioner closes what pipes there are

    def __init__(self, pid: int, channel: Wire) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._channel = channel
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._channel.close()

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or ``None`` while the kernel runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Args:
            timeout: seconds.

        Returns:
            The exit status.

        Raises:
            TimeoutError: the kernel still runs.
        """
        status = self._look(timeout)
        if status is None:
            raise TimeoutError(f"kernel {self.pid} still runs after {timeout} s")
        return status

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel alone, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                try:
                    message = self._channel.receive(timeout)
                except TimeoutError:
                    return None
                self.returncode = self._lost() if message is None else int(message["status"])
                self._channel.close()
            return self.returncode

    def _lost(self) -> int:
        """The zygote is gone, and with it the exit status: make true what is then said."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return -signal.SIGKILL
