"""Microsoft's validator of recorded traffic, oav, installed from the npm registry and run with Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

VERSION = "4.0.3"
_DRIVER = Path(__file__).with_name("validate.js")
_INSTALL_LIMIT = 300  # seconds
_RUN_LIMIT = 600  # seconds


class Unavailable(Exception):
    """The validator cannot be had here; the message says why."""


class Failed(Exception):
    """The validator did not come to a verdict; the message says on what."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What an exchange has that its specification has not, or the other way around.

    ``side`` is ``request`` or ``response``; ``place`` is the path within the body, or empty for the whole.
    """

    side: str
    operation: str
    code: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.side} of {self.operation}: {self.code} at {self.place or 'the whole'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the validator says of one exchange: ``operation`` is None where no specification has such a one."""

    operation: str | None
    disagreements: tuple[Disagreement, ...]


UNSPECIFIED = Verdict(None, ())


def install(cache: Path) -> Path:
    """Return the folder of oav below ``cache``, having installed it there if it was not yet.

    Raises:
        Unavailable: Node.js or the registry is missing.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("oav needs Node.js and npm")
    home = cache / f"oav-{VERSION}"
    package, done = home / "node_modules" / "oav", home / "installed"
    with FileLock(cache / "oav.lock"):
        if not done.exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            _run([*command, "--prefix", str(home), f"oav@{VERSION}"])
            done.touch()
    return package


def validate(oav: Path, documents: Path, exchanges: Sequence[dict[str, Any]]) -> list[Verdict]:
    """Check ``exchanges``, in the form of oav's traffic files, against the OpenAPI documents in a folder.

    Raises:
        Failed: oav stopped, or cannot say anything of an exchange.
    """
    if not exchanges:  # to read the documents takes seconds
        return []
    lines = "".join(json.dumps(exchange) + "\n" for exchange in exchanges)
    command = ["node", str(_DRIVER), str(oav), str(documents)]
    finished = subprocess.run(command, input=lines, capture_output=True, encoding="utf-8", timeout=_RUN_LIMIT)
    results = finished.stdout.split("\n")[:-1]  # not splitlines: a text in it may hold separators of its own
    if finished.returncode != 0 or len(results) != len(exchanges):
        raise Failed(f"oav answered {len(results)} of {len(exchanges)} exchanges: {finished.stderr[-2000:]}")
    return [_verdict(json.loads(result)) for result in results]


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_LIMIT)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"oav could not be installed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"oav could not be installed within {_INSTALL_LIMIT} seconds") from error


def _verdict(result: dict[str, Any]) -> Verdict:
    if "runtimeException" in result:
        raise Failed(f"oav does not take the exchange: {result['runtimeException']}")
    sides = {side: result[f"{side}ValidationResult"] for side in ("request", "response")}
    failure = sides["request"].get("runtimeException") or sides["response"].get("runtimeException")
    if failure is not None:
        if failure["code"].startswith("OPERATION_NOT_FOUND"):
            return UNSPECIFIED
        raise Failed(f"oav failed: {failure}")
    operation = sides["request"]["operationInfo"]["operationId"]
    found = tuple(
        Disagreement(side, operation, error["code"], place, error["message"])
        for side, said in sides.items()
        for error in said["errors"]
        for place in (error["jsonPathsInPayload"] or [""])
    )
    return Verdict(operation, found)
