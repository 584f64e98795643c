"""Whatever bytes come in, on any listener: an answer or a closed connection, and the server lives on."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.core import seed_data
from tests.specifications.fuzz.profile import thorough
from tests.support.sandbox import RunningSandbox

LIMIT = 300.0  # seconds
_QUIET = 0.06  # seconds without a byte after which a server that was told nothing final says no more
_STATUS = re.compile(rb"HTTP/[0-9]\.[0-9] (\d{3}) [^\r\n]*\r\n")

_BODY = b'{"location":"eastus"}'
_ZIPPED = gzip.compress(_BODY)

# Whole requests, but for what stands in angle brackets: the path of a good request, its token and the host.
GOOD = b"GET <path> HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer <token>\r\nConnection: close\r\n\r\n"
_HEAD = b"Host: localhost\r\nAuthorization: Bearer <token>\r\nConnection: close\r\n"


def _put(headers: bytes, body: bytes) -> bytes:
    return b"PUT <path> HTTP/1.1\r\n" + _HEAD + headers + b"\r\n" + body


def _get(target: bytes = b"<path>", headers: bytes = b"", head: bytes = _HEAD, protocol: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + protocol + b"\r\n" + head + headers + b"\r\n"


# What is sent, and the statuses that may come back, in turn.
CASES: dict[str, tuple[bytes, list[int]]] = {
    "a good request": (GOOD, [200]),
    "HTTP/1.0 without a host": (_get(head=b"Authorization: Bearer <token>\r\n", protocol=b"HTTP/1.0"), [421]),
    "no host": (_get(head=b"Authorization: Bearer <token>\r\nConnection: close\r\n"), [400]),
    "two hosts": (_get(headers=b"Host: contoso.com\r\n"), [400]),
    "an empty host": (_get(head=b"Host:\r\nConnection: close\r\n"), [421]),
    "a host with a port that is none": (_get(head=b"Host: localhost:\xd0\xb0\r\nConnection: close\r\n"), [421]),
    "a host that is half an address": (_get(head=b"Host: [::1\r\nConnection: close\r\n"), [421]),
    "another host": (_get(head=b"Host: localhost.contoso.com\r\nConnection: close\r\n"), [421]),
    "another host in the target": (_get(b"https://contoso.com<path>"), [421]),
    "its own address in the target": (_get(b"https://localhost<path>"), [200]),
    "an address in the target that is none": (_get(b"http://[<path>"), [400]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n" + _HEAD + b"\r\n", [400]),
    "CONNECT": (b"CONNECT localhost:443 HTTP/1.1\r\n" + _HEAD + b"\r\n", [400]),
    "no target": (_get(b""), [400]),
    "a target without a slash": (_get(b"subscriptions?api-version=2022-12-01"), [400]),
    "two slashes": (_get(b"//subscriptions//?api-version=2022-12-01"), [200]),
    "a target that is not UTF-8": (_get(b"/subscriptions/\xff?api-version=2022-12-01"), [400]),
    "an escape that is not UTF-8": (_get(b"/subscriptions/%ff?api-version=2022-12-01"), [400]),
    "half a surrogate pair": (_get(b"/subscriptions/%ED%A0%80?api-version=2022-12-01"), [400]),
    "an escaped NUL": (_get(b"/subscriptions/%00?api-version=2022-12-01"), [400]),
    "a NUL": (_get(b"/subscriptions/\0?api-version=2022-12-01"), [400]),
    "a query of nonsense": (_get(b"<group>?api-version=%zz&&&=;%ff"), [400]),
    "a target that is too long": (_get(b"/" + b"a" * 20_000), [400]),
    "a header that is too long": (_get(headers=b"X: " + b"a" * 20_000 + b"\r\n"), [400]),
    "too many headers": (_get(headers=b"".join(b"X%d: a\r\n" % number for number in range(200))), [400]),
    "a header without a name": (_get(headers=b": a\r\n"), [400]),
    "a header without a colon": (_get(headers=b"abc\r\n"), [400]),
    "a header with a space in its name": (_get(headers=b"X A: b\r\n"), [400]),
    "a folded header": (_get(headers=b"X: a\r\n b\r\n"), [400]),
    "a header with a control character": (_get(headers=b"x-ms-correlation-request-id: a\x01b\r\n"), [400]),
    "a correlation id that is not UTF-8": (_get(headers=b"x-ms-correlation-request-id: \xff\xfe\r\n"), [200]),
    "a client's id that is not UTF-8": (
        _get(headers=b"x-ms-return-client-request-id: true\r\nx-ms-client-request-id: \xff\r\n"),
        [200],
    ),
    "a token that is not UTF-8": (_get(head=_HEAD.replace(b"<token>", b"\xff")), [401]),
    "a method that is none": (b"BREW <path> HTTP/1.1\r\n" + _HEAD + b"\r\n", [400]),
    "a method in lower case": (b"get <path> HTTP/1.1\r\n" + _HEAD + b"\r\n", [400]),
    "a method that is too long": (b"X" * 20_000 + b" <path> HTTP/1.1\r\n" + _HEAD + b"\r\n", [400]),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "a version that is none": (_get(protocol=b"HTTP/9.9"), [400]),
    "TLS within": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, [400]),
    "NULs": (b"\0" * 100, [400]),
    "empty lines first": (b"\r\n" * 50 + GOOD, [200]),
    "line feeds alone": (GOOD.replace(b"\r\n", b"\n"), [400]),
    "a negative length": (_put(b"Content-Length: -1\r\n", b""), [400]),
    "a length that is no number": (_put(b"Content-Length: abc\r\n", b""), [400]),
    "two lengths": (_put(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"{}"), [400]),
    "a length and chunks": (_put(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), [400]),
    "good chunks": (_put(b"Transfer-Encoding: chunked\r\n", b"15\r\n" + _BODY + b"\r\n0\r\n\r\n"), [200]),
    "a chunk whose size is none": (_put(b"Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"), [400]),
    "a chunk without an end": (_put(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}xx"), [400]),
    "a chunk of sixteen exabytes": (_put(b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffffff\r\n{}"), [400]),
    "another transfer encoding": (_put(b"Transfer-Encoding: contoso\r\n", b"xx"), [400]),
    "a zipped body": (_put(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(_ZIPPED), _ZIPPED), [415]),
    "a zipped body that is none": (_put(b"Content-Encoding: gzip\r\nContent-Length: 5\r\n", b"abcde"), [415]),
    "a zip bomb": (
        (bomb := gzip.compress(b" " * 16_000_000))
        and _put(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(bomb), bomb),
        [415],
    ),
    "an encoding that is none": (_put(b"Content-Encoding: contoso\r\nContent-Length: 21\r\n", _BODY), [415]),
    "a body that is expected": (_put(b"Expect: 100-continue\r\nContent-Length: 21\r\n", _BODY), [100, 200]),
    "another expectation": (_put(b"Expect: tea\r\nContent-Length: 21\r\n", _BODY), [200]),
    "a body of another type": (_put(b"Content-Type: ;;;charset=contoso\r\nContent-Length: 21\r\n", _BODY), [200]),
    "three at once": (GOOD.replace(b"Connection: close\r\n", b"") * 2 + GOOD, [200, 200, 200]),
    "a good one and garbage": (GOOD.replace(b"Connection: close\r\n", b"") + b"garbage\r\n\r\n", [400]),
    "half a request": (b"GET / HT", []),
    "half a body": (_put(b"Content-Length: 100\r\n", b"{"), []),
    "nothing": (b"", []),
}


Exchange = Callable[..., bytes]


@pytest.fixture(scope="module")
def exchange(fuzzed: RunningSandbox) -> Exchange:
    """Sends bytes to Resource Manager over TLS; returns all that comes back."""
    context = ssl.create_default_context(cafile=fuzzed.ca)
    group = fuzzed.seed_data.group(seed_data.RESOURCE_GROUP).encode()
    known = {b"<path>": group + b"?api-version=2024-07-01", b"<group>": group, b"<token>": fuzzed.token().encode()}

    def send(data: bytes, quiet: float = LIMIT) -> bytes:
        for name, value in known.items():
            data = data.replace(name, value)
        plain = socket.create_connection(("127.0.0.1", fuzzed.server.runtime.port), LIMIT)
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return _sent(connection, data, quiet)

    return send


@pytest.fixture(scope="module")
def ask_metadata(fuzzed: RunningSandbox) -> Exchange:
    """Sends bytes to a machine's metadata service; returns all that comes back."""
    port = urlsplit(fuzzed.metadata_endpoint()).port

    def send(data: bytes, quiet: float = LIMIT) -> bytes:
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            return _sent(connection, data, quiet)

    return send


def _sent(connection: socket.socket, data: bytes, quiet: float) -> bytes:
    """Send ``data``; return what comes back until the connection is closed or nothing more comes for a while."""
    answer = b""
    dropped = contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError)
    with dropped:  # the server may have answered, and closed, before it was told everything
        connection.sendall(data)
    with dropped:
        connection.settimeout(quiet)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def answers(data: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer in ``data``; what is no answer in good form is an error."""
    found = []
    while data:
        line = _STATUS.match(data)
        assert line is not None, data[:200]
        head, end, rest = data[line.end() - 2 :].partition(b"\r\n\r\n")  # the end of the line may be that of all
        assert end, data[:200]
        length = re.search(rb"^content-length: (\d+)\r?$", head, re.IGNORECASE | re.MULTILINE)
        size = int(length[1]) if length else 0
        assert len(rest) >= size, "an answer is not whole"
        found.append((int(line[1]), rest[:size]))
        data = rest[size:]
    return found


def check(data: bytes) -> None:
    """No answer is a failure of the server, and each refusal has the shape of one."""
    for status, body in answers(data):
        assert status < 500, body
        if status >= 400 and body:
            assert json.loads(body)["error"]


@pytest.mark.parametrize(("sent", "statuses"), CASES.values(), ids=CASES.keys())
def test_a_known_nuisance(exchange: Exchange, sent: bytes, statuses: list[int]) -> None:
    came = exchange(sent, LIMIT if statuses else _QUIET)
    check(came)
    assert [status for status, _ in answers(came)] == statuses
    assert answers(exchange(GOOD))[0][0] == 200


SPOILERS = st.sampled_from(
    [b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%", b"%00", b"\xff", b"/", b"..", b"?", b"#", b"0"]
) | st.binary(min_size=1, max_size=4)


@st.composite
def spoiled(draw: st.DrawFn, good: bytes) -> bytes:
    """A good request with bytes put in, taken out, or written over in a few places."""
    data = good
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        taken = draw(st.sampled_from([0, 0, 1, 2, 8]))
        data = data[:at] + draw(st.just(b"") | SPOILERS) + data[at + taken :]
    return data


_POST = b"PUT <path> HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
_CHUNKS = _POST.replace(b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")


@thorough(150)
@given(data=st.sampled_from([GOOD, _POST, _CHUNKS]).flatmap(spoiled) | st.binary(max_size=200))
def test_a_spoiled_request_is_answered_or_dropped(exchange: Exchange, data: bytes) -> None:
    check(exchange(data, _QUIET))
    assert answers(exchange(GOOD))[0][0] == 200


_INSTANCE = (
    b"GET /metadata/instance?api-version=2021-02-01 HTTP/1.1\r\n"
    b"Host: localhost\r\nMetadata: true\r\nConnection: close\r\n\r\n"
)
_TOKEN = _INSTANCE.replace(b"instance?", b"identity/oauth2/token?resource=https://management.azure.com/&")


@thorough(150)
@given(data=st.sampled_from([_INSTANCE, _TOKEN]).flatmap(spoiled) | st.binary(max_size=200))
def test_the_metadata_service_bears_as_much(ask_metadata: Exchange, data: bytes) -> None:
    check(ask_metadata(data, _QUIET))
    assert answers(ask_metadata(_INSTANCE))[0][0] == 200


def test_a_client_that_goes_away_is_not_missed(fuzzed: RunningSandbox, exchange: Exchange) -> None:
    context = ssl.create_default_context(cafile=fuzzed.ca)
    for data in (b"", b"\x16\x03", GOOD[:20], CASES["half a body"][0]):
        with socket.create_connection(("127.0.0.1", fuzzed.server.runtime.port), LIMIT) as plain:
            if not data.startswith(b"\x16"):
                plain = context.wrap_socket(plain, server_hostname="localhost")
            plain.sendall(data)
            plain.close()
    assert answers(exchange(GOOD))[0][0] == 200
