"""Opens a learner's copy of the notebooks in JupyterLab, with the user's sandbox running."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from workshop.command import run_by_root, signals_to
from workshop.errors import UsageError, WorkshopError, reason_of, translate_os_errors
from workshop.notebooks.learner_copies import ELSEWHERE, HOME, LAYOUTS, make_copy, outdated, set_aside
from workshop.paths import COPY, NOTEBOOKS, ROOT
from workshop.sandbox import DIRECTORY, start_users_sandbox, users_directory

_ON_CTRL_C = -signal.SIGINT
_AS_ROOT = "--allow-root"


def open_copy(folder: Path, *, fresh: bool = False) -> None:
    """Make the copy of the course in ``folder``, complete it, or leave it as it is; say which.

    With ``fresh`` begin again; the folder that is there is kept under another name.
    """
    _require_learners(folder, fresh)
    kept = set_aside(folder) if fresh else None
    if kept:
        print(f"What you did so far is kept in {kept}.")
    new = make_copy(folder)
    what = f"with {len(new)} new notebooks" if new else "as you left it"
    print(f"Your copy of the course, {what}: {folder}", flush=True)
    if old := outdated(folder):
        names = ", ".join(path.stem[:2] if path.name != HOME else path.name for path in old)
        print(
            f"The course has changed since then ({names}), so cells in it may fail. {_begin_again(folder)}", flush=True
        )


def _begin_again(folder: Path) -> str:
    named = "" if folder == COPY else f" --folder {shlex.quote(str(folder))}"
    return f"To begin again, with this copy kept beside the new one: python -m workshop lab --fresh{named}"


def _require_learners(folder: Path, fresh: bool) -> None:
    """Refuse the course itself, and to set aside what is more than a copy of it."""
    found = folder.resolve()
    if found == NOTEBOOKS or (fresh and ROOT.is_relative_to(found)):
        raise UsageError(f"{folder} is where the course itself is. {ELSEWHERE}")
    if fresh and found.is_file():
        raise UsageError(f"{folder} is a file, and stays as it is. {ELSEWHERE}")
    if fresh and found.is_dir() and any(found.iterdir()) and not (found / HOME).exists():
        raise UsageError(f"{folder} is no copy of the course, and stays as it is. {ELSEWHERE}")


def lab(folder: Path, port: int | None, arguments: Sequence[str]) -> int:
    """Start the user's sandbox unless it runs, and JupyterLab on a copy; return its exit status when it has ended.

    The sandbox stays. Nothing points the server, its terminals or its kernels to it: notebooks find it by themselves
    if they are to work on it, and everything else is as outside.
    """
    _require_folder()
    for address in open_already(folder):
        print(f"JupyterLab has this copy open already, and each would overwrite what the other saves: {address}")
    print(start_users_sandbox(), flush=True)
    if run_by_root() and _AS_ROOT not in arguments:
        print(f"You are root, as containers often have it: JupyterLab is started with {_AS_ROOT}.", flush=True)
        arguments = [_AS_ROOT, *arguments]
    command = lab_command(folder / HOME, port, arguments)
    # Ctrl-C ends the child alone. It is not ignored, which the child would inherit.
    with signals_to(lambda: None, signal.SIGINT), translate_os_errors("JupyterLab cannot be started"):
        status = subprocess.run(command, env=_environment(), check=False).returncode
    print("JupyterLab has stopped. The sandbox still runs; to stop it: python -m sandbox stop")
    return 0 if status == _ON_CTRL_C else status


def open_already(folder: Path) -> Iterator[str]:
    """Yield where JupyterLab shows this folder already, as the address that opens it."""
    if not any(Path(jupyter_runtime_dir()).glob("jpserver-*.json")):
        return  # without the import, which takes longer than all else here
    from jupyter_server.serverapp import list_running_servers

    for server in list_running_servers():
        if Path(server["root_dir"]).resolve() == folder.resolve():
            yield f"{server['url']}lab?token={server['token']}"


def lab_command(notebook: Path, port: int | None, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a JupyterLab that opens ``notebook`` and shows the folder that it is in.

    It stops at the first Ctrl-C, without asking.
    """
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={notebook.parent.absolute()}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
        f"--LabApp.workspaces_dir={notebook.parent.absolute() / LAYOUTS}",
        "--ServerApp.answer_yes=True",
        "--ServerApp.jpserver_extensions={'workshop.server_extension': True}",
        *([f"--ServerApp.port={port}"] if port is not None else []),
        *arguments,
    ]


def _require_folder() -> None:
    folder = Path(jupyter_runtime_dir())
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WorkshopError(
            f"JupyterLab keeps files in {folder}, which cannot be made: {reason_of(error)}. Name a home folder that "
            "can be written to, with the environment variable HOME."
        ) from error


def _environment() -> dict[str, str]:
    """This process's; a folder of the sandbox that the user has chosen is the same from the notebooks' folder."""
    directory = users_directory()
    return {**os.environ, **({DIRECTORY: directory} if directory else {})}
