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
from workshop.sandbox import DIRECTORY, start_users_sandbox, users_directory

_ON_CTRL_C = -signal.SIGINT
_AS_ROOT = "--allow-root"


def lab(port: int | None, arguments: Sequence[str]) -> int:
    """Start the user's sandbox unless it runs, and JupyterLab on the first notebook; return when that has ended.

    The sandbox stays. Nothing points the server, its terminals or its kernels to it: notebooks find it by themselves
    if they are to work on it, and everything else is as outside.

    Args:
        port: JupyterLab's; None for its own choice.
        arguments: more of them for JupyterLab.

    Returns:
        JupyterLab's exit status.

    Raises:
        UsageError: There are no notebooks.
        SandboxError: The sandbox does not start.
        WorkshopError: JupyterLab cannot be started.
    """
    first = find_series(NOTEBOOKS)[0]
    print(start_users_sandbox(), flush=True)
    if _is_root() and _AS_ROOT not in arguments:
        print(f"You are root, as containers often have it: JupyterLab is started with {_AS_ROOT}.", flush=True)
        arguments = [_AS_ROOT, *arguments]
    command = lab_command(first.path.relative_to(ROOT).as_posix(), port, arguments)
    with _left_to_the_child(signal.SIGINT):
        try:
            status = subprocess.run(command, env=_environment(), check=False).returncode
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
        "--ServerApp.jpserver_extensions={'workshop.server_extension': True}",
        *([f"--ServerApp.port={port}"] if port is not None else []),
        *arguments,
    ]


def _environment() -> dict[str, str]:
    """This process's; a folder of the sandbox that the user has chosen is the same from the notebooks' folder."""
    directory = users_directory()
    return {**os.environ, **({DIRECTORY: directory} if directory else {})}


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


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
