"""The few Linux system calls that the standard library does not wrap on every Python we support.

Each raises OSError as the kernel says. Numbers are those of the kernel's headers ``sched.h``, ``mount.h`` and
``prctl.h``; they are the same on every architecture.
"""

import ctypes
import os
from pathlib import Path

NEW_MOUNTS = 0x00020000
NEW_HOST_NAME = 0x04000000
NEW_USER = 0x10000000
NEW_NETWORK = 0x40000000

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_SLAVE = 0x80000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(namespaces: int) -> None:
    """Move this process, which must have one thread only, into new ``namespaces``."""
    _check(_libc.unshare(ctypes.c_int(namespaces)), "unshare")


def keep_mounts_private() -> None:
    """Let no mount made from here on reach the namespace this one was copied from."""
    _mount(None, Path("/"), _MS_REC | _MS_SLAVE)


def bind(source: Path, target: Path) -> None:
    """Show ``source`` in the place of ``target``; both must exist and be files, or both folders."""
    _mount(source, target, _MS_BIND)


def send_when_parent_ends(signal: int) -> None:
    """Have the kernel send this process ``signal`` (0 for none) when the thread that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _mount(source: Path | None, target: Path, flags: int) -> None:
    path = None if source is None else os.fsencode(source)
    _check(_libc.mount(path, os.fsencode(target), None, ctypes.c_ulong(flags), None), str(target))


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
