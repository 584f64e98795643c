"""The Jupyter kernel provisioner that launches kernels by forking a zygote."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import List, Unicode

from workshop.kernels.channel import ForkRequest
from workshop.kernels.handles import WarmProcess, WarmStartError
from workshop.kernels.pool import pool
from workshop.kernels.preload import NOTEBOOK_MODULES

# Seconds for which a kernel's end is looked for closely; after that, as often as its manager looks.
_IDLE_PROMPT = 0.3
_BUSY_PROMPT = 1.0
_STEP = 0.005

_LAUNCHER = "ipykernel_launcher"
_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "independent"}
_STDOUT_FD, _STDERR_FD = 1, 2


class WarmProvisioner(LocalProvisioner):
    """Launches an IPython kernel as a fork of a process that has its imports done, or else as usual.

    Polling, waiting, signals, ports and clean-up are LocalProvisioner's: a forked kernel has a session and a
    process group of its own too, and ``process`` is then a ``WarmProcess`` in place of a ``Popen``.
    """

    preload = List(
        Unicode(),
        default_value=list(NOTEBOOK_MODULES),
        config=True,
        help="Modules to import before kernels are forked. Those that are not installed are passed over.",
    )

    _interrupt_held_back = False

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel.

        Args:
            cmd: the kernel's command line.
            kwargs: as for LocalProvisioner. What a fork cannot honour makes it a normal launch.

        Returns:
            How to connect to the kernel. A forked one listens already.
        """
        try:
            process = await asyncio.to_thread(self._fork, cmd, self._scrub_kwargs(kwargs))
        except WarmStartError as reason:
            self.log.info("Starting a normal kernel, for no warm one is to be had: %s", reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process  # type: ignore[assignment]  # it does what is asked of a Popen here
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    def _fork(self, cmd: list[str], options: dict[str, Any]) -> WarmProcess:
        request = request_of(cmd, options)
        with standard_streams(options) as stdio:
            return pool.fork((interpreter_of(request["argv"]), tuple(self.preload)), request, stdio)

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group.

        A manager interrupts before it asks a kernel to shut down. An idle kernel needs no interrupt, and one that
        has replied but not yet returned from its handler is broken by it (ipython/ipykernel#666): so the
        interrupt comes after the request, for those that are still there.
        """
        if signum == signal.SIGINT and getattr(self.parent, "shutting_down", False):
            self._interrupt_held_back = True
        else:
            await super().send_signal(signum)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Stay until the kernel has followed a request to shut down, if it does so promptly."""
        if not await self._ends_within(_IDLE_PROMPT) and self._interrupt_held_back:
            await super().send_signal(signal.SIGINT)
            await self._ends_within(_BUSY_PROMPT)
        self._interrupt_held_back = False

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel's process group."""
        self._interrupt_held_back = False
        await super().kill(restart)
        await self._ends_within(_BUSY_PROMPT)

    async def _ends_within(self, seconds: float) -> bool:
        """Look closely: a manager looks each 0.1 s, at first when it is too early, and then late."""
        deadline = time.monotonic() + seconds
        while await self.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_STEP)
        return True


def interpreter_of(cmd: Sequence[str]) -> tuple[str, ...]:
    """Return the interpreter and its options in an ipykernel command line.

    Raises:
        WarmStartError: the command starts something else.
    """
    command = tuple(cmd)
    at = command.index("-m") if "-m" in command else 0
    if not at or command[at + 1 : at + 2] != (_LAUNCHER,):
        raise WarmStartError(f"not a command of the form: python -m {_LAUNCHER} …")
    return command[:at]


def request_of(cmd: Sequence[str], options: Mapping[str, Any]) -> ForkRequest:
    """Return what to ask the zygote for, of a launch in the terms of ``subprocess.Popen``.

    Args:
        cmd: the kernel's command line.
        options: what ``jupyter_client.launcher.launch_kernel`` takes besides.

    Raises:
        WarmStartError: an option has no equivalent in a fork, or the folder is missing.
    """
    unknown = sorted(set(options) - _KNOWN)
    if unknown:
        raise WarmStartError(f"a fork knows no {', '.join(unknown)}")
    if options.get("independent"):
        raise WarmStartError("a fork does not outlive its owner")
    cwd = Path(options.get("cwd") or Path.cwd()).absolute()
    if not cwd.is_dir():
        raise WarmStartError("the working directory does not exist")
    command = [os.path.expanduser(part) for part in cmd]  # noqa: PTH111 - any argument, not a path
    return {
        "argv": command,
        "launcher": _LAUNCHER,
        "arguments": command[len(interpreter_of(command)) + 2 :],
        "env": dict(os.environ if options.get("env") is None else options["env"]),
        "cwd": str(cwd),
    }


@contextmanager
def standard_streams(options: Mapping[str, Any]) -> Iterator[list[int]]:
    """Descriptors for a kernel's standard input, output and error, open in the body.

    As in a normal launch, no input means a pipe that nobody writes to, and no output means this process's.

    Raises:
        WarmStartError: a stream is to be a new pipe, which only Popen offers, or is closed.
    """
    with ExitStack() as opened:
        stdin = options.get("stdin")
        first = _end_of_file(opened) if stdin is None else _descriptor(stdin, opened)
        stdout, stderr = options.get("stdout"), options.get("stderr")
        second = _STDOUT_FD if stdout is None else _descriptor(stdout, opened)
        third = _STDERR_FD if stderr is None else _descriptor(stderr, opened, stdout=second)
        yield [_open(first), _open(second), _open(third)]


def _end_of_file(opened: ExitStack) -> int:
    reader, writer = os.pipe()
    os.close(writer)
    opened.callback(os.close, reader)
    return reader


def _open(descriptor: int) -> int:
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise WarmStartError(f"standard stream {descriptor}: {error.strerror}") from error
    return descriptor


def _descriptor(stream: Any, opened: ExitStack, stdout: int = _STDOUT_FD) -> int:
    if stream == subprocess.STDOUT:
        return stdout
    if stream == subprocess.DEVNULL:
        return opened.enter_context(Path(os.devnull).open("r+b", buffering=0)).fileno()
    if stream == subprocess.PIPE:
        raise WarmStartError("a fork has no pipe to its owner")
    return stream if isinstance(stream, int) else int(stream.fileno())
