"""Where the sandbox is and how to sign in to it: from the environment, or from the sandbox itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from helpers.errors import TutorialError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ENDPOINT = "AZURE_RESOURCE_MANAGER_ENDPOINT"
_REQUIRED = (
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_AUTHORITY_HOST",
    "REQUESTS_CA_BUNDLE",
)
_START_LIMIT = 60  # seconds


@dataclass(frozen=True)
class SandboxSettings:
    """What a client needs to know to use a sandbox.

    Attributes:
        endpoint: Resource Manager's address, such as ``https://localhost:50443``.
        authority: Entra's address.
        ca_file: The PEM file of the authority that signed the sandbox's certificate.
        subscription_id: The subscription, or "" if the environment names none.
    """

    endpoint: str
    authority: str
    ca_file: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    subscription_id: str = ""


def sandbox_settings(environment: Mapping[str, str] = os.environ) -> SandboxSettings:
    """Return the settings of the sandbox that ``environment`` points to, else start one's own and return its.

    The second does not change the environment: no other program of this process is led to the sandbox.

    Raises:
        TutorialError: The environment points to a sandbox but lacks something, or the sandbox does not start.
    """
    if not points_to_sandbox(environment):
        _ask_sandbox("start")
        environment = json.loads(_ask_sandbox("env", "--format", "json"))
    missing = [name for name in _REQUIRED if not environment.get(name)]
    if missing:
        raise TutorialError(
            f"The environment points to a sandbox ({_ENDPOINT}) but lacks {', '.join(missing)}. "
            "Set all that 'python -m sandbox env' prints, or none."
        )
    return SandboxSettings(
        endpoint=environment[_ENDPOINT].rstrip("/"),
        authority=environment["AZURE_AUTHORITY_HOST"].rstrip("/"),
        ca_file=environment["REQUESTS_CA_BUNDLE"],
        tenant_id=environment["AZURE_TENANT_ID"],
        client_id=environment["AZURE_CLIENT_ID"],
        client_secret=environment["AZURE_CLIENT_SECRET"],
        subscription_id=environment.get("AZURE_SUBSCRIPTION_ID", ""),
    )


def points_to_sandbox(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether Resource Manager's address in ``environment`` is one on this computer."""
    return urlsplit(environment.get(_ENDPOINT, "")).hostname in _LOOPBACK


def _ask_sandbox(*arguments: str) -> str:
    """Run ``python -m sandbox`` from beside this package, whatever the working directory, and return what it prints."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "sandbox", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_START_LIMIT, env={**os.environ, "PYTHONPATH": paths}
        )
    except subprocess.TimeoutExpired as error:
        raise TutorialError(
            f"The sandbox did not answer 'python -m sandbox {arguments[0]}' in time. Try again."
        ) from error
    if done.returncode != 0:
        raise TutorialError(f"The sandbox could not be used: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
