"""A Jupyter Server extension: notebooks are saved without tokens and secrets, and the first kernel is warm too.

That is where kernels are warm unless their kernelspec says otherwise.

Enabled by ``--ServerApp.jpserver_extensions="{'workshop.server_extension': True}"``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from workshop.kernels.start import KernelKind, warm_up
from workshop.notebooks.cleaning import redact
from workshop.notebooks.secrets import Secrets

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_NOT_SEARCHED = (
    "The notebook was not saved: it could not be searched for tokens and secrets. The server's log says why."
)
_PROVISIONER = "JUPYTER_DEFAULT_PROVISIONER_NAME"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    _save_without_secrets(server)
    if os.environ.get(_PROVISIONER) == "warm-provisioner":
        warm_up(KernelKind.WARM)


def _save_without_secrets(server: ServerApp) -> None:
    """Take tokens, and the secrets of the server's environment, out of each notebook before it is written."""
    secrets = Secrets.of_environment(os.environ)

    def before_save(model: dict[str, Any], path: str, **_: object) -> None:
        if model.get("type") != "notebook" or not model.get("content"):
            return
        try:
            found = redact(model["content"], secrets)
        except Exception as error:  # of any other than an HTTPError the server takes note, and saves
            server.log.exception("%s was not saved: it could not be searched for secrets.", path)
            raise HTTPError(500, _NOT_SEARCHED) from error
        if found:
            server.log.warning("An access token or a secret, or a part of one, was taken out of %s on saving.", path)

    contents: Any = server.contents_manager  # the method has no types
    contents.register_pre_save_hook(before_save)
