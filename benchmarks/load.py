"""A load of equal requests over kept-alive connections, light enough that the server is what is measured."""

from __future__ import annotations

import asyncio
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
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, request: bytes, until: float) -> None:
        self._request = request
        self._until = until
        self._buffer = bytearray()
        self._sent = 0.0
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _length(self._buffer[:head]):
            return
        if not self._buffer.startswith(b"HTTP/1.1 200"):
            self._end(RuntimeError(bytes(self._buffer[:400]).decode(errors="replace")))
            return
        now = time.perf_counter()
        self.latencies.append(now - self._sent)
        self._buffer.clear()
        if now < self._until:
            self._send()
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
        self._transport.abort()


async def apply_load(
    url: str, headers: dict[str, str], connections: int, seconds: float, *, body: str | None = None, ca: str | None = None
) -> Load:
    """Send one request over and over on ``connections`` connections for ``seconds``.

    Raises:
        RuntimeError: An answer was not 200.
    """
    parts = urlsplit(url)
    tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
    loop = asyncio.get_running_loop()
    request = _request(parts.netloc, parts.path + ("?" + parts.query if parts.query else ""), headers, body)
    began = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: _Connection(request, began + seconds),
            "127.0.0.1",
            parts.port,
            ssl=tls,
            server_hostname=parts.hostname if tls else None,
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.ended for _, connection in made))
    took = time.perf_counter() - began
    latencies = sorted(latency * 1000 for _, connection in made for latency in connection.latencies)
    return Load(len(latencies) / took, statistics.median(latencies), latencies[int(len(latencies) * 0.99)])


def _request(host: str, target: str, headers: dict[str, str], body: str | None) -> bytes:
    content = (body or "").encode()
    lines = [f"{'GET' if body is None else 'POST'} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(content)}"] if body is not None else []
    return "\r\n".join([*lines, "", ""]).encode() + content


def _length(head: bytearray) -> int:
    for line in bytes(head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
