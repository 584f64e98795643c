"""ARM's quotas: a bucket of requests for each caller and kind of request, refilled as time passes.

Sizes and rates are ARM's documented ones for a subscription (250 reads and 25 a second more, 200 writes or deletes and
10 a second more).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

_SIZES = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


def quota_kind(method: str) -> str:
    """Return which quota a request counts against: reads, writes or deletes."""
    return _KINDS.get(method, "writes")


@dataclass(slots=True)
class _Bucket:
    level: float
    filled: float


class Throttle:
    """Counts requests by caller and kind."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, caller: str, kind: str, now: datetime) -> int:
        """Count one request; return how many more may come at once, or -1 if this one is too many."""
        size, rate = _SIZES[kind]
        moment = now.timestamp()
        bucket = self._buckets.setdefault((caller, kind), _Bucket(size, moment))
        bucket.level = min(size, bucket.level + max(0.0, moment - bucket.filled) * rate)
        bucket.filled = moment
        if bucket.level < 1:
            bucket.level = max(0.0, bucket.level)
            return -1
        bucket.level -= 1
        return math.floor(bucket.level)
