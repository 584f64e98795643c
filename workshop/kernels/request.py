"""What a warm kernel is to be: from a launch in Jupyter's terms to what a fork is asked for."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

_LAUNCHER = ("-m", "ipykernel_launcher")
_HONOURED = {"env", "cwd"}
_NO_CONCERN = {"extra_arguments", "kernel_id"}  # of the process: its command line has the first, nothing the second


class WarmStartError(RuntimeError):
    """No warm kernel can be had for this launch; a normal one can."""


class ForkRequest(TypedDict):
    """What a new kernel is to be."""

    argv: list[str]  # its command line as it would have been started with, the interpreter first
    arguments: list[str]  # what follows ipykernel's launcher on it
    env: dict[str, str]
    cwd: str


def interpreter_of(command: Sequence[str]) -> tuple[str, ...]:
    """Return the interpreter and its options in ipykernel's command line; raise WarmStartError if it is another's."""
    at = command.index("-m") if "-m" in command else 0
    if not at or tuple(command[at : at + 2]) != _LAUNCHER:
        raise WarmStartError("not a command of the form: python -m ipykernel_launcher …")
    return tuple(command[:at])


def request_of(command: Sequence[str], options: Mapping[str, Any]) -> ForkRequest:
    """Return what to ask for, by the command line and what ``jupyter_client.launcher.launch_kernel`` takes besides.

    If an option has no equivalent in a fork, or the folder is missing, it raises WarmStartError.
    """
    others = sorted(name for name, value in options.items() if name not in _HONOURED | _NO_CONCERN and value)
    if others:
        raise WarmStartError(f"a fork knows no {', '.join(others)}")
    cwd = Path(options.get("cwd") or Path.cwd()).absolute()
    if not cwd.is_dir():
        raise WarmStartError("the working directory does not exist")
    argv = [os.path.expanduser(part) for part in command]  # noqa: PTH111 - as Jupyter does with each word: few are paths
    env = options.get("env")
    return {
        "argv": argv,
        "arguments": argv[len(interpreter_of(argv)) + len(_LAUNCHER) :],
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd),
    }
