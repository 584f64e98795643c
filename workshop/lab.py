"""Opens the notebooks in JupyterLab, with the user's sandbox running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

from workshop.errors import WorkshopError
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS, ROOT
from workshop.sandbox import start_users_sandbox, users_environment

_ON_CTRL_C = -signal.SIGINT


def lab(port: int | None, arguments: Sequence[str]) -> int:
    """Start the user's sandbox unless it runs, and JupyterLab on the first notebook; return when that has ended.

    The sandbox stays. The variables that point Azure's clients to it are set for the server and so for its kernels.

    Args:
        port: JupyterLab's; None for its own choice.
        arguments: more arguments for JupyterLab.

    Returns:
        JupyterLab's exit status.

    Raises:
        UsageError: There are no notebooks.
        SandboxError: The sandbox does not start.
        WorkshopError: JupyterLab cannot be started.
    """
    first = find_series(NOTEBOOKS)[0]
    print(start_users_sandbox(), flush=True)
    command = lab_command(first.path.relative_to(ROOT).as_posix(), port, arguments)
    with _left_to_the_child(signal.SIGINT):
        try:
            status = subprocess.run(command, env={**os.environ, **users_environment()}, check=False).returncode
        except OSError as error:
            raise WorkshopError(f"JupyterLab cannot be started: {error.strerror}.") from error
    print("JupyterLab has stopped. The sandbox still runs; to stop it: python -m sandbox stop")
    return 0 if status == _ON_CTRL_C else status


def lab_command(notebook: str, port: int | None, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a JupyterLab that opens ``notebook``, a path from the repository's root.

    It stops at the first Ctrl-C, without asking.
    """
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{notebook}",
        "--ServerApp.answer_yes=True",
        *([f"--ServerApp.port={port}"] if port is not None else []),
        *arguments,
    ]


@contextlib.contextmanager
def _left_to_the_child(number: signal.Signals) -> Iterator[None]:
    """Let a signal from the terminal end the child alone.

    Not by ignoring it, which the child would inherit.
    """
    previous = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(number, previous)
