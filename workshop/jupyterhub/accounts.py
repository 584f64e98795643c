"""Under which user of this computer each learner's server runs.

If the hub is run by root, each learner has a user id of their own: no account with a name or a password, just a number
that owns the learner's notebooks and processes. Nobody can then read another's files or memory, nor the trainer's. No
two classes on a computer share one. If anybody else runs the hub, all servers run as that user.
"""

import itertools
import json
import os
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.folder import ClassFolder
from workshop.errors import WorkshopError
from workshop.files import write_private

FIRST_USER_ID = 80_001  # between those that Debian gives to people and services, and those of containers
USER_IDS = Path("/var/lib/managed-identity-class/user-ids.json")
_PASSABLE = 0o711  # others may pass through a folder, but not see what is in it


@dataclass(frozen=True)
class Account:
    """Whom a learner's processes belong to; ``user_id`` is None where that is who runs the hub."""

    user_id: int | None
    home: Path

    @property
    def popen_options(self) -> dict[str, Any]:
        """What `subprocess.Popen` needs to start a process of theirs."""
        if self.user_id is None:
            return {"cwd": str(self.home)}
        own = {"user": self.user_id, "group": self.user_id, "extra_groups": [], "umask": 0o077}
        return {"cwd": str(self.home), **own}


def user_ids_file() -> Path:
    """Return where the user ids of all classes on this computer are; ``WORKSHOP_USER_IDS`` names another file."""
    return Path(os.environ.get("WORKSHOP_USER_IDS", USER_IDS))


def take_user_ids(file: Path, classroom: Classroom, learners: Sequence[Learner]) -> dict[str, int]:
    """Return the learners' user ids by handle; whoever has none yet gets the next that is free, for ever.

    Raises:
        WorkshopError: The file cannot be read or written: nobody gets a user id that may be another's.
    """
    keys = {learner.handle: f"{classroom.id}/{learner.number}" for learner in learners}
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            taken: dict[str, int] = json.loads(file.read_text("utf-8")) if file.exists() else {}
            free = itertools.count(max(taken.values(), default=FIRST_USER_ID - 1) + 1)
            if new := {key: next(free) for key in keys.values() if key not in taken}:
                taken |= new
                write_private(file, json.dumps(taken, indent=1) + "\n")
    except (OSError, ValueError) as error:
        raise WorkshopError(f"The learners' user ids in {file} cannot be read or written: {error}.") from error
    return {handle: taken[key] for handle, key in keys.items()}


def account_of(learner: Learner, folder: ClassFolder, user_ids: Path | None) -> Account:
    """Return whom a learner's processes belong to; without a file of user ids that is the user who runs the hub."""
    own = None if user_ids is None else take_user_ids(user_ids, folder.load(), [learner])[learner.handle]
    return Account(own, folder.of(learner).notebooks)


def open_way(folder: ClassFolder) -> None:
    """Let learners pass through the class's folder to their own notebooks; they see nothing on the way."""
    for path in (folder.path, folder.path / "learners", *(folder.path / "learners").iterdir()):
        if path.is_dir() and not path.is_symlink():
            path.chmod(_PASSABLE)


def hand_over(account: Account) -> None:
    """Give a learner what the trainer wrote into their folder.

    Likewise what they wrote as another user: a class that goes on with another computer has other user ids there. Links
    are not followed, and files that have other names, too, stay as they are: the learner may have put them there.
    """
    if account.user_id is None:
        return
    trainers = {0, account.home.parent.stat().st_uid}
    os.chown(account.home, account.user_id, account.user_id, follow_symlinks=False)
    for _, folders, files, where in os.fwalk(account.home):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=where, follow_symlinks=False)
            theirs = found.st_uid in trainers or found.st_uid >= FIRST_USER_ID
            if theirs and (stat.S_ISDIR(found.st_mode) or found.st_nlink == 1):
                os.chown(name, account.user_id, account.user_id, dir_fd=where, follow_symlinks=False)


def check_reachable(account: Account, python: Sequence[str]) -> None:
    """Try, as a learner, what their server needs: their folder, and Python with JupyterHub; or raise WorkshopError."""
    tries = {
        str(account.home): ["/bin/sh", "-c", "exec test -r . -a -w ."],
        python[0]: [*python, "-c", "import jupyterhub.singleuser, jupyterlab, helpers"],
    }
    for path, command in tries.items():
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, **account.popen_options)
            said = done.stderr.strip().rpartition("\n")[2] if done.returncode else None
        except OSError as error:
            said = error.strerror
        if said is not None:
            raise WorkshopError(
                f"A learner's server, run as user {account.user_id}, cannot use {path} ({said or 'no reason given'}). "
                "All folders on the way to it need the right x for others; a home such as /root has not. Put the "
                "project and the class's folder somewhere like /srv, or run the hub as an ordinary user."
            )
