"""A freshly forked process until it is an IPython kernel like any other: the same to its clients, and its end.

The zygote imports this for all kernels. In a kernel it is no longer to be found by its name, so nothing may be imported
from this package once a kernel runs.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.machinery
import os
import sys
import threading
import time
from typing import Any, Never, cast

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

from workshop.kernels.channel import Channel, ForkRequest


class FrugalStream(OutStream):
    """A standard stream that is flushed only if something was written to it.

    To flush is to wait for another thread to have its turn. The kernel does so four times for each cell, most of which
    print nothing: a quarter of what a short cell takes.
    """

    _written: object = None
    _flushed: object = None

    def write(self, string: str) -> int:
        """Write text; returns how many characters."""
        super().write(string)
        self._written = object()
        return len(string)

    def flush(self) -> None:
        """Have sent what was written by now."""
        written = self._written
        if self._flushed is not written:
            super().flush()  # type: ignore[no-untyped-call]  # inherited from ipykernel, untyped there
            self._flushed = written


for _named in ("__module__", "__name__", "__qualname__"):  # by which programs, click for one, tell where they print to
    setattr(FrugalStream, _named, getattr(OutStream, _named))


class WarmKernelApp(IPKernelApp):
    """Tells the owner when it can be connected to, and ends without a stall."""

    channel: Channel

    def init_kernel(self) -> None:
        """Make the kernel; from here on its sockets are bound."""
        self.log.setLevel(self.log_level)  # else what is not to be logged is put together all the same
        self.channel.send({"pid": os.getpid()})
        self.channel.close()  # from here on only the zygote holds it, to report the end
        super().init_kernel()  # type: ignore[no-untyped-call]  # as flush

    def init_io(self) -> None:
        """Take over the standard streams."""
        super().init_io()  # type: ignore[no-untyped-call]  # as flush
        for stream in (sys.stdout, sys.stderr):
            if type(stream) is OutStream:  # whose class the base class can only take by its name
                stream.__class__ = FrugalStream

    def start(self) -> None:
        """Serve until told to shut down."""
        super().start()  # type: ignore[no-untyped-call]  # as flush
        # At exit the IOPub thread is stopped first. The control thread, not yet done with the request to shut
        # down, then waits 10 s for a flush that never comes (ipykernel 7.4: about one exit in ten).
        self.control_thread.stop()
        self.control_thread.join()


def become_kernel(channel: Channel, stdio: list[int], preloaded: list[str], imposed: dict[str, str | None]) -> Never:
    """Be the kernel that the request in the channel describes, then exit as Python would.

    Args:
        channel: to the owner.
        stdio: descriptors for the kernel's standard streams.
        preloaded: names of the modules imported on the notebooks' behalf.
        imposed: environment variables that those imports have set, or removed where the value is ``None``.
    """
    os.setsid()
    _take_streams(stdio)
    request = channel.receive()
    if request is None:
        os._exit(1)
    _adopt(request["env"] | {"JPY_PARENT_PID": str(os.getppid())}, imposed)
    _settle(cast(ForkRequest, request), preloaded)
    _exit(_run(channel, request["arguments"]))


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


def _settle(request: ForkRequest, preloaded: list[str]) -> None:
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


def _run(channel: Channel, arguments: list[str]) -> int:
    """Be a kernel, with ``ipykernel_launcher``'s arguments; return the exit status Python would have ended with."""
    try:
        app: Any = WarmKernelApp.instance(parent_handle=os.getppid())
        app.channel = channel
        app.initialize(arguments)
        app.start()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


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
