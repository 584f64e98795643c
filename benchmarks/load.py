"""A load of equal requests, light enough that the server is what is measured.

Connections are kept as long as the server keeps them. The client never sleeps: to wake somebody costs a server more
than a small answer does, on a virtual machine, and the more the slower the server is.
"""

from __future__ import annotations

import asyncio
import selectors
import ssl
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: requests a second, and latencies in milliseconds."""

    rate: float
    median: float
    p99: float


class _Connection(asyncio.Protocol):
    """One connection: sends a request, and tells when its answer is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answered: asyncio.Future[bool] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[bool]:
        """Send ``request``; the result is whether the server keeps the connection after its answer."""
        self._buffer.clear()
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answered is None or self._answered.done():
            return
        head = bytes(self._buffer[:end]).lower()
        if len(self._buffer) < end + 4 + _length(head):
            return
        if b" 200 " in head.split(b"\r\n", 1)[0]:
            self._answered.set_result(b"\r\nconnection: close" not in head)
        else:
            self._answered.set_exception(RuntimeError(bytes(self._buffer[:400]).decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error or ConnectionError("the server closed the connection"))


class _Restless(selectors.DefaultSelector):
    """Looks, and never waits."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(0)


def apply_load(
    url: str,
    headers: dict[str, str],
    connections: int,
    seconds: float,
    *,
    body: str | None = None,
    ca: str | None = None,
) -> Load:
    """Send one request over and over on ``connections`` connections for ``seconds``.

    Raises:
        RuntimeError: An answer was not 200.
    """
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Restless())) as runner:
        return runner.run(_apply(url, headers, connections, seconds, body, ca))


async def _apply(
    url: str, headers: dict[str, str], connections: int, seconds: float, body: str | None, ca: str | None
) -> Load:
    parts = urlsplit(url)
    assert parts.port is not None
    port = parts.port
    tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = _request(parts.netloc, target, headers, body)
    latencies: list[float] = []

    async def connect() -> _Connection:
        name = parts.hostname if tls else None
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", port, ssl=tls, server_hostname=name)
        return made

    async def ask_on_and_on() -> None:
        connection = await connect()
        while (sent := time.perf_counter()) < until:
            if not await connection.ask(request):
                connection.transport.abort()
                connection = await connect()
            latencies.append((time.perf_counter() - sent) * 1000)
        connection.transport.abort()

    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(ask_on_and_on() for _ in range(connections)))
    took = time.perf_counter() - began
    latencies.sort()
    return Load(len(latencies) / took, statistics.median(latencies), latencies[int(len(latencies) * 0.99)])


def _request(host: str, target: str, headers: dict[str, str], body: str | None) -> bytes:
    content = (body or "").encode()
    lines = [f"{'GET' if body is None else 'POST'} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(content)}"] if body is not None else []
    return "\r\n".join([*lines, "", ""]).encode() + content


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0
