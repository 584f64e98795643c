"""Nobody keeps a listener from its work with half a request, many connections, or a little that stands for much."""

from __future__ import annotations

import asyncio
import gc
import gzip
import logging
import os
import socket
import ssl
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sandbox.core.clock import SystemClock
from sandbox.core.http import Answer, Request
from sandbox.process.log_file import LogFile
from sandbox.web.listeners import Limits, Listener
from sandbox.web.tls import ensure_certificates, server_context
from tests.support.loops import loop_in_thread
from tests.support.sandbox import RunningSandbox

WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 300.0  # seconds

Listen = Callable[..., int]


@contextmanager
def listening(limits: Limits, tls: ssl.SSLContext | None) -> Iterator[int]:
    def handle(request: Request) -> Answer:
        return Answer(200, f"{len(request.body)} bytes")

    async def start() -> Listener:
        listener = Listener(handle, server_name="test", tls=tls, limits=limits)
        await listener.start(0)
        return listener

    with loop_in_thread() as loop:
        listener = asyncio.run_coroutine_threadsafe(start(), loop).result(300)
        yield listener.port
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(300)


@pytest.fixture
def listen() -> Iterator[Listen]:
    """``listen(limits)`` or ``listen(limits, tls)``: the port of a listener that answers how long a body is."""
    with ExitStack() as stack:
        yield lambda limits, tls=None: stack.enter_context(listening(limits, tls))


def connect(port: int, first: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(first)
    return client


def is_answered(client: socket.socket) -> bool:
    return client.recv(4096).startswith(b"HTTP/1.1 200")


def is_ended(client: socket.socket) -> bool:
    """Whether the other side ends the connection, sooner or later, without a word."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: loc",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
        WHOLE + b"GET",
    ],
    ids=["headers", "body", "chunks", "second"],
)
def test_half_a_request_is_not_waited_for(listen: Listen, first: bytes) -> None:
    with connect(listen(Limits(request=0.1, idle=0.1)), first) as client:
        if first.startswith(WHOLE):
            assert is_answered(client)
        assert is_ended(client)


def test_a_connection_that_says_nothing_is_ended(listen: Listen) -> None:
    with connect(listen(Limits(idle=0.1))) as client:
        assert is_ended(client)


def test_one_that_is_used_stays(listen: Listen) -> None:
    with connect(listen(Limits(request=60, idle=60)), WHOLE) as client:
        for _ in range(3):
            assert is_answered(client)
            client.sendall(WHOLE)


def test_a_handshake_is_not_waited_for(listen: Listen, tmp_path: Path) -> None:
    tls = server_context(ensure_certificates(tmp_path, SystemClock()))
    with connect(listen(Limits(handshake=0.1, idle=60), tls)) as client:
        assert is_ended(client)


def test_new_connections_take_the_places_of_those_without_a_request(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    port = listen(Limits(connections=10))
    with ExitStack() as stack, caplog.at_level(logging.WARNING):
        used = stack.enter_context(connect(port, WHOLE))
        assert is_answered(used)
        useless = [stack.enter_context(connect(port, first)) for first in (b"GET / HT", b"") for _ in range(25)]
        assert is_answered(stack.enter_context(connect(port, WHOLE)))
        assert is_ended(useless[0])
        used.sendall(WHOLE)
        assert is_answered(used)
    assert len(caplog.records) == 1 and "10 connections" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_it_goes_on_once_there_are_files_again(listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that is made meanwhile waits, as the system has it, and is answered afterwards."""
    import resource

    port = listen(Limits())
    with socket.socket() as client, caplog.at_level(logging.WARNING):
        client.settimeout(PATIENCE)
        lowest_free = os.dup(client.fileno())
        os.close(lowest_free)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        try:
            client.connect(("127.0.0.1", port))
            client.sendall(WHOLE)
            end = time.monotonic() + PATIENCE
            while not caplog.records and time.monotonic() < end:
                time.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert is_answered(client)
    assert "No connection can be accepted" in caplog.text


def test_what_clients_break_off_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with listening(Limits(), server_context(ensure_certificates(tmp_path, SystemClock()))) as port:
        for first in (b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01"):
            for _ in range(10):
                connect(port, first).close()
        with connect(port, WHOLE) as client:
            assert is_ended(client)
    gc.collect()  # when asyncio logs what nobody has caught
    assert not caplog.records


# --- bodies ------------------------------------------------------------------------------------------------------


def deflated(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(b"{}")), ("deflate", deflated(16)), ("br", b"x"), ("GZIP", b"x"), ("gzip, gzip", b"x")],
    ids=["gzip", "bomb", "br", "upper case", "twice"],
)
def test_a_compressed_body_is_refused(listen: Listen, encoding: str, body: bytes) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    with connect(listen(Limits()), head.encode() + body) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 415")


def test_a_body_as_it_is_is_read(listen: Listen) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\n"
    with connect(listen(Limits()), head + b"abcde") as client:
        assert client.recv(4096).endswith(b"5 bytes")


@pytest.mark.parametrize("token", ["", "Authorization: Bearer eyJ.x.y\r\n"])
@pytest.mark.parametrize("path", ["/subscriptions", "/v1.0/directoryObjects/getByIds"])
def test_a_large_body_is_read_only_of_those_who_have_signed_in(sandbox: RunningSandbox, path: str, token: str) -> None:
    """The answer is there before the body is."""
    trusted = ssl.create_default_context(cafile=sandbox.ca)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Length: 4000000\r\n\r\n"
    with (
        connect(sandbox.server.runtime.port) as plain,
        trusted.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 401")
        while client.recv(4096):
            pass


def test_no_large_body_is_read_for_a_machines_metadata(sandbox: RunningSandbox) -> None:
    address = sandbox.metadata_endpoint()
    head = "GET /metadata/versions HTTP/1.1\r\nHost: localhost\r\nMetadata: true\r\nContent-Length: 4000000\r\n\r\n"
    with connect(int(address.rpartition(":")[2]), head.encode()) as client:
        assert is_answered(client)
        while client.recv(4096):
            pass


@pytest.mark.parametrize("framing", ["Content-Length: 4000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("token", ["", "Authorization: Basic eDp5\r\n"])
def test_of_a_body_for_entra_little_is_read_of_anybody(sandbox: RunningSandbox, framing: str, token: str) -> None:
    """The answer is there before the body is, or as soon as there is too much of it."""
    trusted = ssl.create_default_context(cafile=sandbox.ca)
    path = f"/{sandbox.seed_data.tenant_id}/oauth2/v2.0/token"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{token}{framing}\r\n\r\n"
    with (
        connect(sandbox.server.runtime.port) as plain,
        trusted.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(head.encode())
        if "chunked" in framing:
            client.sendall(b"%x\r\n" % 4_000_000 + b"x" * (64 * 1024 + 1))
        assert client.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_small_chunked_body_for_entra_is_read(sandbox: RunningSandbox) -> None:
    url = f"https://localhost:{sandbox.server.runtime.port}/{sandbox.seed_data.tenant_id}/oauth2/v2.0/token"
    chunks = (part for part in (b"grant_type=", b"password"))
    answer = sandbox.session.post(url, data=chunks, verify=sandbox.ca, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


# --- the log -----------------------------------------------------------------------------------------------------


def test_the_log_turns_over_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.process.log_file._LARGEST", 1000)
    path = tmp_path / "sandbox.log"
    log = LogFile(path)
    try:
        for number in range(100):
            log._second = 0  # as if each line came a second later
            log.write_line(f"line {number} {'x' * 50}")
    finally:
        log.close()
    lines = [*path.with_suffix(".log.1").read_text().splitlines(), *path.read_text().splitlines()]
    assert path.stat().st_size < 1100 and path.with_suffix(".log.1").stat().st_size < 1100
    assert [line.split()[4] for line in lines] == [str(number) for number in range(100 - len(lines), 100)]
