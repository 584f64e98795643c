"""Looks after the inside of a machine: passes signals on to it, and leaves no process of it behind."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_FORWARDED = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM}
)
_WATCHED = _FORWARDED | {signal.SIGCHLD}
_SENT_BY_PROCESS = 0  # si_code of a signal from a process is at most this; the terminal's own come from the kernel
_GRACE = 2.0  # seconds that a program gets between being asked to end and being ended


def hold_signals() -> None:
    """Keep signals waiting until ``look_after`` looks at them; threads that are started from here on do the same."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)


def look_after(child: int, *, insist: bool) -> int:
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
            end_descendants()
            return 128 + signal.SIGTERM
        if event.si_signo == signal.SIGCHLD:
            status = _reap(child)
        elif event.si_code <= _SENT_BY_PROCESS:
            os.kill(child, event.si_signo)
            if insist and event.si_signo == signal.SIGTERM and deadline is None:
                deadline = time.monotonic() + _GRACE
    end_descendants()
    return status


def end_descendants() -> None:
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
