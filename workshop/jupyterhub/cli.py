"""The command ``hub``."""

import argparse
import re
from pathlib import Path

from workshop.command import add_class_folder, number

_MEMORY = re.compile(r"[1-9]\d{0,5}[KMGT]", re.ASCII)
_LONGEST_IDLE = 525_600  # minutes: a year


def add_hub(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``python -m workshop hub``."""
    parser.description = "Run JupyterHub for the class on this computer until Ctrl-C; the first time it is installed."
    add_class_folder(parser)
    url = "where browsers find it (default: %(default)s); beyond this computer it has to be https"
    parser.add_argument("--url", default="http://127.0.0.1:8000", metavar="URL", help=url)
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="the certificate for https, in PEM")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's key, in PEM")
    memory = "what each process of a learner may take (default: %(default)s)"
    parser.add_argument("--memory", type=_kilobytes, default="2G", metavar="SIZE", help=memory)
    minutes = number(f"minutes, 0 for never, and at most {_LONGEST_IDLE}", lambda found: 0 <= found <= _LONGEST_IDLE)
    idle = "when a server that nobody uses ends, 0 for never (default: %(default)s)"
    parser.add_argument("--idle", type=minutes, default=120, metavar="MINUTES", help=idle)
    parser.add_argument("--install", action="store_true", help="only install JupyterHub; nothing is started")
    parser.set_defaults(run=_hub)


def _kilobytes(text: str) -> int:
    if not _MEMORY.fullmatch(text):
        raise argparse.ArgumentTypeError(f"takes a size such as 2G or 800M, not '{text}'")
    return int(text[:-1]) << 10 * "KMGT".index(text[-1])


def _hub(options: argparse.Namespace) -> int:
    from workshop.classroom.folder import ClassFolder
    from workshop.jupyterhub.installation import ensure_installed
    from workshop.jupyterhub.launch import HubAddress, start_hub

    if options.install:
        print(f"JupyterHub is installed in {ensure_installed().path}.")
        return 0
    address = HubAddress(options.url, options.certificate, options.key)
    return start_hub(ClassFolder(options.folder), address, options.memory, options.idle)
