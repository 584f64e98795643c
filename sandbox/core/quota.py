"""Quotas: token buckets that requests take from, refilled as time passes.

They are kept in memory: a restart fills every bucket.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from sandbox.core.recent import LRUCache

_REMEMBERED = 10_000  # buckets; by the time one is forgotten it is full again


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests may come at once, and how many more each minute."""

    size: int
    per_minute: int


@dataclass(frozen=True, slots=True)
class Quota:
    """Which requests of a provider count together, and how many there may be in all and for one resource.

    ``name`` is what the provider calls it: ``Microsoft.Compute/UpdateVM``.
    """

    name: str
    subscription: Limit
    resource: Limit | None = None


@dataclass(slots=True)
class _Bucket:
    level: float
    filled: float


class TokenBuckets:
    """A bucket for each key, full when it is first used."""

    def __init__(self) -> None:
        self._buckets: LRUCache[Hashable, _Bucket] = LRUCache(_REMEMBERED)

    def take(self, key: Hashable, limit: Limit, now: datetime) -> tuple[int, int]:
        """Count one request; return how many more may come at once, and the seconds to wait if it is too many, else 0.

        A bucket's ``limit`` is always the same.
        """
        moment = now.timestamp()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(limit.size, moment)
            self._buckets.put(key, bucket)
        elapsed = max(0.0, moment - bucket.filled)
        bucket.level = min(limit.size, bucket.level + elapsed * limit.per_minute / 60)
        bucket.filled = moment
        if bucket.level < 1:
            return 0, math.ceil((1 - bucket.level) * 60 / limit.per_minute)
        bucket.level -= 1
        return math.floor(bucket.level), 0

    def take_quota(self, quota: Quota, resource_id: str, now: datetime) -> tuple[str, int]:
        """Count one request against a provider's quota; return what is left, as its header says it, and the wait."""
        limits = [("SubscriptionMaximum", "", quota.subscription)]
        if quota.resource is not None:
            limits.append(("Resource", resource_id, quota.resource))
        left, wait = [], 0
        for suffix, key, limit in limits:
            remaining, seconds = self.take((quota.name + suffix, key), limit, now)
            left.append(f"{quota.name}{suffix};{remaining}")
            wait = max(wait, seconds)
        return ",".join(left), wait
