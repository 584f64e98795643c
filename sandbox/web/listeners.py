"""Sockets: from aiohttp's requests to ours and back, over TLS or plain HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import HttpVersion11, web

from sandbox.core import errors
from sandbox.core.errors import AzureError
from sandbox.core.http import Answer, Request, parse_query
from sandbox.web.socket_owner import user_behind

HOST = "127.0.0.1"
MAXIMUM_BODY = 4 * 1024 * 1024  # bytes; ARM's limit
_SHUTDOWN = 1.0  # seconds that open connections get to finish

_log = logging.getLogger(__name__)
log_access = logging.getLogger("sandbox.access").info

Handle = Callable[[Request], Answer]
AccessLog = Callable[[str], None]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Listener:
    """One socket and what answers on it."""

    def __init__(
        self, handle: Handle, *, server_name: str, log: AccessLog = log_access, tls: ssl.SSLContext | None = None
    ) -> None:
        self._handle = handle
        self._log = log
        self._tls = tls
        self._server_name = server_name
        self._scheme = "https" if tls else "http"
        self._runner = web.ServerRunner(_Server(self._serve), shutdown_timeout=_SHUTDOWN)
        self.after_each: Callable[[], Any] | None = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on ``port``, or on a free one if it is 0.

        Raises:
            OSError: The port is taken.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port, ssl_context=self._tls, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; what is being answered gets a moment to finish."""
        await self._runner.cleanup()

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        url = raw.rel_url
        refusal: AzureError | None = None
        body = b""
        if raw.body_exists:
            try:
                body = await _read_body(raw)
            except AzureError as error:
                refusal = error
        if refusal is not None:
            answer = refusal.answer()
        else:
            host = raw.host if "Host" in raw.headers else ""  # aiohttp would look up this computer's name
            query = parse_query(url.raw_query_string)
            find_user = partial(user_behind, raw.transport)
            request = Request(raw.method, self._scheme, host, url.path, query, raw.headers, body, find_user)
            answer = self._handle(request)
        if self.after_each is not None:
            waiting = self.after_each()
            if waiting is not None:
                await waiting
        took = (time.perf_counter() - began) * 1000
        self._log(f"{self._server_name} {raw.method} {url.raw_path} {answer.status} {took:.1f} ms")
        return to_response(answer, self._server_name)


async def _read_body(raw: web.BaseRequest) -> bytes:
    """Return what a request brings along; raises AzureError where it is too much, or not what its headers say."""
    if raw.headers.get("Expect", "").lower() == "100-continue" and raw.version >= HttpVersion11:
        await raw.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray()
    try:
        async for chunk in raw.content.iter_any():
            body += chunk
            if len(body) > MAXIMUM_BODY:
                raise errors.request_too_large(MAXIMUM_BODY)
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


class _Protocol(web.RequestHandler):
    """One connection: refuses bytes that are no HTTP request in the same shape as all else, and ends when told to."""

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


class _Server(web.Server):
    """Makes a protocol of ours for each connection."""

    def __call__(self) -> _Protocol:
        return _Protocol(self, loop=asyncio.get_running_loop())
