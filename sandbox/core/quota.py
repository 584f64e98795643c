"""Quotas: token buckets that requests take from, refilled as time passes.

They are kept in memory: a restart fills every bucket.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

_REMEMBERED = 10_000  # buckets; by the time one is forgotten it is full again


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests may come at once, and how many more (``refill``) each ``seconds``."""

    size: int
    refill: int
    seconds: int


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
    level: int
    filled: int  # when, in milliseconds


class TokenBuckets:
    """A bucket for each key, full when it is first used."""

    def __init__(self) -> None:
        self._buckets: LRUCache[Hashable, _Bucket] = LRUCache(maxsize=_REMEMBERED)

    def take(self, key: Hashable, limit: Limit, now: datetime) -> tuple[int, int]:
        """Count one request; return how many more may come at once, and the seconds to wait if it is too many, else 0.

        A key's ``limit`` is always the same. The time to the next refill begins when a full bucket is taken from.
        """
        moment = round(now.timestamp() * 1000)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(limit.size, moment)
            self._buckets[key] = bucket
        refills = (moment - bucket.filled) // (limit.seconds * 1000)
        bucket.level = min(limit.size, bucket.level + max(0, refills) * limit.refill)
        if bucket.level == limit.size or refills < 0:  # below 0 the clock was set back
            bucket.filled = moment
        else:
            bucket.filled += refills * limit.seconds * 1000
        if bucket.level == 0:
            return 0, limit.seconds - (moment - bucket.filled) // 1000
        bucket.level -= 1
        return bucket.level, 0

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
