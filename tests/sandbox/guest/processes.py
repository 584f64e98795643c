"""Looks at the processes of this computer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 300.0  # seconds


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as ``holds`` does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def processes_named(mark: str) -> list[int]:
    """The processes that have ``mark`` among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if mark.encode() in words:
                found.append(int(entry.name))
    return found
