"""What becomes of a row that failed: whether it is run again."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.batch.sandboxes import WatchedSandbox
from workshop.batch.standing import Standing
from workshop.sandbox import SANDBOX

_EXCUSES = 2  # times that a row is run again for a reason that is not its own


@dataclass(frozen=True)
class Policy:
    """When to go on.

    Attributes:
        retries: how often a row that fails is run again.
        fail_fast: whether no row is begun after one that failed for good.
    """

    retries: int = 0
    fail_fast: bool = False


class Judge:
    """Tells a row's own failures from those that happened to it.

    Args:
        policy: on the first kind. Of the second, two for each row are not counted.
        sandbox: that rows with that target run against; None if there are no such rows.
    """

    def __init__(self, policy: Policy, sandbox: WatchedSandbox | None) -> None:
        self.policy = policy
        self._sandbox = sandbox

    def begins(self, standing: Standing) -> None:
        """Note what a row that begins relies on."""
        standing.generation = self._sandbox.generation if self._sandbox else 0

    def again(self, standing: Standing, kernel_died: bool) -> bool:
        """Say whether a row that failed is to be run once more, and count the failure.

        Raises:
            SandboxError: The sandbox is gone for good.
        """
        if standing.excused < _EXCUSES and (kernel_died or self._sandbox_restarted(standing)):
            standing.excused += 1
            return True
        standing.failures += 1
        return standing.failures <= self.policy.retries

    def _sandbox_restarted(self, standing: Standing) -> bool:
        if self._sandbox is None or standing.row.target != SANDBOX:
            return False
        return self._sandbox.check() != standing.generation
