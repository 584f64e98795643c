"""The zygotes of this process, and which of them, if any, a kernel can be forked from."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping

from workshop.kernels.channel import ForkRequest
from workshop.kernels.handles import WarmProcess, WarmStartError, Zygote, ZygoteGoneError

RETRY_AFTER = 300.0  # seconds in which a recipe that failed is not tried again
MOST_ZYGOTES = 3  # for one recipe, each for another environment

Recipe = tuple[tuple[str, ...], tuple[str, ...]]


class Pool:
    """Starts zygotes on first use, replaces those that ended or are out of date, and remembers failures.

    A recipe is an interpreter command and the modules to import. Usable from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zygotes: list[Zygote] = []
        self._leaving: list[Zygote] = []  # kept until they can be reaped
        self._failures: dict[Recipe, tuple[float, str]] = {}

    def warm_up(self, recipe: Recipe, env: Mapping[str, str]) -> None:
        """Start a zygote unless there is one, without waiting for its imports.

        Raises:
            WarmStartError: it cannot be started here.
        """
        require_fork()
        with self._lock:
            if not self._of(recipe):
                self._start(recipe, env)

    def fork(self, recipe: Recipe, request: ForkRequest, stdio: list[int]) -> WarmProcess:
        """Fork a kernel from a zygote that fits, started if need be.

        Args:
            recipe: interpreter command and modules.
            request: what the kernel is to be.
            stdio: descriptors for its standard input, output and error; the caller still closes them.

        Raises:
            WarmStartError: start a normal kernel instead.
        """
        require_fork()
        try:
            return self._fitting(recipe, request["env"]).fork(request, stdio)
        except ZygoteGoneError:
            return self._fitting(recipe, request["env"]).fork(request, stdio)

    def pids(self) -> list[int]:
        """Process ids of the zygotes that serve."""
        with self._lock:
            return [zygote.pid for zygote in self._zygotes if zygote.serves()]

    def close(self) -> None:
        """Retire all zygotes and forget failures."""
        with self._lock:
            for zygote in self._zygotes:
                zygote.retire()
            self._failures.clear()

    def start_over(self) -> None:
        """After a fork of this process: its zygotes serve the parent, not the child."""
        self._lock = threading.Lock()
        self._leaving += self._zygotes  # kept: to drop a handle would be to warn of a process that runs
        self._zygotes = []

    def _fitting(self, recipe: Recipe, env: Mapping[str, str]) -> Zygote:
        with self._lock:
            until, reason = self._failures.get(recipe, (0.0, ""))
            if time.monotonic() < until:
                raise WarmStartError(reason)
            zygote = self._find(recipe, env) or self._start(recipe, env)
            self._await_imports(zygote)
            return zygote

    def _find(self, recipe: Recipe, env: Mapping[str, str]) -> Zygote | None:
        fitting = None
        for zygote in self._of(recipe):
            self._await_imports(zygote)
            if not zygote.up_to_date():
                zygote.retire()
            elif not zygote.differs(env):
                fitting = zygote
        others = self._of(recipe)
        if fitting is None and len(others) >= MOST_ZYGOTES:
            raise WarmStartError(f"the environment has another {', '.join(others[-1].differs(env))}")
        return fitting

    def _of(self, recipe: Recipe) -> list[Zygote]:
        for zygote in list(self._zygotes):
            if not zygote.serves():
                zygote.retire()
                self._zygotes.remove(zygote)
                self._leaving.append(zygote)
        self._leaving = [zygote for zygote in self._leaving if zygote.runs()]
        return [zygote for zygote in self._zygotes if zygote.recipe == recipe]

    def _start(self, recipe: Recipe, env: Mapping[str, str]) -> Zygote:
        try:
            zygote = Zygote(*recipe, env)
        except OSError as error:
            raise WarmStartError(str(error)) from error
        self._zygotes.append(zygote)
        return zygote

    def _await_imports(self, zygote: Zygote) -> None:
        try:
            zygote.report()
        except WarmStartError as error:
            zygote.retire()
            self._failures[zygote.recipe] = (time.monotonic() + RETRY_AFTER, str(error))
            raise


def require_fork() -> None:
    """Check that kernels can be forked on this system.

    Raises:
        WarmStartError: not here.
    """
    if sys.platform != "linux" or not hasattr(os, "fork"):
        raise WarmStartError("kernels are forked on Linux only")


pool = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.start_over)
