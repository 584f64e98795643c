"""What JupyterHub is configured with: who may sign in, where they arrive, and each learner's Jupyter server.

A server runs in the learner's own folder, with their own credential, as their own user.
"""

import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Bool, Unicode

from workshop.classroom.classroom import TRAINER, Learner
from workshop.classroom.folder import ClassFolder, read_passwords
from workshop.errors import WorkshopError
from workshop.files import write_private
from workshop.jupyterhub.accounts import Account, account_of, hand_over, open_way, user_ids_file
from workshop.sandbox import without_azure

_SHELL = "/bin/bash"


class ClassAuthenticator(Authenticator):  # type: ignore[misc]  # Any to mypy: JupyterHub has an environment of its own
    """Compares with the list of sign-ins, read anew each time: whoever is added can sign in at once."""

    sign_ins = Unicode(help="The file with everybody's password.").tag(config=True)

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> str | None:
        """Return who that is, or None."""
        name = str(data.get("username", "")).strip().casefold()
        given = str(data.get("password", "")).strip()
        known = read_passwords(Path(self.sign_ins)).get(name, "")
        fits = hmac.compare_digest(known.encode(), given.encode("utf-8", "surrogatepass"))
        return name if known and fits else None

    async def check_allowed(self, username: str, auth_model: Any = None) -> bool:
        """Allow whoever has a password."""
        return username in read_passwords(Path(self.sign_ins))

    def is_admin(self, handler: Any, authentication: Mapping[str, Any]) -> bool:
        """Make the trainer the hub's administrator."""
        return bool(authentication["name"] == TRAINER)


def landing_page(handler: Any) -> str:
    """Return where to go after signing in: the trainer to the page of all servers, learners to their own."""
    user = handler.current_user
    return str(handler.hub.base_url) + "admin" if user is not None and user.admin else ""


class LearnerSpawner(LocalProcessSpawner):  # type: ignore[misc]  # Any to mypy, as Authenticator is
    """Starts the server of whoever has signed in; the trainer has none."""

    class_folder = Unicode(help="The class's folder.").tag(config=True)
    separate_users = Bool(help="Whether each learner has a user id of their own; only root can do that.").tag(
        config=True
    )

    def make_preexec_fn(self, name: str) -> None:
        """Do nothing between fork and exec: Popen itself changes the user."""

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Return the server's environment: the learner's home, and their credential in place of anybody else's."""
        account = self._account()
        credential = self._folder().of(self._learner()).read_environment() or {}
        own = {"USER": self.user.name, "LOGNAME": self.user.name, "HOME": str(account.home), "SHELL": _SHELL}
        return {**without_azure(env), **own, **credential}

    async def start(self) -> Any:
        """Start the server; return where it listens. Who is not of the class, or was not provided for, has none."""
        account = self._account()
        folder = self._folder()
        if not account.home.is_dir():
            command = folder.command(f"provision {self.user.name} --yes")
            raise WorkshopError(f"{self.user.name} has no notebooks yet: {command}")
        if self.separate_users:
            open_way(folder)
            hand_over(account)
        self.notebook_dir = str(account.home)
        # Not the hub's own: from the trainer's terminal a learner's processes could read what is typed there.
        log = folder.of(self._learner()).server_log
        write_private(log, "")
        with log.open("ab") as output:
            streams = {"stdin": DEVNULL, "stdout": output, "stderr": STDOUT}
            self.popen_kwargs = {**account.popen_options, **streams}
            return await super().start()

    def _folder(self) -> ClassFolder:
        return ClassFolder(Path(self.class_folder))

    def _learner(self) -> Learner:
        """Return whose server it is: the sign-in is a handle, and no name or part of one will do for it."""
        return self._folder().load().learner(self.user.name)

    def _account(self) -> Account:
        user_ids = user_ids_file() if self.separate_users else None
        return account_of(self._learner(), self._folder(), user_ids)


def limited(command: Sequence[str], kilobytes: int) -> list[str]:
    """Return a command whose processes get no more data than that each, on Linux: Python then raises a MemoryError.

    The process limits itself before it becomes the command: to limit another user's, root needs a right that it often
    lacks in a container.
    """
    return ["/bin/sh", "-c", 'ulimit -d "$0"; exec "$@"', str(kilobytes), *command]
