"""A process that keeps one fresh sandbox for as long as somebody holds on to it.

``python -m workshop.keeper`` starts a sandbox in a folder of its own and prints one line of JSON: ``{"environment":
{…}}``, or ``{"error": "…"}``. Once its standard input ends, it stops the sandbox and removes the folder. The system
closes that pipe however the holder ends, so not even a killed holder leaves a sandbox behind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile

from workshop.places import ROOT


class SandboxCommandError(Exception):
    """``python -m sandbox`` failed; the message is what it said."""


def sandbox_command(*words: str) -> str:
    """Run ``python -m sandbox`` with ``words`` and return what it printed.

    Raises:
        SandboxCommandError: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *words],
        cwd=ROOT,  # where the package is: it is found there before any other of that name
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return _checked(done.returncode, done.stdout, done.stderr)


def _checked(status: int, said: str, complained: str) -> str:
    if status != 0:
        reason = (complained or said).strip().removeprefix("sandbox: ")
        raise SandboxCommandError(reason or f"python -m sandbox ended with {status}")
    return said


def _command(*words: str) -> str:
    """Do the same in this process: another one for each command would take longer than what it is to do."""
    from sandbox.cli import main

    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()) as complained:
        status = main(words)
    return _checked(status, said.getvalue(), complained.getvalue())


def main() -> int:
    """Keep a sandbox; return the exit status."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="azure-sandbox-") as folder:
        try:
            _command("--data", folder, "start")
            environment = json.loads(_command("--data", folder, "env", "--format", "json"))
            _tell({"environment": {**environment, "AZURE_SANDBOX_DIR": folder}})
            sys.stdin.buffer.read()
        except SandboxCommandError as error:
            _tell({"error": f"{error}\n{_last_lines(folder)}".strip()})
            return 1
        finally:
            _command("--data", folder, "stop")
            _reap()
    return 0


def _reap() -> None:
    """See the sandbox's process off if it was killed: it is this one's child, and nobody else would in good time."""
    with contextlib.suppress(AttributeError, ChildProcessError):  # Windows has no such thing; or there is none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _last_lines(folder: str) -> str:
    """What the log says, which goes with the folder."""
    try:
        return _command("--data", folder, "logs", "--lines", "5")
    except SandboxCommandError:
        return ""


def _tell(message: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the holder has gone already
        print(json.dumps(message), flush=True)
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be said when Python ends


if __name__ == "__main__":
    sys.exit(main())
