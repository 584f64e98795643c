"""A freshly forked process until it is an IPython kernel like any other: the same to its clients, and its end."""

import importlib.machinery
import os
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from ipykernel.kernelapp import IPKernelApp

from workshop.kernels.preload import Preloaded
from workshop.kernels.request import ForkRequest


class WarmKernelApp(IPKernelApp):
    """Tells the owner when it can be connected to, and ends without a stall."""

    owner: Connection

    def init_kernel(self) -> None:
        """Make the kernel; from here on its sockets are bound."""
        self.log.setLevel(self.log_level)  # its handlers' is that, but what is not to be logged is put together before
        try:
            self.owner.send(("ready", os.getpid()))
        except OSError:  # which has given it up
            sys.exit(1)
        self.owner.close()  # from here on only the zygote holds it, to report the end
        super().init_kernel()  # type: ignore[no-untyped-call]  # inherited from ipykernel, untyped there

    def start(self) -> None:
        """Serve until told to shut down."""
        super().start()  # type: ignore[no-untyped-call]  # inherited from ipykernel, untyped there
        # At exit the IOPub thread is stopped first. The control thread, not yet done with the request to shut
        # down, then waits 10 s for a flush that never comes (ipykernel 7.4: about one exit in ten).
        self.control_thread.stop()
        self.control_thread.join()


def become_kernel(owner: Connection, stdio: list[int], preloaded: Preloaded) -> None:
    """Be the kernel that the request in the connection describes, with these standard streams, until that has ended.

    If it cannot be, it exits, once the owner has been told why.
    """
    os.setsid()
    _take_streams(stdio)
    try:
        request: ForkRequest = owner.recv()
    except EOFError:
        sys.exit(1)
    if not preloaded.is_up_to_date():
        _refuse(owner, "stale", "")
    shadowed = preloaded.shadowed(request["cwd"])
    if shadowed:
        _refuse(owner, "refused", f"the working directory has a module {shadowed} of its own")
    _adopt(request, preloaded.environ)
    _reseed()
    app: Any = WarmKernelApp.instance(parent_handle=os.getppid())
    app.owner = owner
    app.initialize(request["arguments"])
    app.start()


def _refuse(owner: Connection, what: str, why: str) -> None:
    owner.send((what, why))
    sys.exit(1)


def _take_streams(stdio: list[int]) -> None:
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    for fd in stdio:
        os.close(fd)
    if sys.__stdout__ is not None:
        sys.__stdout__.reconfigure(line_buffering=os.isatty(1))


def _adopt(request: ForkRequest, imposed: dict[str, str | None]) -> None:
    """Take on the request's command line, working directory and environment, as the imports would have left that."""
    launcher = importlib.machinery.PathFinder.find_spec("ipykernel_launcher")
    sys.argv = [launcher.origin if launcher and launcher.origin else "ipykernel_launcher", *request["arguments"]]
    sys.orig_argv = request["argv"]
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    for name, value in imposed.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    time.tzset()


def _reseed() -> None:
    """Renew what was drawn at import. Python's ``random`` and OpenSSL see to a fork themselves."""
    processes = sys.modules.get("multiprocessing.process")
    if processes:
        processes.current_process().authkey = os.urandom(32)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random:
        numpy_random.seed()
