"""The folder with a process's connection files and sockets, private to it and gone after it."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "warm-kernels-"
_LOCK = "lock"


def runtime_folder() -> Path:
    """This process's folder.

    It is removed as the process exits. What processes that were killed have left is removed by the next to come.

    Raises:
        OSError: there is no place for it.
    """
    return _folder_of(os.getpid())


@cache
def _folder_of(pid: int) -> Path:
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _lock(folder / "locking", wait=True)  # and never unlock: the end of the process does
    (folder / "locking").rename(folder / _LOCK)  # only now, for a file by this name and not locked is a left one

    def remove() -> None:
        if os.getpid() == pid:  # not in a process forked from this one
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = _lock(folder / _LOCK, wait=False)
        except OSError:  # in use, another user's, or not yet locked
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(path: Path, *, wait: bool) -> int:
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if wait else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
