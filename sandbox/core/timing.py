"""How long things take: at once, or about as long as in Azure so that waiting can be taught."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds; whatever has no entry takes no time.

    ``poll_after`` is the pace in seconds at which clients are told to poll where Azure would leave them to their own
    30 seconds; None to say what Azure says.
    """

    name: str
    durations: Mapping[str, float]
    poll_after: float | None
    enforces_quotas: bool

    def seconds(self, what: str) -> float:
        """Return how long ``what`` takes."""
        return self.durations.get(what, 0.0)


INSTANT = Timing("instant", {}, poll_after=0.02, enforces_quotas=False)

# Rounded from what learners see in Azure on a good day; Azure documents up to 10 minutes for a grant.
REALISTIC = Timing(
    "realistic",
    {
        "vm.create": 40,
        "vm.update": 10,
        "vm.delete": 30,
        "vm.start": 20,
        "vm.restart": 20,
        "vm.powerOff": 15,
        "vm.deallocate": 30,
        "vm.redeploy": 60,
        "network.write": 3,
        "network.delete": 3,
        "group.delete": 60,
        "grant.effect": 45,
        "revoke.effect": 45,
        "identity.reaches.vm": 5,
        "provider.register": 20,
    },
    poll_after=None,
    enforces_quotas=True,
)

TIMINGS: Mapping[str, Timing] = {timing.name: timing for timing in (INSTANT, REALISTIC)}
