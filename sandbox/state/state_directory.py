"""The state directory: what lies where in it, and who may look."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from sandbox.core.files import is_own, write_private

_NAME = "azure-sandbox"


class StateError(Exception):
    """The state directory cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """The folder of one sandbox."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "state.db"

    @property
    def signing_key(self) -> Path:
        """The key that signs tokens."""
        return self.path / "signing-key.pem"

    @property
    def operator(self) -> Path:
        """The operator's secret."""
        return self.path / "operator.json"

    @property
    def runtime(self) -> Path:
        """Where the running sandbox listens, or the last one did."""
        return self.path / "runtime.json"

    @property
    def client(self) -> Path:
        """What a client needs to sign in, written down as long as the sandbox runs."""
        return self.path / "client.json"

    @property
    def issued_tokens(self) -> Path:
        """The tokens that were issued, a line each, if whoever has the sandbox for themselves has made this file."""
        return self.path / "issued-tokens"

    @property
    def lock(self) -> Path:
        """Held by the running sandbox."""
        return self.path / "sandbox.lock"

    @property
    def machines(self) -> Path:
        """The folders that the insides of machines have for their own."""
        return self.path / "machines"

    @property
    def log(self) -> Path:
        """What the sandbox has to say."""
        return self.path / "sandbox.log"

    def make(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            StateError: It cannot be made or written, others may look into it and that cannot be changed, or it or
                something in it belongs to another user, who may have put it there to be trusted.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.check_owner()
            if sys.platform != "win32":
                self.path.chmod(0o700)
        except OSError as error:
            raise StateError(self._unusable(error.strerror or str(error))) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StateError(self._unusable("it is read-only"))

    def check_owner(self) -> None:
        """Check that the folder, if there is one, and all that is in it are this user's own.

        Raises:
            StateError: Something belongs to another user, who may have put it there to be trusted.
            OSError: The folder cannot be read.
        """
        if not self.path.is_dir():
            return
        for path in (self.path.resolve(), *self.path.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # a running sandbox has just renamed it
                if not is_own(path):
                    raise StateError(self._unusable(f"{path} belongs to another user"))

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
            "Name another with --data or the environment variable AZURE_SANDBOX_DIR."
        )


def state_directory(given: str | None) -> StateDirectory:
    """Return the directory that ``--data``, the environment or, failing both, the platform's custom names."""
    chosen = given or os.environ.get("AZURE_SANDBOX_DIR")
    return StateDirectory(Path(chosen).expanduser().absolute() if chosen else user_state_path(_NAME))


@dataclass(frozen=True, slots=True)
class Settings:
    """With what a sandbox was started; the limit is in seconds.

    The next start uses ``seed``, ``timing`` and ``roles`` again, unless it is given others. Permission to run programs
    on this computer has to be given each time.
    """

    seed: int = 1
    timing: str = "instant"
    roles: str | None = None
    allow_run_command: bool = False
    run_command_limit: float = 90 * 60


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
    setting_kinds = {
        "seed": int,
        "timing": str,
        "roles": str | None,
        "allow_run_command": bool,
        "run_command_limit": int | float,
    }
    ports: list[Any] = [runtime.port, *getattr(runtime.metadata, "values", list)()]
    return (
        all(isinstance(getattr(runtime, name), kind) for name, kind in kinds.items())
        and all(isinstance(getattr(runtime.settings, name), kind) for name, kind in setting_kinds.items())
        and (runtime.pid == 0 or runtime.pid > 1)  # 1 is the system's
        and all(isinstance(port, int) and 0 <= port < 2**16 for port in ports)
    )
