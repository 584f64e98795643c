"""A client that sends what it is told to, good or bad, over a connection it keeps."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.sandbox import RunningSandbox

LIMIT = 300  # seconds; an answer that takes longer counts as none


@dataclass(frozen=True)
class Response:
    """An answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """What the body stands for; raises ValueError where it is not quite JSON."""
        return json.loads(self.body, parse_constant=_refuse)


class Client:
    """Asks one listener of a running sandbox."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._tls = ssl.create_default_context(cafile=sandbox.ca)
        self._connection: http.client.HTTPSConnection | None = None

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Response:
        """Send one request, whose ``target`` goes out as it is; a closed connection is opened again, once."""
        try:
            return self._ask(method, target, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            return self._ask(method, target, headers, body)

    def arm(self, method: str, path: str, body: Any = None, *, token: str, version: str) -> Response:
        """One good request to Resource Manager."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return self.ask(method, f"{path}{'&' if '?' in path else '?'}api-version={version}", headers, content)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        if self._connection is None:
            port = self._sandbox.server.runtime.port
            self._connection = http.client.HTTPSConnection("localhost", port, timeout=LIMIT, context=self._tls)
        connection = self._connection
        connection.putrequest(method, target, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.encode("latin-1", "replace"))
        if body is not None and "Content-Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        response = Response(answer.status, found, answer.read())
        if answer.will_close:
            self.close()
        return response


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
