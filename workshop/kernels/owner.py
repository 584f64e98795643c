"""A zygote process as its owner sees it: started, asked to fork, left to go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

from workshop.kernels.kernel import Request
from workshop.kernels.preload import Report, stamps
from workshop.kernels.process import WarmProcess
from workshop.kernels.wire import Wire

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
        env: the environment the imports see.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self, interpreter: tuple[str, ...], modules: tuple[str, ...], env: Mapping[str, str]) -> None:
        self.recipe = (interpreter, modules)
        self._env = dict(env)
        self._report: Report | None = None
        self._report_lock = threading.Lock()
        self._retired = False
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read if there is no report
        ours, theirs = socket.socketpair()
        self._control = Wire(ours)
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

    def fork(self, request: Request, stdio: list[int]) -> WarmProcess:
        """Fork a kernel and wait until it listens.

        Args:
            request: what the kernel is to be.
            stdio: descriptors for its standard input, output and error; the caller still closes them.

        Raises:
            ZygoteGoneError: the zygote has ended.
            WarmStartError: the fork failed, or the kernel did not come to listen.
        """
        ours, theirs = socket.socketpair()
        channel = Wire(ours)
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
