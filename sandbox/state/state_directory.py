"""The state directory: what lies where in it, who may look, and with what the sandbox was started."""

import contextlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from platformdirs import user_state_path

from sandbox.core.files import is_own, write_private
from sandbox.core.timing import TIMINGS

VARIABLE = "AZURE_SANDBOX_DIR"
"""The environment variable that names a sandbox's state directory."""

_NAME = "azure-sandbox"


class StateError(Exception):
    """The state directory cannot be used; the message says what to do."""


class StateDirectory:
    """The folder of one sandbox, and what lies where in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "state.db"  # and two files of SQLite's beside it
        self.signing_key = path / "signing-key.pem"
        self.authority = path / "ca.pem"  # with the server's certificate and key beside it
        self.operator = path / "operator.json"  # the operator's secret
        self.runtime = path / "runtime.json"  # where the running sandbox listens, or the last one did
        self.client = path / "client.json"  # what a client needs to sign in, as long as the sandbox runs
        self.issued_tokens = path / "issued-tokens"  # a line each, if whoever has the sandbox alone made this file
        self.lock = path / "sandbox.lock"  # held by the running sandbox
        self.log = path / "sandbox.log"
        self.machines = path / "machines"  # a folder for the inside of each machine
        self.azure_cli = path / "azure-cli"  # a folder of settings for each user of the Azure CLI

    def make(self) -> None:
        """Make the folder, for its owner only; a new or empty one is kept out of git, with the keys that come into it.

        Raises StateError where it cannot be used, or something in it is not as the sandbox left it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.check()
            if sys.platform != "win32":
                self.path.chmod(0o700)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise StateError(self._unusable("it is read-only"))
            if not any(self.path.iterdir()):  # in one with files of the user's, git would no longer see those
                write_private(self.path / ".gitignore", b"*\n")
        except OSError as error:
            raise StateError(self._unusable(error.strerror or str(error))) from error

    def check(self) -> None:
        """Check that the folder, if there is one, and all that is in it can be trusted and used.

        Raises StateError at what belongs to another user, who may have put it there to be trusted; what is not a file,
        or folder, where the sandbox has one; and what cannot be read and written.
        """
        if not self.path.is_dir():
            return
        for path in (self.path.resolve(), *self.path.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # a running sandbox has just renamed it
                if not is_own(path):
                    raise StateError(self._unusable(f"{path} belongs to another user"))
        for folder in (self.machines, self.azure_cli):
            if folder.exists() and not folder.is_dir():
                raise StateError(f"{folder} is not a folder, as it has to be. Move it away, or delete it.")
        for file in (*self.path.glob("*.pem"), *self.path.glob("*.json"), self.issued_tokens, self.lock, self.log):
            if file.exists() and not file.is_file():
                raise StateError(f"{file} is not a file, as it has to be. Move it away, or delete it.")
            if file.exists() and not os.access(file, os.R_OK | os.W_OK):
                raise StateError(f"{file} cannot be read and written. Let its owner do so: chmod u+rw '{file}'")

    def log_lines(self, count: int) -> list[str]:
        """Return the last lines of the log; none if there is no log."""
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return lines[-count:] if count > 0 else []

    def forget_state(self) -> None:
        """Delete the database, the machines' folders and the signing key; certificates, secret and ports stay.

        With the key the tokens go that were issued before: ids come again, and may then be somebody else's.
        """
        self.signing_key.unlink(missing_ok=True)
        for path in (self.machines, *(self.path / f"{self.database.name}{suffix}" for suffix in ("", "-wal", "-shm"))):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _unusable(self, why: str) -> str:
        return (
            f"The sandbox's state directory {self.path} cannot be used: {why}. "
            f"Name another with --data or the environment variable {VARIABLE}."
        )


def state_directory(given: str | None) -> StateDirectory:
    """Return the directory that ``--data``, the environment or, failing both, the platform's custom names."""
    chosen = given or os.environ.get(VARIABLE)
    return StateDirectory(Path(chosen).expanduser().absolute() if chosen else user_state_path(_NAME))


@dataclass(frozen=True, slots=True)
class Settings:
    """With what a sandbox was started; the limit is in seconds.

    The next start uses ``seed``, ``timing``, ``roles`` and ``faults`` again, unless it is given others. Permission to
    run programs on this computer has to be given each time.
    """

    seed: int = 1
    timing: str = "instant"
    roles: str | None = None
    faults: str | None = None
    allow_run_command: bool = False
    run_command_limit: int | float = 90 * 60


@dataclass(slots=True)
class Runtime:
    """The running sandbox, or the last one.

    ``pid`` is 0 if it does not run, ``metadata`` holds the port of each machine by canonical id, and ``notice`` is what
    its user should know of how it started.
    """

    pid: int
    port: int
    settings: Settings = field(default_factory=Settings)
    metadata: dict[str, int] = field(default_factory=dict)
    notice: str = ""

    def write(self, state: StateDirectory) -> None:
        """Keep this in the state directory, all of it or nothing."""
        write_private(state.runtime, json.dumps(asdict(self), indent=2).encode())


def read_runtime(state: StateDirectory) -> Runtime | None:
    """Return what the state directory says of the running or last sandbox; None if nothing that makes sense."""
    try:
        value: dict[str, Any] = json.loads(state.runtime.read_bytes())
        runtime = Runtime(**{**value, "settings": Settings(**value["settings"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return runtime if _makes_sense(runtime) else None


def _makes_sense(runtime: Runtime) -> bool:
    kinds = {"pid": int, "port": int, "metadata": dict, "notice": str}
    ports: list[Any] = [runtime.port, *getattr(runtime.metadata, "values", list)()]
    return (
        all(isinstance(getattr(runtime, name), kind) for name, kind in kinds.items())
        and all(isinstance(getattr(runtime.settings, name), kind) for name, kind in get_type_hints(Settings).items())
        and runtime.settings.timing in TIMINGS
        and (runtime.pid == 0 or runtime.pid > 1)  # 1 is the system's
        and all(isinstance(port, int) and 0 <= port < 2**16 for port in ports)
    )
