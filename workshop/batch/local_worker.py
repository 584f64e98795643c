"""What a worker process of this computer's does first, as a Dask preload."""

from __future__ import annotations

import signal
import threading
from typing import Any

import dask

from workshop.batch.processors import PROCESSORS, keep_to
from workshop.batch.worker import get_ready


def dask_setup(worker: Any) -> None:
    """Keep to a processor, begin to get ready for the first row, and leave Ctrl-C in the terminal to the runner.

    Called by Dask in the process's main thread. What is started from here, kernels say, notices Ctrl-C as usual.
    """
    own: list[int] = dask.config.get(PROCESSORS)
    if worker.name < len(own):
        keep_to(own[worker.name])
    signal.signal(signal.SIGINT, lambda number, frame: None)
    threading.Thread(target=get_ready, name="get-ready", daemon=True).start()
