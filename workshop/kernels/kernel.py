"""What happens in a freshly forked process until it is an IPython kernel like any other, and at its end."""

from __future__ import annotations

import atexit
import ctypes
import importlib.machinery
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Never, TypeAlias, TypedDict, cast

from workshop.kernels.wire import Wire

Run: TypeAlias = Callable[[Wire, list[str]], int]


class Request(TypedDict):
    """What the owner asks of a new kernel.

    Attributes:
        argv: the kernel's command line as it would have been started with, the interpreter first.
        launcher: the module of that command line, such as ``ipykernel_launcher``.
        arguments: what follows that module on the command line.
        env: the whole environment.
        cwd: the working directory.
    """

    argv: list[str]
    launcher: str
    arguments: list[str]
    env: dict[str, str]
    cwd: str


@dataclass(frozen=True)
class Birth:
    """What a kernel is forked with: its channel to the owner, and descriptors for its standard streams."""

    channel: Wire
    stdio: list[int]


def become_kernel(birth: Birth, run: Run, preloaded: list[str], imposed: dict[str, str | None]) -> Never:
    """Be the kernel that the request in the channel describes, then exit as Python would.

    Args:
        birth: from the fork.
        run: what runs the kernel.
        preloaded: names of the modules imported on the notebooks' behalf.
        imposed: environment variables that those imports have set, or removed where the value is ``None``.
    """
    os.setsid()
    _take_streams(birth.stdio)
    request = birth.channel.receive()
    if request is None:
        os._exit(1)
    _adopt(request["env"] | {"JPY_PARENT_PID": str(os.getppid())}, imposed)
    _settle(cast(Request, request), preloaded)
    _exit(run(birth.channel, request["arguments"]))


def _take_streams(stdio: list[int]) -> None:
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    for fd in stdio:
        os.close(fd)
    if sys.__stdout__ is not None:
        sys.__stdout__.reconfigure(line_buffering=os.isatty(1))


def _adopt(env: dict[str, str], imposed: dict[str, str | None]) -> None:
    """Take on an environment, as the imports would have left it."""
    os.environ.clear()
    os.environ.update(env)
    for name, value in imposed.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    time.tzset()


def _settle(request: Request, preloaded: list[str]) -> None:
    """Take on the request's working directory and command line, and shed what was the zygote's."""
    os.chdir(request["cwd"])
    launcher = importlib.machinery.PathFinder.find_spec(request["launcher"])
    sys.argv = [launcher.origin if launcher and launcher.origin else request["launcher"], *request["arguments"]]
    sys.orig_argv = request["argv"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "workshop"]:
        del sys.modules[name]
    _forget_shadowed(preloaded, request["cwd"])
    _reseed()


def _forget_shadowed(preloaded: list[str], folder: str) -> None:
    """Leave to the import system what the working directory has its own version of: it comes first."""
    for top in {name.partition(".")[0] for name in preloaded}:
        spec = importlib.machinery.PathFinder.find_spec(top, [folder])
        module = sys.modules.get(top)
        if spec and spec.origin and module and spec.origin != getattr(module, "__file__", None):
            for name in [name for name in sys.modules if name.partition(".")[0] == top]:
                del sys.modules[name]


def _reseed() -> None:
    """Renew what was drawn at import. Python's ``random`` and OpenSSL see to a fork themselves."""
    processes = sys.modules.get("multiprocessing.process")
    if processes:
        processes.current_process().authkey = os.urandom(32)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random:
        numpy_random.seed()


def _exit(status: int) -> Never:
    """Exit in Python's order (threads, exit functions, streams), less the clearing of every module.

    That would write to, and so copy, all the memory shared with the zygote: as much time again as a short notebook.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # what Python itself calls as it ends
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    ctypes.CDLL(None).fflush(None)  # what libraries in C have written
    os._exit(status)
