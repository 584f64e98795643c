"""The sandbox as a background process: started once for a state directory, stopped by its own process id."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from sandbox.state.state_directory import Runtime, Settings, StateDirectory, read_runtime

READY = "ready"  # what the server prints once it is
NOT_RUNNING = "The sandbox is not running. Start it: python -m sandbox start"
ALREADY_RUNNING = 3  # exit status of a server that found another at work
_START_LIMIT = 30.0  # seconds
_STOP_LIMIT = 10.0  # seconds
_KILL_LIMIT = 5.0  # seconds
_CONNECT_LIMIT = 2.0  # seconds
_LOOK = 0.005  # seconds between two looks whether it has ended


class StartError(Exception):
    """The sandbox does not run; the message says why, or what to do."""


def running(state: StateDirectory) -> Runtime | None:
    """Return where the sandbox of this state directory listens, or None if it does not run."""
    runtime = _alive(state)
    return runtime if runtime is not None and _answers(runtime.port) else None


def require_running(state: StateDirectory) -> Runtime:
    """Return where the sandbox of this state directory listens; raises StartError if it does not run."""
    runtime = running(state)
    if runtime is None:
        raise StartError(NOT_RUNNING)
    return runtime


def start(state: StateDirectory, settings: Settings, port: int = 0) -> tuple[Runtime, bool]:
    """Start the sandbox unless it runs; return where it listens, and whether it was started just now.

    Raises StateError where the state directory cannot be used, and StartError where the sandbox did not come up.
    """
    state.make()
    found = running(state)
    if found is not None:
        return found, False
    status, said = _spawn(state, settings, port)
    if status is not None and status != ALREADY_RUNNING:
        raise StartError(said or f"The sandbox ended at once, with status {status}; see {state.log}.")
    return _wait_until_running(state), status is None


def stop(state: StateDirectory) -> bool:
    """Stop the sandbox of this state directory, also one that hangs; return False if it did not run.

    Raises StartError if it did not end.
    """
    found = _alive(state)
    if found is None:
        return False
    _send(found.pid, "SIGTERM", "SIGCONT")  # a process that is stopped has to go on in order to end
    if not _has_ended(state, _STOP_LIMIT):
        _send(found.pid, "SIGKILL")  # loses nothing: what was answered has been written
        if not _has_ended(state, _KILL_LIMIT):
            raise StartError(f"The sandbox (process {found.pid}) cannot be ended.")
    return True


def _alive(state: StateDirectory) -> Runtime | None:
    """Return what a sandbox that holds the lock says of itself, whether or not it answers."""
    runtime = read_runtime(state)
    if runtime is None or runtime.pid == 0 or not state.lock.exists() or _has_ended(state, 0):
        return None
    return runtime


def _has_ended(state: StateDirectory, seconds: float) -> bool:
    """Return whether no sandbox holds the lock, or ceases to within so many seconds."""
    try:
        with FileLock(state.lock, timeout=seconds, poll_interval=_LOOK):
            return True
    except Timeout:
        return False


def _send(pid: int, *names: str) -> None:
    for name in names:
        if hasattr(signal, name):  # Windows has SIGTERM only, which ends a process at once
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals[name])


def _answers(port: int) -> bool:
    """Return whether anything listens: the lock of a process that was just killed may be held a moment longer."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_LIMIT).close()
    except OSError:
        return False
    return True


def _import_path() -> str:
    """Return where the server process finds this package; not in the working directory, whatever is there."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


def _spawn(state: StateDirectory, settings: Settings, port: int) -> tuple[int | None, str]:
    """Start the server process; return (None, "") when it is ready, else its exit status and what it said."""
    command = [sys.executable, "-P", "-m", "sandbox", "--data", str(state.path), "serve", "--port", str(port)]
    command += ["--seed", str(settings.seed), "--timing", settings.timing]
    command += ["--roles", settings.roles] if settings.roles else []
    command += ["--faults", settings.faults] if settings.faults else ["--no-faults"]
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
            env={**os.environ, "PYTHONPATH": _import_path()},
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
    return (None, "") if line == READY else (child.wait(), line)


def _wait_until_running(state: StateDirectory) -> Runtime:
    end = time.monotonic() + _START_LIMIT
    while time.monotonic() < end:
        found = running(state)
        if found is not None:
            return found
        time.sleep(0.02)
    raise StartError(
        "A sandbox is running but does not answer. End it with 'python -m sandbox stop' and start again; "
        f"see {state.log}."
    )
