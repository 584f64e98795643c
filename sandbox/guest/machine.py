"""Runs a command inside a machine: the side that stays on the host.

It carries connections, passes signals on and leaves no process behind; where the system does not let a user make
namespaces it says why, and what would change that.
"""

import asyncio
import errno
import json
import os
import signal
import socket
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from sandbox.guest import syscalls
from sandbox.guest.inside import READY, Inside, become
from sandbox.guest.relay import Locate, Relay

_LONGEST = 4096  # bytes of a message from inside

_FORWARDED = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM}
)
_WATCHED = _FORWARDED | {signal.SIGCHLD}
_SENT_BY_PROCESS = 0  # si_code of a signal from a process is at most this; the terminal's own come from the kernel
_GRACE = 2.0  # seconds that a program gets between being asked to end and being ended

_SETTINGS = Path("/proc/sys")
_SWITCHES = (
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/unprivileged_userns_clone", "0", "1"),  # Debian's and Arch's own
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu 23.10 and newer
)


def run_inside(inside: Inside, locate: Locate, *, insist: bool = False) -> int:
    """Run a command inside a machine to its end; return its exit status. Raises PermissionError.

    The process must have no other thread yet: it forks, and its signals are held from here on.
    """
    # They wait until ``_look_after`` looks at them: threads that are started from here on hold them as well.
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    syscalls.adopt_orphans()
    here, there = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        here.close()
        become(inside, there, parent)
    there.close()
    with here:
        metadata, azure = _receive(here, child)
        with metadata, azure:
            here.send(b"\n")
            return asyncio.run(_accompany(child, Relay(metadata, azure, locate), insist=insist))


def _receive(here: socket.socket, child: int) -> tuple[socket.socket, socket.socket]:
    message, descriptors, _, _ = socket.recv_fds(here, _LONGEST, 2)
    if message == READY:
        metadata, azure = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        return metadata, azure
    _end_descendants()
    if not message:
        raise ChildProcessError(f"The process {child} that was to become the inside of the machine ended at once.")
    failure = json.loads(message)
    raise not_permitted(failure["errno"], failure["step"])


async def _accompany(child: int, relay: Relay, *, insist: bool) -> int:
    """Carry connections until the process ``child`` has ended; a thread waits for that, and for signals."""
    carrying = asyncio.create_task(relay.run())
    try:
        return await asyncio.to_thread(_look_after, child, insist=insist)
    finally:
        carrying.cancel()


# --- processes --------------------------------------------------------------------------------------------------------


def _look_after(child: int, *, insist: bool) -> int:
    """Wait for the process ``child`` to end; return its exit status, 128 and the number for one that a signal ended.

    Signals sent to this process go on to the child. Those of the terminal do not: they reach the child by themselves.
    With ``insist`` SIGTERM ends the child and all it has started, after a moment to end by themselves. On return no
    descendant of this process is left.
    """
    deadline: float | None = None
    status = None
    while status is None:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        event = signal.sigwaitinfo(_WATCHED) if left is None else signal.sigtimedwait(_WATCHED, left)
        if event is None:
            _end_descendants()
            return 128 + signal.SIGTERM
        if event.si_signo == signal.SIGCHLD:
            status = _reap(child)
        elif event.si_code <= _SENT_BY_PROCESS:
            os.kill(child, event.si_signo)
            if insist and event.si_signo == signal.SIGTERM and deadline is None:
                deadline = time.monotonic() + _GRACE
    _end_descendants()
    return status


def _end_descendants() -> None:
    """End every process that descends from this one, which adopts orphans."""
    while True:
        for process in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _reap(child: int) -> int | None:
    """Collect all that have ended; return the exit status of ``child`` if it is among them."""
    found = None
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if process == 0:
            return found
        if process == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


def _descendants(ancestor: int) -> list[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                # the name in parentheses may hold anything; after it come the state and the parent's id
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
                children[parent].append(int(entry.name))
    found: list[int] = []
    left = [ancestor]
    while left:
        below = children[left.pop()]
        found += below
        left += below
    return found


# --- permissions ------------------------------------------------------------------------------------------------------


def not_permitted(number: int, step: str, settings: Path = _SETTINGS) -> PermissionError:
    """Return what says why ``step`` failed with the error ``number``, by what the kernel's ``settings`` say."""
    return PermissionError(
        "The inside of a machine is made of Linux namespaces, which this system does not let "
        f"{'you' if os.geteuid() else 'root'} make: to {step} failed with '{os.strerror(number)}'"
        f"{_remedy(number, settings)} Everything else of the sandbox works without."
    )


def _remedy(number: int, settings: Path) -> str:
    for name, refused, allowed in _SWITCHES:
        file = settings / name
        if file.exists() and file.read_text().strip() == refused:
            setting = name.replace("/", ".")
            return f", since {setting} is {refused}. An administrator allows it: sysctl -w {setting}={allowed}"
    if number in (errno.ENOSYS, errno.EINVAL):
        return ", since the kernel was built without them."
    if number == errno.ENOSPC:
        return ", since there are as many as user.max_user_namespaces allows."
    return (
        ". In a container its security profile forbids it: start the container with "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
