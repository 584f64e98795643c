"""The Azure CLI as it comes from the registry, in an environment of its own, and the sandbox it is pointed at."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.process.azure_cli import azure_cli_settings
from sandbox.process.environment import environment, running_machine
from sandbox.process.operator_client import OperatorClient
from tests.clients.environments import program, python_environment
from tests.support.sandbox import RunningSandbox

VERSION = "2.91.0"
_LIMIT = 300  # seconds
_OF_THE_USER = ("AZURE_", "MSI_", "IDENTITY_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def azure_cli_program() -> Path:
    """The ``az`` program; skips the test where it cannot be installed."""
    return program(python_environment("azure-cli", f"azure-cli=={VERSION}"), "az")


@contextmanager
def forking_azure_cli(az: Path, folder: Path) -> Iterator[Path]:
    """Yield a program in ``folder`` that does what ``az`` does, in less than half of the time where Linux forks it."""
    if sys.platform != "linux":
        yield az
        return
    here, python, address = Path(__file__).parent, az.with_name("python"), folder / "socket"
    call = folder / "az"
    words = [python, "-ES", here / "az_call.py", address]
    call.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')
    call.chmod(0o700)
    command = [python, here / "az_forks.py", address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield call
        process.stdin.close()


def clients_environment(sandbox: RunningSandbox, home: Path, vm: str | None = None) -> dict[str, str]:
    """What ``env --az`` (with ``--vm``) prints, on top of this process's variables, with a home that is empty."""
    state, runtime = sandbox.server.state, sandbox.server.runtime
    client = OperatorClient(state, runtime)
    machine_id = running_machine(client, vm)[0] if vm else None
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_USER)}
    return {
        **kept,
        "HOME": str(home),
        "USERPROFILE": str(home),
        **environment(client, vm),
        **azure_cli_settings(state, sandbox.endpoint, machine_id),
    }


class AzureCli:
    """``az`` with the variables of one sign-in."""

    def __init__(self, az: Path, variables: Mapping[str, str]) -> None:
        self.az = az
        self.variables = variables

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever comes of it."""
        return subprocess.run(
            [str(self.az), *words],
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
        )

    def __call__(self, *words: str) -> Any:
        """Run a command that works; return the JSON value it prints, or None."""
        done = self.run(*words, "--output", "json")
        assert done.returncode == 0, f"az {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *words: str) -> str:
        """Run a command that fails; return what it says, every run of white space as one blank."""
        done = self.run(*words)
        assert done.returncode not in (0, None), f"az {' '.join(words)} was not refused: {done.stdout}"
        assert "Traceback" not in done.stderr, done.stderr
        return " ".join(done.stderr.split())

    def sign_in(self) -> Any:
        """Sign in with the secret in the variables; return the subscriptions."""
        v = self.variables
        return self(
            "login",
            "--service-principal",
            *("--username", v["AZURE_CLIENT_ID"], "--password", v["AZURE_CLIENT_SECRET"]),
            *("--tenant", v["AZURE_TENANT_ID"]),
        )
