"""The kernels that notebooks run in: warm ones, forked from a process with the imports done, or stock ones."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Awaitable, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import asyncio

    from workshop.kernels.manager import Manager
    from workshop.kernels.tokens import KernelTokens


KERNEL = "python3"
_ARGUMENTS = (
    "--IPKernelApp.log_level=CRITICAL",  # what matters to people is in the outputs
    "--HistoryManager.hist_file=:memory:",  # as nbclient has it: else all kernels would wait for one file
    "--Kernel._execute_sleep=0",  # after each cell, for clients that do not wait until its outputs are complete
)


class KernelKind(StrEnum):
    """How a notebook's kernel is started."""

    WARM = "warm"
    STOCK = "stock"


_NAMES = {KernelKind.WARM: "python3-warm", KernelKind.STOCK: KERNEL}  # of their descriptions


def default_kind() -> KernelKind:
    """Return the fastest kind of kernel that this system has."""
    return KernelKind.WARM if sys.platform == "linux" else KernelKind.STOCK


def warm_up(kind: KernelKind) -> None:
    """Start what warm kernels are forked from, without waiting for it, so that it has its imports done when needed."""
    if kind is KernelKind.WARM:
        from workshop.kernels.pool import pool
        from workshop.kernels.preload import NOTEBOOK_MODULES
        from workshop.kernels.request import WarmStartError

        with contextlib.suppress(WarmStartError):  # then kernels start as usual
            pool.warm_up(((sys.executable,), NOTEBOOK_MODULES), os.environ)


class Kernels:
    """The kernels of notebooks that run one after the other: each is started while the notebook before it runs.

    Used in a ``with``, at whose end all of them have ended. All of it is done by the event loop of the thread, in which
    notebooks are executed too; so it goes on whenever one is. The environment is all the variables that kernels get.
    Where there are ``tokens``, those that they have got are collected there.
    """

    def __init__(self, kind: KernelKind, environment: Mapping[str, str], tokens: KernelTokens | None = None) -> None:
        self._kind = kind
        self._environment = dict(environment)
        self._tokens = tokens
        self._starting: tuple[Path, asyncio.Task[Manager]] | None = None
        self._ending: list[asyncio.Task[None]] = []
        self._interrupted: set[asyncio.Task[object]] | None = None  # once it was: what waited for a kernel, if anything
        self._sockets: tempfile.TemporaryDirectory[str]

    def __enter__(self) -> Self:
        self._sockets = tempfile.TemporaryDirectory(prefix="kernels-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._sockets:
            self._abandon()
            self._complete(self._finish())

    def prepare(self, folder: Path) -> None:
        """Begin to start the kernel of the next notebook, which is in ``folder``."""
        if self._starting is None:
            self._starting = (folder, _loop().create_task(self._start(folder)))

    def take(self, folder: Path) -> Manager:
        """Return the manager of a kernel that has been started in ``folder``, for one notebook.

        Raises:
            RuntimeError, OSError: It cannot be started.
        """
        if self._starting is not None and self._starting[0] != folder:
            self._abandon()
        self.prepare(folder)
        assert self._starting is not None
        _, task = self._starting
        try:
            manager = _loop().run_until_complete(task)
        finally:
            if task.done():  # else the user has interrupted, and what is on its way ends with the rest
                self._starting = None
        if self._tokens is not None:
            _loop().run_until_complete(self._tokens.hand_over(manager))
        return manager

    def give_back(self, manager: Manager) -> None:
        """Begin to end a kernel that was taken."""
        try:
            if self._tokens is not None:
                if self._interrupted is not None:  # it may still be at its cell, and would not answer
                    self._complete(manager.interrupt_kernel())
                    manager.connect()  # what waited for the others' answers may still do so
                self._complete(self._tokens.collect(manager))
        finally:
            self._ending.append(_loop().create_task(_shut_down(manager)))

    def interrupted(self) -> None:
        """Let what waits for a kernel fail unseen: the kernel is about to end, and Python would print that it did."""
        import asyncio

        self._interrupted = asyncio.all_tasks(_loop()) - {*self._ending}
        for task in self._interrupted:
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _complete(self, work: Awaitable[object]) -> None:
        """Do it to its end: a task that Ctrl-C hit hands it on, and the loop raises it anew for each that waits.

        What it was raised in may have left a callback in the loop that stops it: then it goes on.
        """
        import asyncio

        loop, ended, raised = _loop(), False, 0

        def end(_: object) -> None:
            nonlocal ended
            ended = True
            loop.stop()

        task = asyncio.ensure_future(work, loop=loop)
        task.add_done_callback(end)
        while not ended:
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                raised += 1
                if raised > len(self._interrupted or ()):
                    raise
        task.result()

    def _abandon(self) -> None:
        if self._starting is not None:
            self._ending.append(_loop().create_task(_end(self._starting[1])))
            self._starting = None

    async def _finish(self) -> None:
        import asyncio  # not above: what notebooks wait for is to be started before

        for came in await asyncio.gather(*self._ending, return_exceptions=True):
            if isinstance(came, BaseException):
                raise came

    async def _start(self, folder: Path) -> Manager:
        from workshop.kernels.manager import make_manager

        manager = make_manager(_NAMES[self._kind], Path(self._sockets.name))
        try:
            await manager.start_connected(cwd=str(folder), env=self._environment, extra_arguments=list(_ARGUMENTS))
        except BaseException:
            await _shut_down(manager)
            raise
        return manager


async def _end(starting: asyncio.Task[Manager]) -> None:
    """End a kernel that nobody has taken."""
    with contextlib.suppress(RuntimeError, OSError):  # it did not start: whoever takes it would have been told
        await _shut_down(await starting)


async def _shut_down(manager: Manager) -> None:
    try:
        if await manager.is_alive():
            await manager.shutdown_kernel()
    finally:
        await manager.cleanup_resources()
        for client in manager.clients:
            client.stop_channels()


def _loop() -> asyncio.AbstractEventLoop:
    """The loop in which nbclient, too, does its work in this thread."""
    from jupyter_core.utils import ensure_event_loop

    return ensure_event_loop()
