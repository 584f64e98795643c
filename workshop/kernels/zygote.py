"""The zygote: a process that imports what kernels need and then forks one for each request.

It runs one thread, holds no socket but its own, and lives only as long as the process that started it
(its owner) or, once the owner has retired it, as long as its last kernel.

Over the control socket the owner passes descriptors: a channel for the new kernel, and its standard streams.
The kernel reads its request from the channel itself, so that nothing of it (an environment can hold secrets)
stays behind for the next kernel to inherit. Over the same channel the owner learns the exit status; closing
its end is how the owner, alive or dead, gives a kernel up.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass

from workshop.kernels import preload
from workshop.kernels.channel import Channel
from workshop.kernels.imports import collector_off

OWNER_CHECK_MS = 1000


@dataclass(frozen=True)
class Fork:
    """What a kernel is forked with: its channel to the owner, and descriptors for its standard streams."""

    channel: Channel
    stdio: list[int]


class ForkServer:
    """Forks kernels, waits for them, and tells how each ended.

    Args:
        control: where the owner passes a new kernel's descriptors.
        owner: process id of the owner.
    """

    def __init__(self, control: Channel, owner: int) -> None:
        self._control: Channel | None = control
        self._owner = owner
        self._kernels: dict[int, Channel] = {}
        self._poll = select.poll()
        self._poll.register(control.fileno(), select.POLLIN)
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._poll.register(self._woken.fileno(), select.POLLIN)

    def serve(self) -> Fork | None:
        """Fork on request until the owner needs no more.

        Returns:
            In a forked kernel, what it is forked with; in the zygote, ``None`` when its work is over.
        """
        self._handle_signals()
        while self._control or self._kernels:
            for fd, _event in self._poll.poll(OWNER_CHECK_MS):
                if self._control and fd == self._control.fileno():
                    fork = self._accept(self._control)
                    if fork:
                        return fork
                elif fd == self._woken.fileno():
                    self._woken.recv(4096)
                else:
                    self._give_up(fd)
            self._reap()
            if os.getppid() != self._owner:  # its end of our sockets may live on in a process it forked
                self._abandon()
        return None

    def _handle_signals(self) -> None:
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # its byte ends the poll
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _accept(self, control: Channel) -> Fork | None:
        descriptors = control.receive_descriptors(most=4)
        if not descriptors:
            self._retire(control)
            return None
        channel, stdio = Channel(socket.socket(fileno=descriptors[0])), descriptors[1:]
        try:
            problem = preload.unsafe_to_fork()
            pid = os.fork() if problem is None else -1
        except OSError as error:
            problem, pid = f"fork failed: {error}", -1
        if pid == 0:
            self._forget()
            return Fork(channel, stdio)
        for fd in stdio:
            os.close(fd)
        if problem is None:
            self._kernels[pid] = channel
            self._poll.register(channel.fileno(), 0)  # hang-up only: what it carries is for the kernel
        else:
            _report(channel, {"error": problem})
        return None

    def _retire(self, control: Channel) -> None:
        self._poll.unregister(control.fileno())
        control.close()
        self._control = None

    def _give_up(self, fd: int) -> None:
        """Kill the kernel whose owner has closed its channel."""
        self._poll.unregister(fd)
        for pid, channel in self._kernels.items():
            if channel.fileno() == fd:
                _kill(pid)

    def _abandon(self) -> None:
        for pid in self._kernels:
            _kill(pid)
        os._exit(1)

    def _reap(self) -> None:
        for pid in list(self._kernels):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                channel = self._kernels.pop(pid)
                with contextlib.suppress(KeyError):  # given up before
                    self._poll.unregister(channel.fileno())
                _report(channel, {"status": os.waitstatus_to_exitcode(status)})

    def _forget(self) -> None:
        """In a forked kernel: drop what is the zygote's alone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (self._control, self._wake, self._woken, *self._kernels.values()):
            if end:
                end.close()


def _kill(pid: int) -> None:
    """Kill a kernel with its process group; alone if it has none of its own yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # ours and not reaped: it exists


def _report(channel: Channel, message: dict[str, int | str]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        channel.send(message)
    channel.close()


def _restore_import_path() -> None:
    """Drop the two entries that only served to start this process; a kernel has neither at this point."""
    del sys.path[0]  # the folder of this package
    if not sys.flags.safe_path and sys.path[0] == "":
        del sys.path[0]


def main() -> None:
    """Entry point; arguments: this package's folder, control descriptor, owner's process id, modules as JSON."""
    _root, control_fd, owner, modules = sys.argv[1:]
    control = Channel(socket.socket(fileno=int(control_fd)))
    _restore_import_path()
    with collector_off():  # a kernel's would write to, and so copy, what it inherits: 18 MB for one full collection
        report, imposed = preload.preload(json.loads(modules))
    control.send({**report})
    fork = ForkServer(control, int(owner)).serve()
    if fork is None:
        os._exit(0)  # nothing of the preloaded modules is this process's to wind up
    from workshop.kernels.kernel import become_kernel  # which the zygote has imported after all it depends on

    become_kernel(fork.channel, fork.stdio, report["modules"], imposed)
