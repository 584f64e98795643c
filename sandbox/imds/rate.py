"""How often a machine may ask its metadata service."""

from __future__ import annotations

from collections import deque


class Rate:
    """Admits at most ``limit`` requests in any ``seconds``."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._admitted: deque[float] = deque(maxlen=limit)

    def admits(self, now: float) -> bool:
        """Tell whether a request at ``now`` (seconds) may pass, and count it if so."""
        full = len(self._admitted) == self._admitted.maxlen
        if full and 0 <= now - self._admitted[0] < self._seconds:
            return False
        self._admitted.append(now)
        return True
