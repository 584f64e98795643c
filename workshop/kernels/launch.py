"""A kernel launch in the terms of ``subprocess.Popen``, read as what a forked kernel needs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from workshop.kernels.kernel import Request
from workshop.kernels.owner import WarmStartError

_LAUNCHER = "ipykernel_launcher"
_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "independent"}
_STDOUT_FD, _STDERR_FD = 1, 2


def interpreter_of(cmd: Sequence[str]) -> tuple[str, ...]:
    """The interpreter and its options in an ipykernel command line.

    Raises:
        WarmStartError: the command starts something else.
    """
    command = tuple(cmd)
    at = command.index("-m") if "-m" in command else 0
    if not at or command[at + 1 : at + 2] != (_LAUNCHER,):
        raise WarmStartError(f"not a command of the form: python -m {_LAUNCHER} …")
    return command[:at]


def request_of(cmd: Sequence[str], options: Mapping[str, Any]) -> Request:
    """What to ask the zygote for.

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
