"""How much is tried: the same few hundred requests at each run, or other ones at every run and as many as asked for.

    SANDBOX_FUZZ=50 python -m pytest tests/specifications/fuzz

tries fifty times as much as without the variable.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_TIMES = int(os.environ.get("SANDBOX_FUZZ", "0"))


def thorough(examples: int, steps: int = 50) -> settings:
    """Settings that try ``examples``, of so many steps in a state machine, or as many times more as are asked for."""
    return settings(
        max_examples=examples * max(_TIMES, 1),
        stateful_step_count=steps,
        derandomize=_TIMES == 0,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
