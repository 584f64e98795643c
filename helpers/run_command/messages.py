"""The scripts, one for each operating system: what goes to them, and what comes back."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from urllib.parse import urlencode

from helpers.transport import METADATA_SERVICE

KEPT = "signature-kept-on-vm"  # what a token has in place of its signature; the scripts have the word, too

_REQUEST = "@REQUEST@"  # stands in a script where a request goes
_FILES = {"Linux": ("RunShellScript", "request.sh"), "Windows": ("RunPowerShellScript", "request.ps1")}
_TOKEN_URL = f"{METADATA_SERVICE}/metadata/identity/oauth2/token"
_TOKEN_VERSION = "2018-02-01"
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})\b")
_FAILED = re.compile(r"FAILED ([a-z-]+)")


@dataclass(frozen=True, repr=False)
class Script:
    """What runs on a machine for each request; a notebook shows it, folded away."""

    command_id: str  # by which Run Command knows the language
    name: str
    text: str

    def with_request(self, literal: str) -> list[str]:
        """Return the lines, with a request in its place."""
        return self.text.replace(_REQUEST, literal).splitlines()

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<details><summary>{self.name}</summary><pre>{escape(self.text)}</pre></details>"


def script_for(os_type: str) -> Script:
    """Return the script for ``"Linux"`` or ``"Windows"``."""
    command_id, name = _FILES[os_type]
    return Script(command_id, name, (files(__package__) / name).read_text("utf-8"))


@dataclass(frozen=True)
class MachineRequest:
    """A request that is to leave from the machine; ``token_url`` is where it gets the token that the request needs."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    token_url: str
    seconds: int  # that the answer may take

    def literal(self, mark: str) -> str:
        """Return the request as text of the base64 alphabet, in which every value is of that alphabet too."""
        values = {
            "mark": mark,
            "method": self.method,
            "url": self.url,
            "headers": "".join(f"{name}: {value}\n" for name, value in self.headers.items()),
            "token_url": self.token_url,
            "seconds": str(self.seconds),
        }
        encoded = {name: _encoded(value.encode()) for name, value in values.items()}
        return _encoded(json.dumps({**encoded, "body": _encoded(self.body)}, separators=(",", ":")).encode())


@dataclass(frozen=True)
class MachineAnswer:
    """What the request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ScriptFailedError(Exception):
    """The script has no answer: ``kind`` is its word for why, ``said`` what it was told itself."""

    def __init__(self, kind: str, said: str = "") -> None:
        super().__init__(kind, said)
        self.kind = kind
        self.said = said


def read_answer(output: str, mark: str) -> MachineAnswer:
    """Return the answer that is between two ``mark`` in what a script has printed; lines may have been wrapped."""
    output = re.sub(r"\s", "", output)
    found = re.search(f"{mark}:([A-Za-z0-9+/=]*):{mark}", output)
    if found is None:
        raise ScriptFailedError("cut" if mark in output else "silent")
    try:
        message = gzip.decompress(base64.b64decode(found[1], validate=True))
    except (ValueError, OSError, EOFError) as error:
        raise ScriptFailedError("garbled") from error
    head, _, body = message.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    if failed := _FAILED.fullmatch(first):
        raise ScriptFailedError(failed[1], body.decode("utf-8", "replace").strip())
    status = _STATUS.match(first)
    if status is None:
        raise ScriptFailedError("garbled")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    return MachineAnswer(int(status[1]), headers, body)


def token_address(authorization: str) -> str:
    """Return where the machine gets the token that the header's value stands for; empty if it is not one of these."""
    head, _, signature = authorization.rpartition(".")
    if signature != KEPT:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(head.partition(".")[2] + "=="))
        query = {"api-version": _TOKEN_VERSION, "resource": str(claims["aud"])}
        # The machine's own identity is the one that is meant where none is named.
        if "/virtualmachines/" not in str(claims.get("xms_mirid")).casefold():
            query["client_id"] = str(claims["appid"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # was changed: it is sent as it is, and refused
    return f"{_TOKEN_URL}?{urlencode(query)}"


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
