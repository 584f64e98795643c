"""Runs a command inside a machine: the side that stays on the host."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.guest import inside as within
from sandbox.guest import processes, syscalls
from sandbox.guest.refusals import not_permitted
from sandbox.guest.relay import Locate, Relay

_LONGEST = 4096  # bytes of a message from inside


def run_inside(inside: within.Inside, locate: Locate, *, insist: bool = False) -> int:
    """Run a command inside a machine to its end; return its exit status.

    The process must have no other thread yet: it forks, and its signals are held from here on.

    Raises:
        NotPermittedError: The system does not let this user make namespaces.
    """
    processes.hold_signals()
    syscalls.adopt_orphans()
    here, there = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        here.close()
        within.become(inside, there, parent)
    there.close()
    with here:
        metadata, azure = _receive(here, child)
        with metadata, azure, _carrying(Relay(metadata, azure, locate)):
            here.send(b"\n")
            return processes.look_after(child, insist=insist)


def _receive(here: socket.socket, child: int) -> tuple[socket.socket, socket.socket]:
    message, descriptors, _, _ = socket.recv_fds(here, _LONGEST, 2)
    if message == within.READY:
        metadata, azure = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        return metadata, azure
    processes.end_descendants()
    if not message:
        raise ChildProcessError(f"The process {child} that was to become the inside of the machine ended at once.")
    failure = json.loads(message)
    raise not_permitted(failure["errno"], failure["step"])


@contextmanager
def _carrying(relay: Relay) -> Iterator[None]:
    """Run the relay in a thread of its own, since this one waits for signals."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(relay.run())
    thread = threading.Thread(target=_run, args=(loop, task), name="relay")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            runner.run(_finish(task))
        except asyncio.CancelledError:
            return


async def _finish(task: asyncio.Task[None]) -> None:
    await task
