"""The standard streams of a warm kernel: ipykernel's own, but for a flush of nothing."""

from __future__ import annotations

from ipykernel import iostream


class OutStream(iostream.OutStream):
    """Waits for the thread that sends only if there is something to send.

    A kernel flushes both of its streams several times for each cell, most of which print nothing.
    """

    __module__ = iostream.__name__  # by which programs, click for one, tell where they print to

    _written = False

    def write(self, string: str) -> int:
        """Write text, which is sent soon; return how many characters."""
        super().write(string)
        self._written = True
        return len(string)

    def flush(self) -> None:
        """Send what has been written since the last time, and wait until it is sent."""
        if self._written:
            self._written = False  # before it: what another thread writes meanwhile is for the next time
            super().flush()  # type: ignore[no-untyped-call]  # inherited from ipykernel, untyped there
