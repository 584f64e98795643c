"""Compute's own quotas, beside Resource Manager's: a bucket for each machine and one for the subscription.

Sizes and refills are those that Azure documents for virtual machines; ``x-ms-ratelimit-remaining-resource`` tells what
is left in each bucket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

HEADER = "x-ms-ratelimit-remaining-resource"
_NAMESPACE = "Microsoft.Compute/"
_SUBSCRIPTION = "subscription"
_REMEMBERED = 10_000  # buckets; by the time one is forgotten it is full again


@dataclass(frozen=True, slots=True)
class _Limit:
    """A bucket's ``size``, and how many requests it is refilled with in a minute."""

    size: int
    refill: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Which requests count together, and how many there may be in the subscription and for one machine."""

    name: str
    subscription: _Limit
    resource: _Limit | None


PUT = Policy("PutVM", _Limit(1500, 500), _Limit(12, 4))
UPDATE = Policy("UpdateVM", _Limit(1500, 500), _Limit(12, 4))
DELETE = Policy("DeleteVM", _Limit(1500, 500), _Limit(12, 4))
GET = Policy("LowCostGet", _Limit(24000, 8000), _Limit(36, 12))
LIST = Policy("HighCostGet", _Limit(900, 300), None)
POLL = Policy("GetOperation", _Limit(15000, 5000), _Limit(45, 15))


@dataclass(slots=True)
class _Bucket:
    level: float
    filled: float


@dataclass
class ComputeQuota:
    """Counts requests in memory: a restart fills every bucket."""

    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def take(self, policy: Policy, resource: str, now: datetime) -> tuple[str, int]:
        """Count one request.

        Args:
            policy: What it counts as.
            resource: The canonical id of the machine or operation it is about; not used by a list.
            now: The time.

        Returns:
            The value of the header, and how many seconds to wait if there were too many requests, else 0.
        """
        limits = [("SubscriptionMaximum", _SUBSCRIPTION, policy.subscription)]
        if policy.resource is not None:
            limits.append(("Resource", resource, policy.resource))
        left, wait = [], 0
        for suffix, key, limit in limits:
            remaining, seconds = self._take(f"{policy.name}{suffix}", key, limit, now.timestamp())
            left.append(f"{_NAMESPACE}{policy.name}{suffix};{remaining}")
            wait = max(wait, seconds)
        return ",".join(left), wait

    def _take(self, name: str, key: str, limit: _Limit, moment: float) -> tuple[int, int]:
        bucket = self._buckets.pop((name, key), None) or _Bucket(limit.size, moment)
        self._buckets[name, key] = bucket  # at the end: the front of the dictionary is what was used least lately
        while len(self._buckets) > _REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        elapsed = max(0.0, moment - bucket.filled)
        bucket.level = min(limit.size, bucket.level + elapsed * limit.refill / 60)
        bucket.filled = moment
        if bucket.level < 1:
            return 0, math.ceil((1 - bucket.level) * 60 / limit.refill)
        bucket.level -= 1
        return math.floor(bucket.level), 0
