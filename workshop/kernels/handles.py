"""A zygote and the kernels forked from it as their owner sees them: started, asked, left to go."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from workshop.kernels.channel import Channel, ForkRequest
from workshop.kernels.preload import Report, stamps
from workshop.notebooks.secrets import is_secret_variable

START_TIMEOUT = 30.0  # seconds for the imports; two are usual, a cold disk or a busy machine take longer
FORK_TIMEOUT = 15.0  # seconds until a forked kernel listens; 0.05 is usual

# What the interpreter, the loader and the C library read as a process starts.
_START_VARIABLES = ("PYTHON", "LD_", "GLIBC_", "MALLOC_", "LC_", "LANG", "OPENSSL_")
_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path.insert(0, sys.argv[1]); from workshop.kernels.zygote import main; main()"


class WarmStartError(RuntimeError):
    """No warm kernel can be had for this launch; a normal one can."""


class ZygoteGoneError(WarmStartError):
    """The zygote that was asked has ended; another may answer."""


class Zygote:
    """Starts a zygote process and is the handle of it.

    Args:
        interpreter: the Python command with its options, such as ``("/usr/bin/python3", "-X", "utf8")``.
        modules: names to import beforehand, besides ipykernel and IPython.
        env: the environment the imports see, less the secrets in it: kernels with others are forked from here too.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self, interpreter: tuple[str, ...], modules: tuple[str, ...], env: Mapping[str, str]) -> None:
        self.recipe = (interpreter, modules)
        self._env = {name: value for name, value in env.items() if not is_secret_variable(name, value)}
        self._report: Report | None = None
        self._report_lock = threading.Lock()
        self._retired = False
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read if there is no report
        ours, theirs = socket.socketpair()
        self._control = Channel(ours)
        with theirs:
            start = [_START, _ROOT, str(theirs.fileno()), str(os.getpid()), json.dumps(modules)]
            self._process = subprocess.Popen(
                [*interpreter, "-c", *start],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env=self._env,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    def report(self) -> Report:
        """What the zygote imported; waits for it.

        Raises:
            WarmStartError: it failed, or cannot safely fork.
        """
        with self._report_lock:
            if self._report is None:
                with self._log:
                    self._report = self._receive_report()
            return self._report

    def _receive_report(self) -> Report:
        try:
            message = self._control.receive(START_TIMEOUT)
        except TimeoutError as slow:
            self._process.kill()
            raise WarmStartError(f"the imports took more than {START_TIMEOUT:.0f} s") from slow
        if message is None:
            self._process.kill()  # ended already, or of no use
            raise WarmStartError(f"the warm process ended with {self._process.wait()}: {self._last_words()}")
        report = cast(Report, message)
        if report["problem"]:
            raise WarmStartError(report["problem"])
        if "ipykernel.kernelapp" in report["skipped"]:
            raise WarmStartError(report["skipped"]["ipykernel.kernelapp"])
        return report

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def serves(self) -> bool:
        """Whether kernels can still be asked for."""
        return self.runs() and not self._retired

    def runs(self) -> bool:
        """Whether the process runs. Also reaps it when it has ended."""
        return self._process.poll() is None

    def up_to_date(self) -> bool:
        """Whether what was imported is still what is on disk."""
        files = self.report()["files"]
        return stamps(files) == files

    def differs(self, env: Mapping[str, str]) -> list[str]:
        """Names of the variables that the imports depend on and that have another value in ``env``."""
        names = set(self.report()["environ"])
        names.update(name for name in {*env, *self._env} if name.startswith(_START_VARIABLES))
        return sorted(name for name in names if env.get(name) != self._env.get(name))

    def fork(self, request: ForkRequest, stdio: list[int]) -> WarmProcess:
        """Fork a kernel and wait until it listens.

        Args:
            request: what the kernel is to be.
            stdio: descriptors for its standard input, output and error; the caller still closes them.

        Raises:
            ZygoteGoneError: the zygote has ended.
            WarmStartError: the fork failed, or the kernel did not come to listen.
        """
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        try:
            with theirs:
                self._control.send_descriptors([theirs.fileno(), *stdio], FORK_TIMEOUT)
            channel.send({**request}, FORK_TIMEOUT)
            answer = channel.receive(FORK_TIMEOUT)
        except TimeoutError as slow:
            channel.close()  # makes the zygote kill what it may have forked
            self.retire()
            raise WarmStartError(f"the kernel did not listen within {FORK_TIMEOUT:.0f} s") from slow
        except OSError:
            answer = None
        if answer is not None and "pid" in answer:
            return WarmProcess(int(answer["pid"]), channel)
        channel.close()
        if answer is None:
            self.retire()
            raise ZygoteGoneError("the warm process has ended")
        raise WarmStartError(f"the kernel did not start: {answer}")

    def retire(self) -> None:
        """Let the zygote end, as soon as it has no kernels."""
        self._retired = True
        self._control.close()
        self._log.close()


class WarmProcess:
    """A kernel process that is not a child of this one; its exit status comes from the zygote.

    Args:
        pid: its process id, which is also its session and process group.
        channel: where the zygote tells the exit status. Closed, it makes the zygote kill the kernel: so a kernel
            whose handle is dropped does not outlive it.
    """

    stdin = stdout = stderr = None  # LocalProvisioner closes what pipes there are

    def __init__(self, pid: int, channel: Channel) -> None:
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
