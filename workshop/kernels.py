"""The kernels that notebooks run in: warm ones, forked from a process with the imports done, or stock ones."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager


class KernelKind(StrEnum):
    """How a notebook's kernel is started."""

    WARM = "warm"
    STOCK = "stock"


def default_kind() -> KernelKind:
    """Return the fastest kind of kernel that this system has."""
    return KernelKind.WARM if sys.platform == "linux" else KernelKind.STOCK


def warm_up(kind: KernelKind) -> None:
    """Start what warm kernels are forked from, without waiting for it, so that it has its imports done when needed."""
    if kind is KernelKind.WARM:
        from workshop.warm.owner import WarmStartError
        from workshop.warm.pool import pool
        from workshop.warm.preload import NOTEBOOK_MODULES

        with contextlib.suppress(WarmStartError):  # then kernels start as usual
            pool.warm_up(((sys.executable,), NOTEBOOK_MODULES), os.environ)


def kernel_manager(
    kind: KernelKind,
    environment: Mapping[str, str],
    on_start: Callable[[KernelManager], None] = lambda manager: None,
) -> type[KernelManager]:
    """Return the class of kernel managers that start kernels of this kind.

    Args:
        kind: warm or stock.
        environment: all variables that kernels get; this process's own are left alone.
        on_start: is told when a kernel has been started.
    """
    base = _base(kind)

    class Manager(base):  # type: ignore[misc,valid-type]
        async def start_kernel(self, **kwargs: Any) -> None:
            await super().start_kernel(**{**kwargs, "env": dict(environment)})
            on_start(self)

    return Manager


def _base(kind: KernelKind) -> type[KernelManager]:
    if kind is KernelKind.WARM:
        from workshop.warm.manager import WarmKernelManager

        return WarmKernelManager
    from jupyter_client.manager import AsyncKernelManager

    return AsyncKernelManager
