"""The command line of the sandbox, without a Python of its own for each command."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout

from sandbox.cli import main
from tests.support.forks import forking


def sandbox_command(*words: str) -> subprocess.CompletedProcess[str]:
    """Do in this process what ``python -m sandbox`` does; the sandbox that it starts is a process, too, but forked."""
    out, err = io.StringIO(), io.StringIO()
    with forking(), redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as end:  # argparse's, after a help text or for words that it does not know
            status = int(end.code or 0)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())
