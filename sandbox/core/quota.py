"""Quotas: token buckets that requests take from, and that fill again as time passes.

They are kept in memory: a restart fills every bucket.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from cachetools import LRUCache

_REMEMBERED = 10_000  # buckets; by the time one is forgotten it is full again


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests may come at once, and how many more (``refill``) in any ``seconds``."""

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


class TokenBuckets:
    """A bucket for each key, full when it is first used."""

    def __init__(self) -> None:
        # For each bucket when the tokens that were taken come back, in milliseconds.
        self._returns: LRUCache[Hashable, deque[int]] = LRUCache(maxsize=_REMEMBERED)

    def take(self, key: Hashable, limit: Limit, now: float) -> tuple[int, int]:
        """Count one request; return how many more may come at once, and the seconds to wait if it is too many, else 0.

        ``now`` is in seconds since 1970. A key's ``limit`` is always the same. A token comes back no sooner than
        ``limit.seconds`` after it was taken, so where all of them can, no time of that length ever has more than
        ``limit.size`` requests.
        """
        moment, period = round(now * 1000), limit.seconds * 1000
        returns = self._returns.setdefault(key, deque())
        if returns and returns[0] > moment + period:  # the clock was set back
            later = returns[0] - moment - period
            returns = self._returns[key] = deque(at - later for at in returns)
        while returns and returns[0] <= moment:
            returns.popleft()
        if len(returns) == limit.size:
            return 0, -((moment - returns[0]) // 1000)
        before = returns[-limit.refill] if len(returns) >= limit.refill else moment
        returns.append(max(moment, before) + period)
        return limit.size - len(returns), 0

    def take_quota(self, quota: Quota, resource_id: str, now: float) -> tuple[str, int]:
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
