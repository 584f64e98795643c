"""Who may sign in to the hub: learners and the trainer, each with their own password."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Unicode

from workshop.classroom.roster import TRAINER
from workshop.classroom.sign_ins import read_passwords


class ClassAuthenticator(Authenticator):  # type: ignore[misc]  # Any to mypy: JupyterHub is not installed beside it
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
