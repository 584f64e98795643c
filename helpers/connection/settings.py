"""Where the sandbox is and how to sign in to it: from the environment, or from what one's own has written down."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

from helpers.errors import TutorialError
from helpers.transport import RESOURCE_MANAGER, FixedAddressAdapter, session_with

_ENDPOINT = "AZURE_RESOURCE_MANAGER_ENDPOINT"
_VARIABLES = {
    "endpoint": _ENDPOINT,
    "authority": "AZURE_AUTHORITY_HOST",
    "ca_file": "REQUESTS_CA_BUNDLE",
    "tenant_id": "AZURE_TENANT_ID",
    "client_id": "AZURE_CLIENT_ID",
    "client_secret": "AZURE_CLIENT_SECRET",
}
_START_LIMIT = 60  # seconds
_REACH = 2  # seconds; a sandbox that runs answers within milliseconds


@dataclass(frozen=True)
class SandboxSettings:
    """What a client needs to know to use a sandbox."""

    endpoint: str  # Resource Manager's address, such as https://localhost:50443
    authority: str  # Entra's
    ca_file: str  # the PEM file of the authority that signed the sandbox's certificate
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    subscription_id: str = ""  # empty if the environment names none
    stopped: str = "The sandbox has stopped. Run the cell with connect again: that starts it. Then run this one again."


def sandbox_settings(environment: Mapping[str, str] = os.environ) -> SandboxSettings:
    """Return the settings of the sandbox that ``environment`` points to, else of one's own, started unless it runs."""
    if points_to_sandbox(environment):
        stopped = f"The sandbox that the environment points to has stopped ({environment[_ENDPOINT]}). Start it again."
        return replace(_settings_from(environment), stopped=stopped)
    if (written := _read_client_file()) and _answers(written):
        return written
    _start_sandbox()
    if written := _read_client_file():
        return written
    raise TutorialError(f"The sandbox runs, but {_client_file()} is not its own. Run: python -m sandbox stop.")


def points_to_sandbox(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether Resource Manager's address in ``environment`` is one on this computer."""
    return urlsplit(environment.get(_ENDPOINT, "")).hostname in ("localhost", "127.0.0.1", "::1")


def _settings_from(environment: Mapping[str, str]) -> SandboxSettings:
    missing = [name for name in _VARIABLES.values() if not environment.get(name)]
    if missing:
        raise TutorialError(
            f"The environment points to a sandbox ({_ENDPOINT}) but lacks {', '.join(missing)}. "
            "Set all that 'python -m sandbox env' prints, or none."
        )
    values = {each: environment[name] for each, name in _VARIABLES.items()}
    return SandboxSettings(**values, subscription_id=environment.get("AZURE_SUBSCRIPTION_ID", ""))


def _client_file() -> Path:
    """Return the file in which a sandbox that runs has written down what its clients need."""
    chosen = os.environ.get("AZURE_SANDBOX_DIR")
    directory = Path(chosen).expanduser().absolute() if chosen else user_state_path("azure-sandbox")
    return directory / "client.json"


def _read_client_file() -> SandboxSettings | None:
    try:
        with _client_file().open("rb") as file:
            if sys.platform != "win32" and os.fstat(file.fileno()).st_uid != os.getuid():
                return None  # somebody else's sandbox is not to be trusted
            written = json.load(file)
        return _settings_from(written) if points_to_sandbox(written) else None
    except (OSError, ValueError, AttributeError, TutorialError):
        return None  # no sandbox runs, or none that this version can use: starting it says which


def _answers(settings: SandboxSettings) -> bool:
    """Return whether the sandbox listens: after a crash, whatever else has its port lacks its certificate."""
    adapter = FixedAddressAdapter(settings.endpoint, settings.ca_file)
    try:
        session_with({RESOURCE_MANAGER: adapter}, trust_env=False).head(RESOURCE_MANAGER, timeout=_REACH)
    except OSError:
        return False
    return True


def _start_sandbox() -> None:
    """Run ``python -m sandbox start`` from beside this package, whatever the working directory."""
    paths = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "sandbox", "start"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START_LIMIT, env=environment)
    except subprocess.TimeoutExpired as error:
        raise TutorialError("The sandbox did not start in time. Try again.") from error
    if done.returncode != 0:
        raise TutorialError(f"The sandbox could not be used: {done.stderr.strip() or done.stdout.strip()}")
