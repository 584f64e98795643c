"""The sandbox as a background process: started once for a state directory, stopped by its own process id."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

from filelock import FileLock, Timeout

from sandbox.log_file import LogFile
from sandbox.state import Runtime, Settings, StateDirectory, read_runtime

_READY = "ready"
_START_LIMIT = 30.0  # seconds
_STOP_LIMIT = 10.0  # seconds
_CONNECT_LIMIT = 2.0  # seconds
_LOCK_LIMIT = 1.0  # seconds that the lock of a process that was killed may take to be free
_ALREADY_RUNNING = 3  # exit status of a server that found the lock taken


class StartError(Exception):
    """The sandbox did not start; the message says why."""


def running(state: StateDirectory) -> Runtime | None:
    """Return where the sandbox of this state directory listens, or None if it does not run."""
    runtime = read_runtime(state)
    if runtime is None or runtime.pid == 0 or not state.lock.exists():
        return None
    try:
        with FileLock(state.lock, timeout=0):
            return None
    except Timeout:
        return runtime if _answers(runtime.port) else None


def start(state: StateDirectory, settings: Settings, port: int = 0) -> tuple[Runtime, bool]:
    """Start the sandbox unless it runs; return where it listens, and whether it was started just now.

    Raises:
        StateError: The state directory cannot be used.
        StartError: The sandbox did not come up.
    """
    state.make()
    found = running(state)
    if found is not None:
        return found, False
    status, said = _spawn(state, settings, port)
    if status is not None and status != _ALREADY_RUNNING:
        raise StartError(said or f"The sandbox ended at once, with status {status}; see {state.log}.")
    return _wait_until_running(state), status is None


def stop(state: StateDirectory) -> bool:
    """Stop the sandbox of this state directory; return False if it did not run.

    Raises:
        StartError: It did not end.
    """
    found = running(state)
    if found is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    try:
        with FileLock(state.lock, timeout=_STOP_LIMIT):
            pass
    except Timeout as error:
        raise StartError(f"The sandbox (process {found.pid}) did not end within {_STOP_LIMIT:.0f} seconds.") from error
    return True


def serve(state: StateDirectory, settings: Settings, port: int) -> int:
    """Be the sandbox until told to stop; print one line on standard output when ready. Returns the exit status."""
    state.make()
    lock = FileLock(state.lock, timeout=_LOCK_LIMIT)
    try:
        lock.acquire()
    except Timeout:
        return _ALREADY_RUNNING
    with lock:
        return asyncio.run(_serve(state, settings, port, _log_to(state)))


async def _serve(state: StateDirectory, settings: Settings, port: int, log: LogFile) -> int:
    gc.disable()  # it would look through all that is imported, time and again, for no garbage
    from sandbox.server import SandboxServer

    server = SandboxServer(state, settings, port, access_log=log.write_line)
    last = read_runtime(state)
    if last is not None:
        replace(last, pid=0).write(state)
    try:
        await server.start()
    except (OSError, ValueError) as error:
        print(f"The sandbox could not start: {error}", flush=True)
        return 1
    stopped = asyncio.Event()
    _on_signals(stopped)
    server.runtime.pid = os.getpid()
    server.runtime.write(state)
    gc.collect()
    gc.freeze()  # what start-up made stays; the collector need not look at it again
    gc.enable()
    print(_READY, flush=True)
    await stopped.wait()
    await server.stop()
    server.runtime.pid = 0
    server.runtime.write(state)
    return 0


def _answers(port: int) -> bool:
    """Tell whether anything listens: the lock of a process that was just killed may be held a moment longer."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_LIMIT).close()
    except OSError:
        return False
    return True


def _on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows' event loops have none of these; Python's own do the same there
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))


def _log_to(state: StateDirectory) -> LogFile:
    log = LogFile(state.log)
    logging.basicConfig(level=logging.INFO, handlers=[log])
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the listeners write lines of their own
    return log


def _spawn(state: StateDirectory, settings: Settings, port: int) -> tuple[int | None, str]:
    """Start the server process; return (None, "") when it is ready, else its exit status and what it said."""
    command = [sys.executable, "-m", "sandbox", "--data", str(state.path), "serve", "--port", str(port)]
    command += ["--seed", str(settings.seed), "--temper", settings.temper]
    command += ["--roles", settings.roles] if settings.roles else []
    command += ["--run-command-limit", str(settings.run_command_limit)]
    command += ["--allow-run-command"] if settings.allow_run_command else []
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.DETACHED_PROCESS
    else:
        flags = 0
    with state.log.open("ab") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            creationflags=flags,
        )
    assert child.stdout is not None
    limit = threading.Timer(_START_LIMIT, child.kill)
    limit.start()
    try:
        line = child.stdout.readline().strip()
    finally:
        limit.cancel()
    child.stdout.close()
    return (None, "") if line == _READY else (child.wait(), line)


def _wait_until_running(state: StateDirectory) -> Runtime:
    end = time.monotonic() + _START_LIMIT
    while time.monotonic() < end:
        found = running(state)
        if found is not None:
            return found
        time.sleep(0.02)
    raise StartError(f"The sandbox did not come up within {_START_LIMIT:.0f} seconds; see {state.log}.")
