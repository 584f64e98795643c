"""The command ``hub``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from workshop.paths import CLASS


def add_hub(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``python -m workshop hub``."""
    parser.description = "Run JupyterHub for the class on this computer until Ctrl-C; the first time it is installed."
    parser.add_argument(
        "--folder",
        type=Path,
        default=CLASS,
        metavar="DIR",
        help="where the class is kept here (default: class)",
    )
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:8000",
        metavar="URL",
        help="where browsers find it (default: %(default)s); beyond this computer it has to be https",
    )
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="the certificate for https, in PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's key, in PEM")
    parser.add_argument(
        "--memory", default="2G", metavar="SIZE", help="what each process of a learner may take (default: %(default)s)"
    )
    parser.add_argument(
        "--idle",
        type=_minutes,
        default=120,
        metavar="MINUTES",
        help="when a server that nobody uses ends, 0 for never (default: %(default)s)",
    )
    parser.add_argument("--install", action="store_true", help="only install JupyterHub; nothing is started")
    parser.set_defaults(run=_hub)


def _minutes(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # which is refused with the limits


def _hub(options: argparse.Namespace) -> int:
    from workshop.classroom.folder import ClassFolder
    from workshop.jupyterhub.installation import ensure_installed
    from workshop.jupyterhub.launch import HubAddress, ServerLimits, start_hub

    if options.install:
        print(f"JupyterHub is installed in {ensure_installed().path}.")
        return 0
    address = HubAddress(options.url, options.certificate, options.key)
    return start_hub(ClassFolder(options.folder), address, ServerLimits(options.memory, options.idle))
