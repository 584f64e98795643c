"""How a command ends: with an exit status, and in a sentence if it could not do what it should."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Never

from workshop.errors import INTERRUPTED, WorkshopError
from workshop.terminal import printable


def exit_status_of(command: Callable[[], int]) -> int:
    """Run a command; return its exit status, or that of the error it ended with, which is printed."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command()
    except WorkshopError as error:
        print(f"workshop: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("workshop: interrupted", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> Never:
    """End as with Ctrl-C, so that the sandbox and the kernels end too."""
    raise KeyboardInterrupt
