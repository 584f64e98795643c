"""An event loop beside a test, for a server that the test talks to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager


@contextmanager
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own.

    What is still at work in it at the end, such as a connection that was just closed, is cancelled: left as it is, it
    would be an error in the log of whichever test runs when the collector comes to it.
    """
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        running.set_result((asyncio.get_running_loop(), stopped))
        await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(until_stopped()), daemon=True)
    thread.start()
    loop, stopped = running.result(300)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(300)
