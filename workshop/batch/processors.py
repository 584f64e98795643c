"""Which processors the workers of this computer run on."""

from __future__ import annotations

import contextlib
import os
import sys

PROCESSORS = "workshop.processors"
"""Where Dask's configuration tells workers of ``processors_of_their_own``."""


def processors_of_their_own(workers: int) -> list[int]:
    """Return the processor that each of the first workers has to itself: none, unless there are workers for all.

    A worker and its kernel wake each other some thousand times in a row of notebooks, and hardly ever run at the same
    time. Left to the system, each often waits for another processor to wake up, or for one that is taken by the other
    worker. On its own processor a worker does not. Measured on two: a tenth more rows a minute.

    Where processors are shared with others, who could choose the same, there are none either.
    """
    from dask.system import CPU_COUNT

    if sys.platform != "linux":
        return []
    usable = sorted(os.sched_getaffinity(0))
    shared = len(usable) > CPU_COUNT  # with a container's share of their time
    return [] if shared or workers < len(usable) else usable


def keep_to(processor: int) -> None:
    """Run on this processor alone: this thread, and what it will start.

    Where that is not permitted, nothing changes: it is only for speed.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {processor})
