"""The one source of time: every timestamp, expiry and delay in the sandbox asks a ``Clock``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)


class FrozenClock:
    """A time that stands still until it is told to move; for tests."""

    def __init__(self, start: datetime = datetime(2024, 5, 28, 12, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time this clock was last set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        self._now += timedelta(seconds=seconds)


class ShiftedClock:
    """The machine's own time, moved forward on demand: for tests with clients that look at their own clock."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def now(self) -> datetime:
        """Return the machine's time and what was added to it."""
        return datetime.now(UTC) + self._shift

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        self._shift += timedelta(seconds=seconds)


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as ARM writes it: ISO 8601 with seven fractional digits and a ``Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
