"""What commands have in common: some of their options, who gives them, what signals do, and how they end.

That is with an exit status, and in a sentence if they could not do what they should.
"""

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Never

from workshop.errors import INTERRUPTED, WorkshopError
from workshop.paths import CLASS
from workshop.terminal import printable

_FOR_USERS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC}  # what only they can put right
_LONGEST = 1_000_000  # seconds: more than a week
_MOST_DIGITS = 18  # of a whole number: Python does not read any number of them


def exit_status_of(command: Callable[[], int]) -> int:
    """Run a command; return its exit status, or that of the error it ended with, which is printed."""
    try:
        with signals_to(_interrupt, signal.SIGTERM):
            return command()
    except WorkshopError as error:
        print(f"workshop: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        if error.errno not in _FOR_USERS:
            raise
        print(f"workshop: {printable(_sentence(error))}", file=sys.stderr)
        return WorkshopError.exit_status
    except KeyboardInterrupt:
        print("workshop: interrupted", file=sys.stderr)
        return INTERRUPTED


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads an option's value that is a whole number, ``least`` or more and at most ``most``."""
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def read(text: str) -> int:
        found = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else -1
        if found < least or (most is not None and found > most):
            raise argparse.ArgumentTypeError(f"takes a whole number, {wanted}")
        return found

    return read


def number(wanted: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """Return what reads an option's value that is a number, if it fits; ``wanted`` says which do."""

    def read(text: str) -> float:
        with suppress(ValueError):
            if fits(found := float(text)):
                return found
        raise argparse.ArgumentTypeError(f"takes {wanted}")

    return read


seconds = number(f"seconds, more than 0 and less than {_LONGEST}", lambda found: 0 < found < _LONGEST)


def add_class_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where a class is kept."""
    where = "where the class is kept here (default: class)"
    parser.add_argument("--folder", type=Path, default=CLASS, metavar="DIR", help=where)


def run_by_root() -> bool:
    """Return whether the user is root, who may do anything on this computer; nobody is on Windows."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def signals_to(handler: Callable[[], object], *numbers: signal.Signals) -> Iterator[None]:
    """Have signals call this within the block, where they are taken: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, lambda *_: handler()) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in zip(numbers, before, strict=True):
            signal.signal(number, earlier)


def _sentence(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."


def _interrupt() -> Never:
    """End as with Ctrl-C, so that the sandbox and the kernels end too."""
    raise KeyboardInterrupt
