"""Clocks that move when they are told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A time that stands still until it is told to move."""

    def __init__(self, start: datetime = datetime(2024, 5, 28, 12, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time this clock was last set to."""
        return self._now

    def seconds(self) -> float:
        """Return that time in seconds since 1970."""
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        self._now += timedelta(seconds=seconds)


class PassingTime:
    """A time that passes only by sleeping; in place of the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds that were slept so far."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.pauses.append(seconds)
        self.now += seconds


class ShiftedClock:
    """The machine's own time, moved forward on demand: for clients that look at their own clock."""

    def __init__(self) -> None:
        self.shift = timedelta()
        self._stopped: datetime | None = None

    def now(self) -> datetime:
        """Return the machine's time and what was added to it."""
        return (self._stopped or datetime.now(UTC)) + self.shift

    def seconds(self) -> float:
        """Return that time in seconds since 1970."""
        return self.now().timestamp()

    def stop(self) -> None:
        """Stand still from now on, until told to move: for what would depend on how fast a machine is."""
        self._stopped = datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        self.shift += timedelta(seconds=seconds)
