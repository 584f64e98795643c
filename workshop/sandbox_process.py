"""The sandbox that notebooks run against: a fresh one for one run, or the user's own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from workshop.aside import start_aside
from workshop.errors import SandboxError
from workshop.keeper import SandboxCommandError, sandbox_command

_DIRECTORY = "AZURE_SANDBOX_DIR"
_AZURE = ("AZURE_", "MSI_", "IDENTITY_")  # what may point Azure's clients elsewhere: accounts, metadata services


class FreshSandbox:
    """A sandbox in the seeded state, started for the body of a ``with`` and gone after it, whatever happens.

    Entering does not wait until it is ready; asking for its environment does.
    """

    def __init__(self) -> None:
        self._keeper: subprocess.Popen[str] | None = None
        self._environment: dict[str, str] | None = None

    def __enter__(self) -> Self:
        self._keeper = start_aside("workshop.keeper")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        keeper = self._keeper
        assert keeper is not None
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        keeper.stdin.close()
        keeper.stdout.close()
        status = keeper.wait()
        if status != 0 and error is None:
            raise SandboxError("The sandbox of this run did not stop as it should.")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point Azure's clients to the sandbox, as soon as it is ready.

        Raises:
            SandboxError: It did not start.
        """
        if self._environment is None:
            assert self._keeper is not None
            assert self._keeper.stdout is not None
            answer = json.loads(self._keeper.stdout.readline() or '{"error": "its keeper has ended"}')
            if "error" in answer:
                raise SandboxError(f"The sandbox did not start: {answer['error']}")
            self._environment = answer["environment"]
        return self._environment


def users_environment() -> dict[str, str]:
    """Return the variables of the user's own sandbox, which must be running.

    Raises:
        SandboxError: It is not running.
    """
    try:
        environment: dict[str, str] = json.loads(_users_sandbox("env", "--format", "json"))
    except SandboxCommandError as error:
        raise SandboxError(str(error)) from error
    return environment | _users_directory()


def start_users_sandbox() -> str:
    """Start the user's own sandbox unless it runs; return what that command says.

    Raises:
        SandboxError: It does not start.
    """
    try:
        return _users_sandbox("start").strip()
    except SandboxCommandError as error:
        raise SandboxError(str(error)) from error


def kernel_environment(sandbox: Mapping[str, str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a kernel's environment: this process's, with the sandbox's in place of all that concerns Azure.

    Args:
        sandbox: its variables.
        base: what to start from, if not this process's environment.
    """
    kept = {name: value for name, value in (base or os.environ).items() if not name.upper().startswith(_AZURE)}
    return kept | dict(sandbox)


def _users_sandbox(*words: str) -> str:
    directory = _users_directory().get(_DIRECTORY)
    return sandbox_command(*(("--data", directory) if directory else ()), *words)


def _users_directory() -> dict[str, str]:
    """The user's choice of a folder, if there is one, however the working directory changes."""
    chosen = os.environ.get(_DIRECTORY)
    return {_DIRECTORY: str(Path(chosen).absolute())} if chosen else {}
