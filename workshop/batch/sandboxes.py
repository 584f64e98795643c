"""The sandbox of a batch, seen from the runner: whether it is still the one that a row was begun with."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from workshop.errors import SandboxError
from workshop.sandbox import DIRECTORY, sandbox_command

_COME_BACK = 60.0  # seconds for a sandbox that somebody else restarts
_LOOK = 0.5  # seconds between two looks


class WatchedSandbox:
    """Notices when the sandbox was restarted, which a row that ran meanwhile need not survive.

    Args:
        environment: the variables that point to it.
        ours: whether it was started for this batch; if it ends, it is started again, with all it held.
    """

    def __init__(self, environment: Mapping[str, str], ours: bool) -> None:
        self.environment = environment
        self._ours = ours
        self._process = self._look()
        self._generation = 0

    @property
    def generation(self) -> int:
        """How often it was seen to have been restarted."""
        return self._generation

    def check(self) -> int:
        """See whether it still runs, and have it back if it does not; return its generation.

        Raises:
            SandboxError: It is gone for good.
        """
        process = self._look()
        if process is None:
            process = self._revived()
        if process != self._process:
            self._process = process
            self._generation += 1
        return self._generation

    def _revived(self) -> int:
        if self._ours:
            try:
                self._command("start")
            except SandboxError as error:
                raise SandboxError(f"The sandbox of this batch ended and does not start again: {error}") from error
        deadline = time.monotonic() + _COME_BACK
        while (process := self._look()) is None:
            if time.monotonic() > deadline:
                raise SandboxError(f"The sandbox ended, and has not come back in {_COME_BACK:.0f} seconds.")
            time.sleep(_LOOK)
        return process

    def _look(self) -> int | None:
        """Its process id, or None if it does not run."""
        try:
            process: int = json.loads(self._command("status", "--json"))["process"]
        except SandboxError:
            return None
        return process

    def _command(self, *words: str) -> str:
        return sandbox_command(*words, directory=self.environment.get(DIRECTORY))
