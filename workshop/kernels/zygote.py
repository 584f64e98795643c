"""The zygote: a process that imports what kernels need and then forks one for each request.

It runs one thread, holds no socket but its own, and lives only as long as the process that started it
(its owner) or, once the owner has retired it, as long as its last kernel.

Over the control socket the owner passes descriptors: a connection for the new kernel, and its standard streams.
The kernel reads its request from the connection itself, so that nothing of it (an environment can hold secrets)
stays behind for the next kernel to inherit. Over the same connection the owner learns the exit status.
"""

import atexit
import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from workshop.kernels.preload import preload

_OWNER_CHECK = 1.0  # seconds


@dataclass(frozen=True)
class Fork:
    """What a kernel is forked with: its connection to the owner, and descriptors for its standard streams."""

    owner: Connection
    stdio: list[int]


class ForkServer:
    """Forks kernels, whose descriptors the owner passes over ``control``, waits for them, and tells how each ended."""

    def __init__(self, control: socket.socket, owner: int) -> None:
        self._control: socket.socket | None = control
        self._owner = owner
        self._kernels: dict[int, Connection] = {}
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)

    def serve(self) -> Fork | None:
        """Fork on request until the owner needs no more.

        It returns in each forked kernel, with what that is forked with; and in the zygote, with None, when its work is
        over.
        """
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # its byte ends the wait
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while self._control or self._kernels:
            sources = [self._woken, *([self._control] if self._control else [])]
            ready, _, _ = select.select(sources, [], [], _OWNER_CHECK)
            if self._woken in ready:
                self._woken.recv(4096)
            if self._control in ready:
                fork = self._accept(self._control)
                if fork:
                    return fork
            self._reap()
            if os.getppid() != self._owner:  # its end of our sockets may live on in a process it forked
                self._abandon()
        return None

    def _accept(self, control: socket.socket) -> Fork | None:
        byte, descriptors, _, _ = socket.recv_fds(control, 1, 4)
        if not byte:
            self._control = None
            control.close()
            return None
        owner, *stdio = descriptors
        fork = Fork(Connection(owner), stdio)
        try:
            problem = unsafe_to_fork()
            pid = os.fork() if problem is None else -1
        except OSError as error:
            problem, pid = f"fork failed: {error}", -1
        if pid == 0:
            self._forget()
            return fork
        for fd in stdio:
            os.close(fd)
        if problem is None:
            self._kernels[pid] = fork.owner
        else:
            _report(fork.owner, "refused", problem)
        return None

    def _abandon(self) -> None:
        for pid in self._kernels:
            _kill(pid)
        os._exit(1)

    def _reap(self) -> None:
        for pid in list(self._kernels):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _report(self._kernels.pop(pid), "ended", os.waitstatus_to_exitcode(status))

    def _forget(self) -> None:
        """In a forked kernel: drop what is the zygote's alone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (self._control, self._wake, self._woken, *self._kernels.values()):
            if end:
                end.close()


def unsafe_to_fork() -> str | None:
    """Return why a fork of this process would not be whole: another thread would be missing, a lock of its held."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    return None if threads == 1 else f"the process has {threads} threads"


def _kill(pid: int) -> None:
    """Kill a kernel with its process group; alone if it has none of its own yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # ours and not reaped: it exists


def _report(owner: Connection, what: str, value: Any) -> None:
    with owner, contextlib.suppress(OSError):  # nobody listens any more
        owner.send((what, value))


def _restore_import_path() -> None:
    """Drop the two entries that only served to start this process; a kernel has neither at this point."""
    del sys.path[0]  # the folder of this package
    if not sys.flags.safe_path and sys.path[0] == "":
        del sys.path[0]


class _LastExitFunction:
    """Ends a kernel once all else is done that Python does at its end, but for the clearing of every module.

    That would write to, and so copy, all the memory shared with the zygote, and wait for sockets that nobody reads.
    """

    def __init__(self) -> None:
        self.status = 1
        atexit.register(self._end)  # before any import: what is registered first is called last

    def _end(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        ctypes.CDLL(None).fflush(None)  # what libraries in C have written
        os._exit(self.status)


def main() -> None:
    """Entry point; arguments: this package's folder, control descriptor, owner's process id, modules as JSON."""
    end = _LastExitFunction()
    _root, control, owner, modules = sys.argv[1:]
    _restore_import_path()
    gc.disable()  # this and what follows of it is Python's own advice for sharing memory with what is forked
    preloaded = preload(json.loads(modules))
    gc.freeze()
    fork = ForkServer(socket.socket(fileno=int(control)), int(owner)).serve()
    if fork is None:
        os._exit(0)  # nothing of the preloaded modules is this process's to wind up
    gc.enable()
    from workshop.kernels.kernel import become_kernel  # which the zygote has imported after all it depends on

    try:
        become_kernel(fork.owner, fork.stdio, preloaded)
        end.status = 0
    except SystemExit as leaving:
        end.status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        raise
