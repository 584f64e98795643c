"""Runs the scripts on this computer, with what they print held to one schema."""

from __future__ import annotations

import base64
import gzip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from helpers.run_command.messages import MachineAnswer, MachineRequest, read_answer, script_for
from tests.helpers.run_command.services import SIGNATURE, Services

PROGRAMS = [name for name in ("dash", "bash", "pwsh") if shutil.which(name)]
MARK = "0123456789abcdef"
METADATA = "http://169.254.169.254/"
ARM = "https://management.azure.com/"
PRINTED = re.compile(f"{MARK}:([A-Za-z0-9+/]+=*):{MARK}\\r?\\n")
MESSAGE = re.compile(
    rb"HTTP/[0-9.]+ [1-5][0-9]{2}(\n[A-Za-z-]+: [^\r\n]+)*\n\n.*"
    rb"|FAILED (no-curl|no-token|no-answer|too-long|error)\n\n.*",
    re.DOTALL,
)


def hold_to_schema(printed: str) -> None:
    """Check that this is one line of ASCII which Run Command brings back whole, with a message of the known form."""
    found = PRINTED.fullmatch(printed)
    assert found and printed.isascii() and len(printed) <= 4096, printed[:200]
    message = gzip.decompress(base64.b64decode(found[1], validate=True))
    assert MESSAGE.fullmatch(message), message
    assert SIGNATURE.encode() not in message


@dataclass(frozen=True)
class OnMachine:
    """A program that runs scripts (``dash``, ``bash`` or ``pwsh``), and the services that scripts reach."""

    program: str
    services: Services
    folder: Path
    ca: Path

    def send(self, method: str = "GET", url: str = f"{ARM}x", **given: Any) -> MachineAnswer:
        blank = MachineRequest(method, url, {}, b"", "", 20)
        return read_answer(self.run(replace(blank, **given)), MARK)

    def run(self, request: MachineRequest, path: str | None = None) -> str:
        """Return what the script prints: that and nothing else, with the exit status 0."""
        done = self.run_literal(request.literal(MARK), path)
        hold_to_schema(done.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def run_literal(self, literal: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {"PATH": path or f"{self._programs()}:{os.environ['PATH']}", "HOME": str(home)}
        environment |= {"TMPDIR": str(home), "CURL_CA_BUNDLE": str(self.ca), "SSL_CERT_FILE": str(self.ca)}
        windows = self.program == "pwsh"
        lines = script_for("Windows" if windows else "Linux").with_request(literal)
        script = self.folder / ("script.ps1" if windows else "script.sh")
        script.write_text("\n".join(map(self._led_here, lines) if windows else lines) + "\n")
        command = [str(shutil.which(self.program)), *(["-NoProfile", "-File"] if windows else []), str(script)]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=300)
        assert list(home.iterdir()) == [], "the script left something behind"
        return done

    def arguments(self) -> str:
        """What programs of the script were called with, as anybody on the machine could read."""
        return (self.folder / "arguments").read_text()

    def _programs(self) -> Path:
        """A folder with a curl for which Azure's addresses are those of the services, and no other is changed."""
        folder = self.folder / "programs"
        folder.mkdir(exist_ok=True)
        curl = folder / "curl"
        if not curl.exists():
            led = f"--connect-to 169.254.169.254:80:127.0.0.1:{self.services.metadata_port} "
            led += f"--connect-to management.azure.com:443:127.0.0.1:{self.services.arm_port}"
            noted = f"printf '%s\\n' \"$@\" >> '{self.folder}/arguments'"
            curl.write_text(f'#!/bin/sh\n{noted}\nexec {shutil.which("curl")} "$@" {led}\n')
            curl.chmod(0o755)
        return folder

    def _led_here(self, line: str) -> str:
        """Return a line of the script for PowerShell, for which no option leads a name elsewhere."""
        if line.startswith("$call ="):
            pytest.fail("where the script makes a request has changed")
        return line.replace(
            "::Create($url)",
            f"::Create($url.Replace('{METADATA}', 'http://127.0.0.1:{self.services.metadata_port}/')"
            f".Replace('{ARM}', 'https://localhost:{self.services.arm_port}/'))",
        )
