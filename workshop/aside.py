"""Processes of this project's own that run beside a command, for as long as it holds on to them."""

from __future__ import annotations

import subprocess
import sys

from workshop.places import ROOT

_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows only


def start_aside(module: str) -> subprocess.Popen[str]:
    """Start ``python -m module`` with pipes for what it reads and prints.

    Ctrl-C in the terminal is for the command alone. The process is to end with its standard input, which the system
    closes however the command ends.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        creationflags=_OWN_GROUP,
    )
