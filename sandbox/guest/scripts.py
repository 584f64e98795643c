"""Runs scripts inside machines, as the agent in one does for Run Command."""

import asyncio
import contextlib
import json
import logging
import shlex
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.guest.folder import folder_path
from sandbox.state.state_directory import StateDirectory

_log = logging.getLogger(__name__)

LONGEST_OUTPUT = 4096  # bytes that are kept of each stream: the last ones, as Azure does
_FOLDER = "run-command"  # in the machine's own
_CHUNK = 64 * 1024  # bytes
_BEGUN = "begun"  # the file by which a script that ran is told from one that could not be started

# PowerShell reads the parameters from a file, so that no value is ever part of a program.
_RUN_POWERSHELL = f"""\
Set-Location -LiteralPath $PSScriptRoot
$null = New-Item -ItemType File -Path {_BEGUN}
$given = Get-Content -Raw -LiteralPath parameters.json | ConvertFrom-Json -AsHashtable
& ./script.ps1 @given
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A script for a shell, or for PowerShell, with its parameters by name."""

    text: str
    parameters: Mapping[str, str]
    powershell: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """What a script has written; ``begun`` is False for one that could not be started, whose ``stderr`` says why."""

    begun: bool
    stdout: str
    stderr: str


WhenEnded = Callable[[str, Ended], None]


@dataclass(slots=True)
class _Run:
    """A script that is running; ``process`` is None until it has been started."""

    stopped: bool = False
    process: asyncio.subprocess.Process | None = None

    def stop(self) -> None:
        self.stopped = True
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()


@dataclass
class Scripts:
    """The scripts that are running now, by the id of the operation that each belongs to.

    Every script runs in a process of its own with the state directory ``state``'s command line, which ends it when
    this process ends. ``limit`` is how long in seconds one may take; whoever starts scripts keeps to it.
    """

    state: StateDirectory
    limit: float
    _runs: dict[str, _Run] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def sweep(self) -> None:
        """Remove what the scripts of a process that was killed have left."""
        for folder in self.state.machines.glob(f"*/{_FOLDER}"):
            shutil.rmtree(folder, ignore_errors=True)

    def start(self, operation_id: str, machine_id: str, script: Script, when_ended: WhenEnded) -> None:
        """Begin to run ``script`` inside a machine; to be called on the thread of a running event loop.

        ``when_ended`` is called on the same thread with the operation's id, unless the script is stopped before.
        """
        self._runs[operation_id] = _Run()
        task = asyncio.get_running_loop().create_task(self._run(operation_id, machine_id, script, when_ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, operation_id: str) -> None:
        """End a script with all that it started, if it still runs."""
        if operation_id in self._runs:
            self._runs[operation_id].stop()

    async def close(self) -> None:
        """End every script."""
        for run in self._runs.values():
            run.stop()
        await asyncio.gather(*self._tasks)

    async def _run(self, operation_id: str, machine_id: str, script: Script, when_ended: WhenEnded) -> None:
        run = self._runs[operation_id]
        name = f"{_FOLDER}/{operation_id}"
        folder = folder_path(self.state, machine_id) / name
        try:
            command = _write(folder, self.state.path / name, script)
            stdout, stderr = await self._execute(run, machine_id, command)
            ended = Ended((folder / _BEGUN).exists(), stdout, stderr)
        except Exception as error:  # whatever it was, whoever waits for the script must learn that it has ended
            _log.exception("a script could not be run")
            ended = Ended(False, "", str(error))
        finally:
            del self._runs[operation_id]
            shutil.rmtree(folder, ignore_errors=True)  # what the script itself has made read-only in there may stay
        if not run.stopped:
            when_ended(operation_id, ended)

    async def _execute(self, run: _Run, machine_id: str, command: list[str]) -> tuple[str, str]:
        sandbox = [sys.executable, "-m", "sandbox", "--data", str(self.state.path)]
        shell = ["shell", "--end-with-parent", machine_id, "--", *command]
        process = await asyncio.create_subprocess_exec(*sandbox, *shell, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        assert process.stdout is not None and process.stderr is not None
        run.process = process
        if run.stopped:
            run.stop()
        stdout, stderr = await asyncio.gather(_read_end(process.stdout), _read_end(process.stderr))
        await process.wait()
        return stdout, stderr


async def _read_end(stream: asyncio.StreamReader) -> str:
    """Read a stream to its end, and return what of the last ``LONGEST_OUTPUT`` bytes is text."""
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-LONGEST_OUTPUT:]
    return kept.decode("utf-8", "replace")


def _write(folder: Path, inside: Path, script: Script) -> list[str]:
    """Write a script to ``folder``; return the command that runs it from ``inside``, where the machine sees that."""
    folder.mkdir(mode=0o700, parents=True)
    if script.powershell:
        (folder / "script.ps1").write_text(script.text, "utf-8")
        (folder / "parameters.json").write_text(json.dumps(script.parameters), "utf-8")
        (folder / "run.ps1").write_text(_RUN_POWERSHELL, "utf-8")
        return ["pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-File", str(inside / "run.ps1")]
    (folder / "script.sh").write_text(script.text.replace("\r\n", "\n"), "utf-8")
    (folder / "script.sh").chmod(0o500)
    (folder / "run.sh").write_text(_run_shell(inside, script.parameters), "utf-8")
    return [shutil.which("bash") or "/bin/sh", str(inside / "run.sh")]


def _run_shell(inside: Path, parameters: Mapping[str, str]) -> str:
    """Return a program that runs the script with its parameters, each by position and as a variable of its name."""
    variables = {name: value for name, value in parameters.items() if name.isascii() and name.isidentifier()}
    named = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    call = shlex.join([str(inside / "script.sh"), *parameters.values()])
    return f"cd {shlex.quote(str(inside))} && : > {_BEGUN}\n{''.join(named)}{call}\n"
