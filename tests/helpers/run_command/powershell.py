"""Stands in for PowerShell where there is none: what the script for Windows does, done in Python.

It is run as ``pwsh … -File run.ps1`` by a sandbox that has a folder with such a program on its path.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.helpers.run_command.wire import printed_by, values_of

ROOT = Path(__file__).resolve().parents[3]


def install(folder: Path) -> None:
    """Make a program ``pwsh`` in ``folder``."""
    folder.mkdir()
    program = folder / "pwsh"
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {__name__} import main; main(sys.argv[-1])"
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", start])} "$@"\n')
    program.chmod(0o755)


def main(run: str) -> None:
    folder = Path(run).parent
    (folder / "begun").touch()  # as the sandbox's run.ps1 does
    values = values_of((folder / "script.ps1").read_text("utf-8"))
    headers = dict(line.split(": ", 1) for line in values["headers"].splitlines())
    if values["token_url"]:
        assert values["url"].startswith("https://management.azure.com/")
        token = json.loads(_send("GET", values["token_url"], {"Metadata": "true"})[2])["access_token"]
        headers["Authorization"] = f"Bearer {token}"
    status, kind, said = _send(values["method"], values["url"], headers, values["body"].encode() or None)
    body = re.sub(r"(eyJ[\w-]*\.eyJ[\w-]*)\.[\w-]*", r"\1.signature-kept-on-vm", said.decode())
    head = f"HTTP/1.1 {status}\ncontent-type: {kind}"
    print(printed_by(values["mark"], f"{head}\n\n{body}".encode()), end="")


def _send(method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, str, bytes]:
    try:
        with urlopen(Request(url, body, headers, method=method), timeout=300) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except HTTPError as refusal:
        return refusal.code, refusal.headers["Content-Type"], refusal.read()
