"""A process that keeps one fresh sandbox for as long as somebody holds on to it.

``python -m workshop.keeper`` starts a sandbox in a folder of its own and prints one line of JSON: ``{"environment":
{…}}``, or ``{"error": "…"}``. Once its standard input ends, it stops the sandbox and removes the folder. The system
closes that pipe however the holder ends, so not even a killed holder leaves a sandbox behind.
"""

from __future__ import annotations

import contextlib
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
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise SandboxCommandError(said.removeprefix("sandbox: ") or f"python -m sandbox ended with {done.returncode}")
    return done.stdout


def main() -> int:
    """Keep a sandbox; return the exit status."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="azure-sandbox-") as folder:
        try:
            sandbox_command("--data", folder, "start")
            environment = json.loads(sandbox_command("--data", folder, "env", "--format", "json"))
            _tell({"environment": {**environment, "AZURE_SANDBOX_DIR": folder}})
            sys.stdin.buffer.read()
        except SandboxCommandError as error:
            _tell({"error": f"{error}\n{_last_lines(folder)}".strip()})
            return 1
        finally:
            sandbox_command("--data", folder, "stop")
    return 0


def _last_lines(folder: str) -> str:
    """What the log says, which goes with the folder."""
    try:
        return sandbox_command("--data", folder, "logs", "--lines", "5")
    except SandboxCommandError:
        return ""


def _tell(message: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the holder has gone already
        print(json.dumps(message), flush=True)
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be said when Python ends


if __name__ == "__main__":
    sys.exit(main())
