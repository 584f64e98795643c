"""IPython's kernel as a forked process runs it: the same to its clients, with less waiting within.

The zygote imports this for all kernels. In a kernel it is no longer to be found by its name, so nothing may be imported
from this package once a kernel runs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

from workshop.kernels.wire import Wire


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

    channel: Wire

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


def run(channel: Wire, arguments: list[str]) -> int:
    """Be a kernel.

    Args:
        channel: to the owner.
        arguments: as on the command line of ``ipykernel_launcher``.

    Returns:
        The exit status Python would have ended with.
    """
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
