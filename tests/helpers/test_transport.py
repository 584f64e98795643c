from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import ClassVar

import certifi
import pytest
import requests
from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.rest import HttpRequest
from azure.mgmt.msi import ManagedServiceIdentityClient
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ProtocolError

from helpers.connection import Connection
from helpers.transport import METADATA_SERVICE, FixedAddressAdapter, sdk_transport, session_with
from tests.support.sandbox import RunningSandbox

GROUP = "/resourceGroups/myResourceGroupVM?api-version=2016-06-01"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # seconds between looks whether to end
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def echo() -> Iterator[str]:
    with listening(Echo) as address:
        yield address


class Refusing(Echo):
    """Refuses as often as it was told to, and then answers."""

    statuses: ClassVar[list[int]]
    retry_after = ""

    def do_GET(self) -> None:
        if not self.statuses:
            return super().do_GET()
        self.send_response(self.statuses.pop(0))
        if self.retry_after:
            self.send_header("Retry-After", self.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    do_POST = do_PUT = do_GET


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept for between two requests; nobody really sleeps."""
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.fixture
def refusing() -> Iterator[str]:
    with listening(Refusing) as address:
        yield address


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_only_reads_is_asked_again(refusing: str, pauses: list[float], status: int) -> None:
    Refusing.statuses, Refusing.retry_after = [status] * 3, ""
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(refusing)}, trust_env=False)
    assert session.get(f"{METADATA_SERVICE}/x").json()["path"] == "/x"
    assert sum(pauses) < 10


def test_the_service_says_when_but_not_for_an_hour(refusing: str, pauses: list[float]) -> None:
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(refusing)}, trust_env=False)
    for asked in ("7", "3600"):
        Refusing.statuses, Refusing.retry_after = [429], asked
        assert session.get(f"{METADATA_SERVICE}/x").ok
    assert pauses == [7, 60]


def test_in_the_end_the_refusal_is_the_answer(refusing: str, pauses: list[float]) -> None:
    Refusing.statuses, Refusing.retry_after = [503] * 9, ""
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(refusing)}, trust_env=False)
    assert session.get(f"{METADATA_SERVICE}/x").status_code == 503
    assert len(Refusing.statuses) == 5


@pytest.mark.parametrize(("method", "status"), [("POST", 503), ("PUT", 429), ("GET", 404), ("GET", 410), ("GET", 409)])
def test_everything_else_is_asked_once(refusing: str, pauses: list[float], method: str, status: int) -> None:
    Refusing.statuses, Refusing.retry_after = [status] * 2, ""
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(refusing)}, trust_env=False)
    assert session.request(method, f"{METADATA_SERVICE}/x").status_code == status
    assert len(Refusing.statuses) == 1


class Dropping(Echo):
    """Drops the connection as often as it was told to, or leaves the answer out, and then answers."""

    drops: ClassVar[int]
    hangs = False
    ended: ClassVar[threading.Event]
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.asked.append(self.command)
        if len(self.asked) > self.drops:
            super().do_GET()
        elif self.hangs:
            self.ended.wait()
        self.close_connection = True

    do_PUT = do_PATCH = do_POST = do_GET


@pytest.fixture
def dropping() -> Iterator[requests.Session]:
    Dropping.asked, Dropping.hangs, Dropping.ended = [], False, threading.Event()
    with listening(Dropping) as address:
        yield session_with({METADATA_SERVICE: FixedAddressAdapter(address, stopped="It stopped.")}, trust_env=False)
        Dropping.ended.set()


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_what_can_be_sent_twice_is_sent_again_once_where_the_connection_broke(
    dropping: requests.Session, method: str
) -> None:
    """A PATCH says how a thing is to be in the end, as in clients of the SDK."""
    Dropping.drops = 1
    assert dropping.request(method, f"{METADATA_SERVICE}/x").json()["path"] == "/x"
    assert Dropping.asked == [method, method]


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PATCH", 2), ("PUT", 1), ("POST", 1)])
def test_a_connection_that_breaks_again_is_seen_as_it_is(dropping: requests.Session, method: str, times: int) -> None:
    """So that the SDK, and whoever waits, tell it from a service that is not there."""
    Dropping.drops = 9
    with pytest.raises(requests.ConnectionError) as broken:
        dropping.request(method, f"{METADATA_SERVICE}/x")
    assert isinstance(broken.value.args[0], ProtocolError)
    assert Dropping.asked == [method] * times


def test_a_time_limit_is_not_doubled(dropping: requests.Session) -> None:
    Dropping.drops, Dropping.hangs = 9, True
    with pytest.raises(requests.ReadTimeout):
        dropping.get(f"{METADATA_SERVICE}/x", timeout=(10, 0.1))
    assert pool_of(dropping, METADATA_SERVICE).num_requests == 1  # the server may not have seen what was sent


def test_clients_of_the_sdk_do_not_wait_five_minutes_for_an_answer(
    dropping: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.transport.ANSWER_LIMIT", 0.1)
    Dropping.drops, Dropping.hangs = 9, True
    with pytest.raises(ServiceResponseTimeoutError):
        sdk_transport(dropping).send(HttpRequest("GET", f"{METADATA_SERVICE}/x"))


def pool_of(session: requests.Session, service: str) -> HTTPConnectionPool:
    """Return the only pool of connections that the service's adapter has."""
    adapter = session.get_adapter(f"{service}/")
    assert isinstance(adapter, FixedAddressAdapter)
    pools = adapter.poolmanager.pools
    [pool] = map(pools.get, pools.keys())
    assert isinstance(pool, HTTPConnectionPool)
    return pool


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for everything that swallows whatever is sent to it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_the_literal_address_of_resource_manager_works(connection: Connection, sandbox: RunningSandbox) -> None:
    url = f"https://management.azure.com/subscriptions/{connection.subscription_id}{GROUP}"
    answer = connection.session().get(url, headers={"Authorization": f"Bearer {sandbox.token()}"})
    assert answer.status_code == 200
    assert answer.json()["name"] == "myResourceGroupVM"
    assert answer.url == url


def test_the_literal_address_of_entra_works(connection: Connection, sandbox: RunningSandbox) -> None:
    base = f"https://login.microsoftonline.com/{sandbox.seed_data.tenant_id}"
    answer = connection.session().get(f"{base}/v2.0/.well-known/openid-configuration")
    assert answer.json()["token_endpoint"].endswith(f"/{sandbox.seed_data.tenant_id}/oauth2/v2.0/token")


def test_links_in_answers_are_literal_too(connection: Connection, sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.token()}"}
    group = f"https://management.azure.com/subscriptions/{connection.subscription_id}/resourceGroups/empty"
    session = connection.session()
    session.put(f"{group}?api-version=2021-04-01", headers=headers, json={"location": "eastus"}).raise_for_status()
    location = session.delete(f"{group}?api-version=2021-04-01", headers=headers).headers["Location"]
    assert location.startswith("https://management.azure.com/")
    assert session.get(location, headers=headers).status_code in (200, 202)


def test_tls_verifies_the_literal_name(sandbox: RunningSandbox) -> None:
    session = session_with({"https://example.com": FixedAddressAdapter(sandbox.endpoint, sandbox.ca)}, trust_env=False)
    with pytest.raises(requests.exceptions.SSLError, match=r"example\.com"):
        session.get("https://example.com/subscriptions")


def test_tls_trusts_the_sandboxs_authority_and_no_other(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = certifi.where()
    session = session_with(
        {"https://management.azure.com": FixedAddressAdapter(sandbox.endpoint, public)}, trust_env=False
    )
    with pytest.raises(requests.exceptions.SSLError):
        session.get("https://management.azure.com/subscriptions")
    with pytest.raises(requests.exceptions.SSLError):  # "do not verify" is not for this session to say
        session.get("https://management.azure.com/subscriptions", verify=False)


def test_a_name_that_only_begins_like_it_is_another_name(connection: Connection) -> None:
    adapter = connection.session().get_adapter("https://management.azure.com.example.com/")
    assert adapter is not connection.session().get_adapter("https://management.azure.com/")
    assert type(adapter) is requests.adapters.HTTPAdapter


def test_plain_http_keeps_host_and_query(echo: str) -> None:
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(echo, "")}, trust_env=False)
    answer = session.get("http://169.254.169.254/metadata/identity/oauth2/token?resource=https://a.b/&x=1%2F2")
    assert answer.json() == {
        "path": "/metadata/identity/oauth2/token?resource=https://a.b/&x=1%2F2",
        "host": "169.254.169.254",
    }


@pytest.mark.usefixtures("dead_proxy")
def test_no_proxy_catches_them(connection: Connection, echo: str) -> None:
    assert connection.session().get("https://management.azure.com/subscriptions").status_code == 401
    session = session_with({METADATA_SERVICE: FixedAddressAdapter(echo, "")}, trust_env=False)
    assert session.get(f"{METADATA_SERVICE}/x", proxies={"http": "http://127.0.0.1:9"}).ok


@pytest.mark.usefixtures("dead_proxy")
def test_the_sdks_clients_do_not_heed_proxies_either(connection: Connection) -> None:
    client = ManagedServiceIdentityClient(
        connection.credential, connection.subscription_id, **connection.client_options
    )
    assert list(client.user_assigned_identities.list_by_subscription()) == []


def test_clients_and_the_sign_in_share_one_connection(connection: Connection, sandbox: RunningSandbox) -> None:
    for _ in range(2):  # the second closes what is the first's
        with ManagedServiceIdentityClient(
            connection.credential, connection.subscription_id, **connection.client_options
        ) as client:
            assert list(client.user_assigned_identities.list_by_subscription()) == []
    for service in ("https://management.azure.com", "https://login.microsoftonline.com"):
        assert pool_of(connection.session(), service).num_connections == 1


def test_sessions_share_connections_and_nothing_else(connection: Connection, sandbox: RunningSandbox) -> None:
    first, second = connection.session(), connection.session()
    first.headers["Authorization"] = f"Bearer {sandbox.token()}"
    assert [
        each.get("https://management.azure.com/subscriptions?api-version=2022-12-01").status_code
        for each in (first, second)
    ] == [200, 401]
    assert first.adapters["https://management.azure.com/"] is second.adapters["https://management.azure.com/"]
    first.close()
    assert second.get("https://management.azure.com/subscriptions").status_code == 401
