"""The zygotes of this process as it sees them, and the kernels forked from them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, TypeAlias

from workshop.kernels.preload import read_by_imports
from workshop.kernels.request import ForkRequest, WarmStartError
from workshop.notebooks.secrets import is_secret_variable

START_TIMEOUT = 30.0  # seconds for the imports; two are usual, a cold disk or a busy machine take longer
FORK_TIMEOUT = 15.0  # seconds until a forked kernel listens; 0.05 is usual
MOST_ZYGOTES = 3  # for one recipe, each for another environment

_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path.insert(0, sys.argv[1]); from workshop.kernels.zygote import main; main()"

Recipe: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # the interpreter's command, and the modules to import
_Key: TypeAlias = tuple[Recipe, frozenset[tuple[str, str]]]


class ZygoteGoneError(WarmStartError):
    """The zygote that was asked has ended, or has imported what is out of date; another may answer."""


class WarmProcess:
    """A kernel process that is not a child of this one; its exit status comes from the zygote.

    Its process id is also its session and process group. A kernel whose handle is dropped does not outlive it.
    """

    stdin = stdout = stderr = None  # LocalProvisioner closes what pipes there are

    def __init__(self, pid: int, zygote: Connection) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._zygote = zygote
        self._lock = threading.Lock()
        weakref.finalize(self, _let_go, pid, zygote, os.getpid())

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or ``None`` while the kernel runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status; raises TimeoutError if it runs for longer."""
        status = self._look(timeout)
        if status is None:
            raise TimeoutError(f"kernel {self.pid} still runs after {timeout} s")
        return status

    def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel alone, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended, and its zygote not yet said so
                os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and self._zygote.poll(timeout):
                try:
                    self.returncode = int(self._zygote.recv()[1])
                except (EOFError, OSError):  # the zygote is gone, and with it the exit status:
                    _kill_group(self.pid)  # make true what is then said
                    self.returncode = -signal.SIGKILL
            return self.returncode


def _let_go(pid: int, zygote: Connection, owner: int) -> None:
    """Kill a kernel that nobody has a handle of any more, unless it has ended or is that of who forked this process."""
    if os.getpid() == owner and not zygote.poll():
        _kill_group(pid)
    zygote.close()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Zygote:
    """Starts a zygote process and is the handle of it; raises OSError if it cannot be started.

    Its imports see the environment without the secrets in it: kernels that have others are forked from here, too.
    """

    def __init__(self, recipe: Recipe, env: Mapping[str, str]) -> None:
        interpreter, modules = recipe
        self.failure = ""
        self._has_answered = self._is_retired = False
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process runs
        self._control, theirs = socket.socketpair()
        with theirs:
            start = [_START, _ROOT, str(theirs.fileno()), str(os.getpid()), json.dumps(modules)]
            self._process = subprocess.Popen(
                [*interpreter, "-c", *start],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={name: value for name, value in env.items() if not is_secret_variable(name, value)},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def runs(self) -> bool:
        """Return whether the process runs. Also reaps it when it has ended."""
        return self._process.poll() is None

    def serves(self) -> bool:
        """Return whether kernels can still be asked for."""
        return self.runs() and not self._is_retired

    def fork(self, request: ForkRequest, stdio: list[int]) -> WarmProcess:
        """Fork a kernel and wait until it listens.

        Raises ZygoteGoneError if the zygote has ended or is out of date, and WarmStartError if the fork fails.
        """
        ours, theirs = Pipe()
        what, value = self._ask(ours, theirs, request, stdio)
        if what == "ready":
            return WarmProcess(value, ours)
        ours.close()
        if what == "stale":
            self.retire()
            raise ZygoteGoneError("its imports are out of date")
        raise WarmStartError(f"the kernel was not started: {what}, {value}")

    def _ask(self, ours: Connection, theirs: Connection, request: ForkRequest, stdio: list[int]) -> tuple[str, Any]:
        limit = FORK_TIMEOUT if self._has_answered else START_TIMEOUT
        try:
            with theirs:
                socket.send_fds(self._control, [b"+"], [theirs.fileno(), *stdio])
            with contextlib.suppress(BrokenPipeError):  # where it has refused by now: its answer says why
                ours.send(request)
            if not ours.poll(limit):
                raise self._given_up(ours, f"nothing within {limit:.0f} s")
            answer: tuple[str, Any] = ours.recv()
        except (EOFError, OSError) as error:
            if self._has_answered:
                self.retire()
                raise ZygoteGoneError("the warm process has ended") from error
            raise self._given_up(ours, f"it ended with {self._end()}: {self._last_words()}") from error
        self._has_answered = True
        return answer

    def _given_up(self, ours: Connection, reason: str) -> WarmStartError:
        """One that has never answered is remembered as such, and not tried again."""
        ours.close()
        self.retire()
        if not self._has_answered:
            self.failure = reason
        return WarmStartError(reason)

    def _end(self) -> int:
        self._process.kill()  # ended already, or of no use
        return self._process.wait()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def retire(self) -> None:
        """Let the zygote end, as soon as it has no kernels; kill it if it has never forked one."""
        self._is_retired = True
        self._control.close()
        self._log.close()
        if not self._has_answered:
            self._process.kill()


class Pool:
    """Starts zygotes on first use, replaces those that ended or are out of date, and remembers failures.

    Usable from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zygotes: dict[_Key, Zygote] = {}
        self._leaving: list[Zygote] = []  # kept until they can be reaped

    def warm_up(self, recipe: Recipe, env: Mapping[str, str]) -> None:
        """Start a zygote unless there is one, without waiting for its imports; raises WarmStartError if it cannot."""
        self._fitting(recipe, env)

    def fork(self, recipe: Recipe, request: ForkRequest, stdio: list[int]) -> WarmProcess:
        """Fork a kernel from a zygote that fits, started if need be; the caller still closes the ``stdio``.

        Raises WarmStartError where a normal kernel is to be started instead.
        """
        try:
            return self._fitting(recipe, request["env"]).fork(request, stdio)
        except ZygoteGoneError:
            return self._fitting(recipe, request["env"]).fork(request, stdio)

    def close(self) -> None:
        """Retire all zygotes and forget failures."""
        with self._lock:
            for zygote in self._zygotes.values():
                zygote.retire()
            self._leaving += self._zygotes.values()
            self._zygotes.clear()

    def start_over(self) -> None:
        """After a fork of this process: its zygotes serve the parent, not the child."""
        self._lock = threading.Lock()
        self._leaving += self._zygotes.values()  # kept: to drop a handle would be to warn of a process that runs
        self._zygotes = {}

    def _fitting(self, recipe: Recipe, env: Mapping[str, str]) -> Zygote:
        if sys.platform != "linux" or not hasattr(os, "fork"):
            raise WarmStartError("kernels are forked on Linux only")
        key = recipe, frozenset(read_by_imports(env).items())
        with self._lock:
            zygote = self._zygotes.get(key)
            if zygote is not None and zygote.failure:
                raise WarmStartError(zygote.failure)
            if zygote is not None and not zygote.serves():
                zygote.retire()
                self._leaving.append(self._zygotes.pop(key))
                zygote = None
            self._leaving = [each for each in self._leaving if each.runs()]
            return zygote or self._start(key, env)

    def _start(self, key: _Key, env: Mapping[str, str]) -> Zygote:
        if sum(recipe == key[0] for recipe, _ in self._zygotes) >= MOST_ZYGOTES:
            raise WarmStartError("there are enough of them, each for another environment")
        try:
            self._zygotes[key] = Zygote(key[0], env)
        except OSError as error:
            raise WarmStartError(str(error)) from error
        return self._zygotes[key]


pool = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.start_over)
