"""Being the sandbox, in the process that the command ``serve`` runs in."""

import asyncio
import errno
import gc
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from filelock import FileLock, Timeout

from sandbox.core.files import write_private
from sandbox.process.background import ALREADY_RUNNING, READY
from sandbox.process.environment import client_variables
from sandbox.process.log_file import LogFile
from sandbox.process.operator_client import OperatorClient
from sandbox.state.state_directory import Runtime, Settings, StateDirectory, StateError, read_runtime

_LOCK_LIMIT = 1.0  # seconds that the lock of a process that was killed may take to be free
_AUTHORITIES = "SSL_CERT_FILE"


def serve(state: StateDirectory, settings: Settings, port: int) -> int:
    """Be the sandbox until told to stop; print one line on standard output when ready. Returns the exit status."""
    state.make()
    lock = FileLock(state.lock, timeout=_LOCK_LIMIT)
    try:
        lock.acquire()
    except Timeout:
        return ALREADY_RUNNING
    except OSError as error:
        print(_why(error, state, port), flush=True)
        return 1
    with lock:
        return asyncio.run(_serve(state, settings, port, _log_to(state)))


async def _serve(state: StateDirectory, settings: Settings, port: int, log: LogFile) -> int:
    gc.disable()  # it would look through all that is imported, time and again, for no garbage
    with _no_authorities():
        from sandbox.server import SandboxServer

    server = SandboxServer(state, settings, port, access_log=log.write_line)
    state.client.unlink(missing_ok=True)  # that of one that was killed leads nowhere, or to somebody else
    try:
        last = read_runtime(state)
        if last is not None:
            replace(last, pid=0).write(state)
        await server.start()
        server.runtime.pid = os.getpid()
        server.runtime.write(state)
        _write_down_for_clients(state, server.runtime)
    except StateError as error:
        print(error, flush=True)
        return 1
    except (OSError, ValueError, sqlite3.Error) as error:
        print(_why(error, state, port), flush=True)
        return 1
    stopped = asyncio.Event()
    _on_signals(stopped)
    gc.freeze()  # what start-up made stays; the collector need not look at it again
    gc.enable()
    print(READY, flush=True)
    await stopped.wait()
    state.client.unlink(missing_ok=True)
    await server.stop()
    server.runtime.pid = 0
    server.runtime.write(state)
    return 0


def _why(error: Exception, state: StateDirectory, port: int) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"The sandbox could not start: the port {port} is taken. Name another with --port, or none: one is found."
        )
    remedy = f". Make room on the disk that holds {state.path}." if number in (errno.ENOSPC, errno.EFBIG) else ""
    return f"The sandbox could not start: {error}{remedy}"


def _write_down_for_clients(state: StateDirectory, runtime: Runtime) -> None:
    """Keep in the state directory what ``env`` prints, for clients that would start a process only to ask for it."""
    variables = client_variables(OperatorClient(state, runtime))
    write_private(state.client, json.dumps(variables, indent=2).encode())


@contextmanager
def _no_authorities() -> Iterator[None]:
    """Keep aiohttp from reading, as it is imported, the authorities that the system trusts.

    It does so twice, for its client, which the sandbox does not use: a sixth of what all imports take.
    """
    before = os.environ.get(_AUTHORITIES)
    os.environ[_AUTHORITIES] = os.devnull
    try:
        yield
    finally:
        del os.environ[_AUTHORITIES]
        if before is not None:
            os.environ[_AUTHORITIES] = before


def _log_to(state: StateDirectory) -> LogFile:
    log = LogFile(state.log)
    logging.basicConfig(level=logging.INFO, handlers=[log])
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the listeners write lines of their own
    return log


def _on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":  # where event loops have no handlers of signals
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
        else:
            loop.add_signal_handler(number, stopped.set)
