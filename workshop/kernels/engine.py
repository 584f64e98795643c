"""The papermill engine that runs each notebook in a warm kernel of its own."""

from __future__ import annotations

from typing import Any

from papermill.engines import (
    NBClientEngine,
    NotebookExecutionManager,
    papermill_engines,
)

from workshop.kernels.manager import WarmKernelManager

NAME = "warm"


class WarmEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """Papermill's own engine with warm kernels. What it saves is the same, the kernel's name included."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **kwargs: Any) -> None:
        """Execute a notebook; arguments as in papermill."""
        kwargs.setdefault("kernel_manager_class", WarmKernelManager)
        super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


def register() -> str:
    """Make the engine known to papermill.

    Returns:
        The name to pass as ``papermill.execute_notebook(engine_name=…)``.
    """
    papermill_engines.register(NAME, WarmEngine)
    return NAME
