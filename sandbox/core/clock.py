"""The one source of time: every timestamp, expiry and delay in the sandbox asks a ``Clock``."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def seconds(self) -> float:
        """Return the current time in seconds since 1970: for what compares times, and is asked often."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return the current time in seconds since 1970."""
        return time.time()


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as ARM writes it: ISO 8601 with seven fractional digits and a ``Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
