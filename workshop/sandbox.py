"""The sandbox that notebooks run against, a fresh one or the user's own; and other processes beside a command.

The sandbox is reached by its command line and over HTTP; nothing of it is imported.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from workshop.errors import SandboxError
from workshop.paths import ROOT

SANDBOX = "sandbox"  # the notebooks' target that means one
DIRECTORY = "AZURE_SANDBOX_DIR"  # the variable that names a sandbox's state directory
_AZURE = ("AZURE_", "MSI_", "IDENTITY_", "IMDS_")  # what may point Azure's clients elsewhere: accounts, endpoints
_OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows only
_COME_BACK = 60.0  # seconds for a sandbox that somebody else restarts
_LOOK = 0.5  # seconds between two looks whether it has

EnvironmentFor: TypeAlias = Callable[[object], Mapping[str, str]]


class SandboxChoice(StrEnum):
    """Which sandbox notebooks run against."""

    FRESH = "fresh"
    RUNNING = "running"


def start_child(*command: str) -> subprocess.Popen[str]:
    """Start ``python -m`` with ``command``, with pipes for what it reads and prints.

    Ctrl-C in the terminal is for the caller alone. The child is to end with its standard input, which the system closes
    however the caller ends.
    """
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        creationflags=_OWN_GROUP,
    )


def sandbox_command(*arguments: str, directory: str | None = None) -> str:
    """Run ``python -m sandbox``, for the state directory of another sandbox than the user's own; return what it prints.

    Raises SandboxError, with what it said, if it fails.
    """
    where = ("--data", directory) if directory else ()
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *where, *arguments],
        cwd=ROOT,  # where the package is: it is found there before any other of that name
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().removeprefix("sandbox: ")
        raise SandboxError(reason or f"python -m sandbox ended with {done.returncode}")
    return done.stdout


class FreshSandbox:
    """A sandbox in the seeded state, started for the body of a ``with`` and gone after it, whatever happens.

    Entering does not wait until it is ready; asking for its environment does.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._environment: dict[str, str] | None = None

    def __enter__(self) -> Self:
        self._process = start_child("sandbox", "temporary")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        status = process.wait()
        if status != 0 and error is None:
            raise SandboxError("The sandbox of this run did not stop as it should.")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point Azure's clients to the sandbox, once it is ready; raises SandboxError if not."""
        if self._environment is None:
            assert self._process is not None
            assert self._process.stdout is not None
            answer = json.loads(self._process.stdout.readline() or '{"error": "its process has ended"}')
            if "error" in answer:
                raise SandboxError(f"The sandbox did not start: {answer['error']}")
            self._environment = answer["environment"]
        return self._environment


class IssuedTokens:
    """The tokens that a fresh sandbox issues from now on: it notes them for whoever has it for themselves.

    The environment is what points to it; of any other sandbox, nothing is known.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._file = Path(environment[DIRECTORY]) / "issued-tokens" if DIRECTORY in environment else None
        self._seen = self._file.stat().st_size if self._file is not None and self._file.is_file() else 0

    def new(self) -> list[str]:
        """Return those issued since it was asked last."""
        if self._file is None or not self._file.is_file():
            return []
        with self._file.open("rb") as file:
            file.seek(self._seen)
            whole = file.read().rpartition(b"\n")[0]  # lines: the last may be on its way
        self._seen += len(whole) + 1 if whole else 0
        return whole.decode().splitlines()


def start_users_sandbox() -> str:
    """Start the user's own sandbox unless it runs; return what that says. Raises SandboxError if it does not start."""
    return sandbox_command("start", directory=users_directory()).strip()


def users_environment() -> dict[str, str]:
    """Return the variables of the user's own sandbox; raises SandboxError if it does not run."""
    directory = users_directory()
    environment: dict[str, str] = json.loads(sandbox_command("env", "--format", "json", directory=directory))
    return environment | ({DIRECTORY: directory} if directory else {})


def users_directory() -> str | None:
    """Return the folder that the user has chosen for the sandbox, whatever the working directory; None if none."""
    chosen = os.environ.get(DIRECTORY)
    return str(Path(chosen).expanduser().absolute()) if chosen else None


def kernel_environment(sandbox: Mapping[str, str], base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a kernel's environment: ``base`` or this process's, with the sandbox's in place of all about Azure."""
    return without_azure(base or os.environ) | dict(sandbox)


def without_azure(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without what concerns Azure: sign-ins, and where its services are."""
    return {name: value for name, value in environment.items() if not name.upper().startswith(_AZURE)}


class WatchedSandbox:
    """Notices when a sandbox was restarted, which what ran meanwhile need not survive.

    If it is ``ours``, started for this batch, and ends, it is started again, with all it held.
    """

    def __init__(self, environment: Mapping[str, str], ours: bool) -> None:
        self.environment = environment
        self._ours = ours
        self._process = self._look()
        self.restarts = 0

    def check(self) -> int:
        """See that it runs, and have it back if it does not; return how often it was restarted.

        Raises SandboxError when it is gone for good.
        """
        process = self._look()
        if process is None:
            process = self._revived()
        if process != self._process:
            self._process = process
            self.restarts += 1
        return self.restarts

    def _revived(self) -> int:
        if self._ours:
            try:
                self._command("start")
            except SandboxError as error:
                raise SandboxError(f"The sandbox of this batch ended and does not start again: {error}") from error
        deadline = time.monotonic() + _COME_BACK
        while (process := self._look()) is None:
            if time.monotonic() > deadline:
                raise SandboxError(f"The sandbox ended, and has not come back in {_COME_BACK:.0f} seconds.")
            time.sleep(_LOOK)
        return process

    def _look(self) -> int | None:
        """Its process id, or None if it does not run."""
        try:
            process: int = json.loads(self._command("status", "--json"))["process"]
        except SandboxError:
            return None
        return process

    def _command(self, *words: str) -> str:
        return sandbox_command(*words, directory=self.environment.get(DIRECTORY))


@contextmanager
def environments(choice: SandboxChoice, target: object = None) -> Iterator[EnvironmentFor]:
    """Begin to start a fresh sandbox if one is likely to be needed; all that was started ends with the ``with``.

    Args:
        choice: which sandbox, for notebooks that work on one.
        target: the parameter of that name as far as it is known yet; None if it was not given.

    Yields:
        A function that waits for what is behind a plan's target, starts it if need be, and returns the kernels'
        environment. It raises SandboxError if the sandbox did not start or is not running.
    """
    with ExitStack() as started:
        likely = choice is SandboxChoice.FRESH and target in (None, SANDBOX)
        fresh = started.enter_context(FreshSandbox()) if likely else None

        def environment(actual: object) -> Mapping[str, str]:
            if actual != SANDBOX:
                return dict(os.environ)
            if choice is SandboxChoice.RUNNING:
                return kernel_environment(users_environment())
            return kernel_environment((fresh or started.enter_context(FreshSandbox())).environment)

        yield environment
