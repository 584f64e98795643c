"""Sockets: from aiohttp's requests to ours and back, over TLS or plain HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from aiohttp import HttpVersion11, web

from sandbox.core import errors
from sandbox.core.errors import AzureError
from sandbox.core.http import Answer, NoAnswer, Request, parse_query
from sandbox.web.socket_owner import user_behind

HOST = "127.0.0.1"
MAXIMUM_BODY = 4 * 1024 * 1024  # bytes; ARM's limit
SMALL_BODY = 64 * 1024  # bytes; one that is read of anybody
_LINGERING = 2.0  # seconds for which a body that was refused is received nevertheless, so that the answer arrives
_SHUTDOWN = 1.0  # seconds that open connections get to finish
_BACKLOG = 128  # connections that may wait to be accepted
_PAUSE = 1.0  # seconds between looks for what is overdue
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_WARN_PAUSE = 60.0  # seconds between two warnings

_log = logging.getLogger(__name__)
log_access = logging.getLogger("sandbox.access").info

Handle = Callable[[Request], Answer]
Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
AccessLog = Callable[[str], None]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections a listener has at most, and how many seconds each may take."""

    connections: int = 500  # each takes some 600 KB with TLS, and one of the process's files, often 1,024 in all
    handshake: float = 10  # to agree on TLS
    request: float = 30  # to send a request, from its first byte to its last
    idle: float = 300  # to begin a request


DEFAULT_LIMITS = Limits()


class Listener:
    """One socket and what answers on it.

    Nobody holds a connection for nothing: the handshake, the whole of a request, and the time until the next one have
    limits. Once there are as many connections as there may be, one that waits makes room for a new one.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        server_name: str,
        log: AccessLog = log_access,
        tls: ssl.SSLContext | None = None,
        body_limit: Callable[[Request], int] = lambda _: MAXIMUM_BODY,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Answer by ``handle``.

        Of a large body, ``body_limit`` says by the request's head how many bytes may be read; with 0 ``handle`` gets
        none of it.
        """
        self._handle = handle
        self._log = log
        self._tls = tls
        self._server_name = server_name
        self._scheme = "https" if tls else "http"
        self._body_limit = body_limit
        self._connections = _Connections(self._serve, tls, limits)
        self.after_each: Callable[[], Any] | None = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on ``port``, or on a free one if it is 0.

        Raises:
            OSError: The port is taken.
        """
        listening = socket.create_server((HOST, port), backlog=_BACKLOG)
        self.port = listening.getsockname()[1]
        self._connections.start(listening)

    async def stop(self) -> None:
        """Stop listening; what is being answered gets a moment to finish."""
        await self._connections.stop()

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        url = raw.rel_url
        # A target with a host of its own goes before the header. Without any, aiohttp looks up this computer's name.
        host = raw.host if "Host" in raw.headers else ""
        query = parse_query(url.raw_query_string)
        find_user = partial(user_behind, raw.transport)
        request = Request(raw.method, self._scheme, host, url.path, query, raw.headers, b"", find_user)
        try:
            if raw.body_exists:
                is_small = (raw.content_length or math.inf) <= SMALL_BODY
                if limit := SMALL_BODY if is_small else self._body_limit(request):
                    request.body = await _read_body(raw, limit)
            answer = self._handle(request)
        except AzureError as error:
            answer = error.answer()
        if self.after_each is not None:
            waiting = self.after_each()
            if waiting is not None:
                await waiting
        took = (time.perf_counter() - began) * 1000
        self._log(f"{self._server_name} {raw.method} {url.raw_path} {answer.status} {took:.1f} ms")
        connection = cast(_Connection, raw.protocol)
        if isinstance(answer, NoAnswer):
            await connection.end_unanswered(hang=answer.hangs)
            return web.Response()  # to nobody
        connection.await_next_request()
        return to_response(answer, self._server_name)


async def _read_body(raw: web.BaseRequest, limit: int) -> bytes:
    """Return what a request brings along; raises AzureError where it is too much, or not what its headers say.

    It must come as it is: compressed, a little may stand for more than memory holds.
    """
    if raw.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise AzureError(415, "UnsupportedMediaType", "The request's body is compressed, which is not supported.")
    if (raw.content_length or 0) > limit:
        raise errors.refusal("RequestEntityTooLarge", limit)
    if raw.headers.get("Expect", "").lower() == "100-continue" and raw.version >= HttpVersion11:
        await raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray()
    try:
        async for chunk in raw.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise errors.refusal("RequestEntityTooLarge", limit)
    except (web.RequestPayloadError, ConnectionError) as error:
        raw.content.feed_eof()  # there is no reading on, neither of this request nor of a next one
        raw.protocol.close()
        raise _bad_request() from error
    return bytes(body)


def _bad_request() -> AzureError:
    return AzureError(400, "BadRequest", "The request is not a valid HTTP request.")


def to_response(answer: Answer, server_name: str) -> web.Response:
    """Return ``answer`` as it goes over the wire: JSON in UTF-8, a text as it is, or no bytes at all."""
    headers = {"Server": server_name, **answer.headers}
    body = answer.body
    if body is None:
        return web.Response(status=answer.status, headers=headers)
    if isinstance(body, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return web.Response(status=answer.status, headers=headers, body=body.encode())
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return web.Response(status=answer.status, headers=headers, body=_encode(body).encode("utf-8", "replace"))


class _Connection(web.RequestHandler):
    """One connection: refuses bytes that are not an HTTP request in the same shape as all else, and ends when told to.

    Attributes:
        deadline: the event loop's time by which the request that is being sent must be whole, or the next one begin.
        is_new: whether no request has been answered yet.
    """

    def __init__(self, connections: _Connections, server: web.Server, limits: Limits) -> None:
        self._loop_time = asyncio.get_running_loop().time
        super().__init__(server, loop=asyncio.get_running_loop(), auto_decompress=False, lingering_time=_LINGERING)
        self._connections = connections
        self._limits = limits
        self._receiving = False
        self._lost = asyncio.Event()
        self.is_new = True
        self.deadline = self._loop_time() + limits.idle

    def data_received(self, data: bytes) -> None:
        if not self._receiving:
            self._receiving = True
            self.deadline = self._loop_time() + self._limits.request
        super().data_received(data)

    def await_next_request(self) -> None:
        """Have the client a while from now on to begin another request."""
        self._receiving = self.is_new = False
        self.deadline = self._loop_time() + self._limits.idle

    async def end_unanswered(self, *, hang: bool) -> None:
        """Reset the connection; with ``hang``, only once the client gives up."""
        if hang:
            self.deadline = math.inf
            await self._lost.wait()
        elif self.transport is not None:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost.set()
        self._connections.discard(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Close the connection without waiting for an idle client to say good-bye in TLS."""
        transport = self.transport
        await super().shutdown(timeout)
        if transport is not None:
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        refusal = _bad_request()
        if status >= 500:
            _log.error("the server failed", exc_info=exc)
            refusal = AzureError(status, "InternalServerError", "The sandbox failed; its log says why.")
        response = to_response(refusal.answer(), "Sandbox")
        response.force_close()
        return response


class _Connections:
    """The connections of one listener."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None, limits: Limits) -> None:
        self._serve = serve
        self._tls = tls
        self._limits = limits
        self._open: dict[_Connection, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._warned = -math.inf

    def start(self, listening: socket.socket) -> None:
        """Accept connections from the socket, on the running event loop."""
        listening.setblocking(False)
        self._listening = listening
        self._server = web.Server(self._serve)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._accept()), loop.create_task(self._end_overdue())]

    async def stop(self) -> None:
        """Close the socket, then the connections; what is being answered gets a moment to finish."""
        connecting = [task for task in self._open.values() if not task.done()]
        for task in (*self._tasks, *connecting):
            task.cancel()
        await asyncio.gather(*self._tasks, *connecting, return_exceptions=True)
        self._listening.close()
        self._server.pre_shutdown()
        await self._server.shutdown(_SHUTDOWN)

    def discard(self, connection: _Connection) -> None:
        """Count a connection no longer."""
        self._open.pop(connection, None)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(self._listening)
            except OSError as error:  # of the system's, such as too many open files
                self._warn(f"No connection can be accepted: {error}")
                await asyncio.sleep(_PAUSE)
                continue
            if len(self._open) >= self._limits.connections:
                self._make_room()
            connection = _Connection(self, self._server, self._limits)
            self._open[connection] = loop.create_task(self._connect(connection, accepted))
            await asyncio.sleep(0)  # else a flood of connections would keep everything else waiting

    async def _connect(self, connection: _Connection, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=self._limits.handshake if self._tls else None,
            )
        except OSError:  # no TLS, an authority that the client does not trust, or nothing at all for too long
            self.discard(connection)

    def _make_room(self) -> None:
        """End the connection that is least likely to be missed: without a request so far, and soon overdue."""
        self._warn(f"There are {len(self._open)} connections, as many as there may be; new ones take others' places.")
        found = min(self._open, key=lambda connection: (not connection.is_new, connection.deadline))
        task = self._open.pop(found)
        if not task.done():
            task.cancel()
        found.abort()

    async def _end_overdue(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            now = asyncio.get_running_loop().time()
            overdue = [each for each, task in self._open.items() if each.deadline < now and task.done()]
            for connection in overdue:
                connection.abort()

    def _warn(self, message: str) -> None:
        """Log a warning, but not each time."""
        now = asyncio.get_running_loop().time()
        if now - self._warned >= _WARN_PAUSE:
            self._warned = now
            _log.warning(message)
