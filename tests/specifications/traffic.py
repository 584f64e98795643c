"""Records what Resource Manager and metadata services were asked and what they answered, as it goes over the wire.

The recorder stands where a service hands its answer to the listener, so that it hears real clients and tests that do
without sockets alike. Each process appends lines of JSON to a file of its own in one folder. Tokens and secrets are
left out.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp.web import Response

from sandbox.app import App
from sandbox.arm.resources.templates.jsonc import read_jsonc
from sandbox.core.http import Answer, Request, read_json
from sandbox.imds.service import MetadataService
from sandbox.web.listeners import to_response

FOLDER = "SANDBOX_TRAFFIC"
"""The environment variable that names the folder to the sandboxes that tests start."""

_RECORDER = Path(__file__).with_name("recorder")
_ELSEWHERE = re.compile(r"/([^/]+/(oauth2|discovery|v2\.0|\.well-known)|v1\.0)(/|$)", re.IGNORECASE)  # Entra and Graph
_SECRET = re.compile(r"access_token|secret|password|customData", re.IGNORECASE)
_LEFT_OUT = "left out"
_FREE = re.compile(r"host|user-agent|authorization|x-ms-([a-z]+-)?request-id|x-ms-ratelimit-.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. Header names are in lower case; a body is what its JSON stands for, None for none."""

    method: str
    url: str
    request_headers: dict[str, str]
    request_body: Any
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def path(self) -> str:
        """The URL's path, percent-encoded."""
        return re.sub(r"https?://[^/]+|\?.*", "", self.url)

    @property
    def api_version(self) -> str:
        """The api-version asked for, in lower case; empty if there was none."""
        found = re.search(r"[?&]api-version=([^&]*)", self.url, re.IGNORECASE)
        return found[1].lower() if found else ""

    @property
    def succeeded(self) -> bool:
        """Whether the answer was no refusal."""
        return self.status < 300

    def __str__(self) -> str:
        return f"{self.method} {self.url} -> {self.status}"


def record(folder: Path) -> Callable[[], None]:
    """Record what this process answers into ``folder`` from now on; returns what ends that.

    Of exchanges that differ in nothing that could be checked, such as a request's id, the first is recorded.
    """
    file = folder / f"{os.getpid()}.jsonl"
    services: dict[Any, str] = {App: "https://management.azure.com", MetadataService: "http://169.254.169.254"}
    originals = {service: service.handle for service in services}
    for service, address in services.items():
        service.handle = _recording(originals[service], file, address)

    def end() -> None:
        for service, handle in originals.items():
            service.handle = handle

    return end


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which a process records into ``folder`` if it is a sandbox."""
    path = os.environ.get("PYTHONPATH")
    return {FOLDER: str(folder), "PYTHONPATH": os.pathsep.join([str(_RECORDER), *([path] if path else [])])}


def read(folder: Path) -> Iterator[Exchange]:
    """Yield what was recorded into ``folder``."""
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            yield Exchange(**json.loads(line))


def _recording(handle: Callable[[Any, Request], Answer], file: Path, service: str) -> Callable[[Any, Request], Answer]:
    known = set()

    def recorded(self: Any, request: Request) -> Answer:
        answer = handle(self, request)
        if answer.status and not _ELSEWHERE.match(request.path):  # 0: no answer, by a fault that was ordered
            response = to_response(answer, "recorded")
            essence = _essence(request, response)
            if essence not in known:
                known.add(essence)
                exchange = _exchange(service, request, response)
                line = json.dumps({name: getattr(exchange, name) for name in Exchange.__slots__})
                with file.open("a", encoding="utf-8") as lines:
                    lines.write(line + "\n")
        return answer

    return recorded


def _essence(request: Request, response: Response) -> Hashable:
    """Return all of an exchange but the values that may be anything."""
    both = [*request.headers.items(), None, *response.headers.items()]
    headers = tuple(header for header in both if header is None or not _FREE.fullmatch(header[0]))
    return request.method, request.path, request.query, headers, request.body, response.status, response.body


def _exchange(service: str, request: Request, response: Response) -> Exchange:
    read = {name.casefold(): (name, value) for name, value in reversed(request.query)}  # of one name, the first
    query = f"?{urlencode([*read.values()], errors='replace')}" if read else ""
    path = re.sub("/+", "/", request.path)  # as it is routed
    return Exchange(
        method=request.method,
        url=f"{service}{quote(path, errors='replace')}{query}",
        request_headers=_plain(request.headers),
        request_body=_without_secrets(_parsed(request.body)),
        status=response.status,
        headers=_plain(response.headers),
        body=_without_secrets(_parsed(response.body)),
    )


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() != "authorization"}


def _parsed(body: Any) -> Any:
    """Return what a body stands for; None for one that is no JSON, of which no specification speaks."""
    for read in (read_json, read_jsonc):  # the Azure CLI sends a template as it was written, comments and all
        with contextlib.suppress(ValueError):
            return read(body) if body else None
    return None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _LEFT_OUT if _SECRET.search(name) and isinstance(member, str) else _without_secrets(member)
            for name, member in value.items()
        }
    return [_without_secrets(member) for member in value] if isinstance(value, list) else value
