"""A Jupyter Server extension: does the imports while the server starts, so that its first kernel is warm too.

Enabled by ``--ServerApp.jpserver_extensions="{'workshop.kernels.server_extension': True}"``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from workshop.kernels.handles import WarmStartError
from workshop.kernels.pool import pool
from workshop.kernels.preload import NOTEBOOK_MODULES

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    try:
        pool.warm_up(((sys.executable,), NOTEBOOK_MODULES), os.environ)
    except WarmStartError as reason:
        server.log.info("No warm kernels: %s", reason)
