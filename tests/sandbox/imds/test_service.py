"""Who may ask the metadata service, how, and how often."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from sandbox.imds.service import API_VERSIONS, REQUESTS_A_SECOND
from tests.sandbox.imds.machine import ARM, TOKEN, Machine

INSTANCE = "/metadata/instance"
VERSION = {"api-version": "2021-02-01"}
GOOD = {**VERSION, "resource": ARM}
HEADER = {"Metadata": "true"}


@pytest.fixture(autouse=True)
def identity(machine: Machine) -> None:
    machine.assign(machine.identity("ID1"))


def error_of(body: dict[str, str], path: str) -> str:
    """What a refusal says, in the shape that the endpoint has."""
    if path.startswith("/metadata/identity"):
        assert set(body) == {"error", "error_description"}
        return body["error_description"]
    assert set(body) <= {"error", "newest-versions"}
    return body["error"]


PATHS = [TOKEN, "/metadata/identity/info", INSTANCE, f"{INSTANCE}/compute", "/metadata/versions"]


@pytest.mark.parametrize("path", PATHS)
def test_a_good_request(machine: Machine, path: str) -> None:
    answer = machine.send("GET", path, params=GOOD, headers=HEADER)
    assert answer.status_code == 200
    assert answer.headers["Server"].startswith("IMDS/")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"Metadata": ""}, {"Metadata": "false"}, {"Metadata": "1"}])
def test_without_the_header_nothing_is_told(machine: Machine, path: str, headers: dict[str, str]) -> None:
    answer = machine.send("GET", path, params=GOOD, headers=headers)
    assert answer.status_code == 400
    assert error_of(answer.json(), path) == "Required metadata header not specified"


@pytest.mark.parametrize("value", ["True", "TRUE"])
def test_the_header_is_accepted_in_any_case(machine: Machine, value: str) -> None:
    assert machine.send("GET", TOKEN, params=GOOD, headers={"Metadata": value}).status_code == 200


def test_the_header_refusal_has_the_identity_endpoints_code(machine: Machine) -> None:
    body = machine.send("GET", TOKEN, params=GOOD).json()
    assert body == {"error": "invalid_request", "error_description": "Required metadata header not specified"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", ["10.0.0.4", ""])
def test_nothing_is_told_to_a_proxy(machine: Machine, path: str, value: str) -> None:
    answer = machine.send("GET", path, params=GOOD, headers={**HEADER, "x-forwarded-for": value})
    assert answer.status_code == 400
    assert "X-Forwarded-For" in error_of(answer.json(), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["169.254.169.254", "169.254.169.254:80", "127.0.0.1:9", "LOCALHOST", "[::1]:9"])
def test_the_service_goes_by_its_own_names(machine: Machine, path: str, host: str) -> None:
    assert machine.send("GET", path, params=GOOD, headers={**HEADER, "Host": host}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["rebound.example.com", "169.254.169.254.example.com", "127.0.0.2", "[::2]", "x@localhost"]
)
def test_the_service_goes_by_no_other_name(machine: Machine, path: str, host: str) -> None:
    answer = machine.send("GET", path, params=GOOD, headers={**HEADER, "Host": host})
    assert answer.status_code == 403
    assert error_of(answer.json(), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_the_service_is_only_read(machine: Machine, path: str, method: str) -> None:
    answer = machine.send(method, path, params=GOOD, headers=HEADER)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    if method != "HEAD":
        assert error_of(answer.json(), path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["api-version", "resource", "client_id", "format", "Api-Version"])
def test_a_parameter_is_given_once(machine: Machine, path: str, name: str) -> None:
    query = [*GOOD.items(), (name, "2021-02-01"), (name.upper(), "2021-02-01")]
    answer = machine.send("GET", path, params=query, headers=HEADER)
    assert answer.status_code == 400
    assert "more than once" in error_of(answer.json(), path)


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/metadata/versions"])
@pytest.mark.parametrize("version", [None, "", "2018-02-02", "2999-01-01", "latest", "2021-02-01-preview"])
def test_the_version_is_a_known_one(machine: Machine, path: str, version: str | None) -> None:
    query = {"resource": ARM} | ({} if version is None else {"api-version": version})
    answer = machine.send("GET", path, params=query, headers=HEADER)
    said = "is invalid or was not" if version else "was not"
    assert answer.status_code == 400
    assert error_of(answer.json(), path) == (
        f"Bad request. api-version {said} specified in the request. For more information refer to aka.ms/azureimds"
    )
    if path.startswith(INSTANCE):
        assert answer.json()["newest-versions"] == ["2023-07-01", "2021-12-13", "2021-11-15"]


@pytest.mark.parametrize("version", API_VERSIONS)
def test_identities_came_in_february_2018(machine: Machine, version: str) -> None:
    status = machine.get(TOKEN, **{"api-version": version, "resource": ARM}).status_code
    assert status == (200 if version >= "2018-02-01" else 400)
    assert machine.get(INSTANCE, **{"api-version": version}).status_code == 200


def test_the_versions_are_told(machine: Machine) -> None:
    answer = machine.send("GET", "/metadata/versions", headers=HEADER)
    assert answer.json() == {"apiVersions": list(API_VERSIONS)}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metadata",
        "/metadata/identity",
        "/metadata/identity/oauth2",
        "/metadata/identity/oauth2/token/x",
        "/metadata/identity/oauth2/tokens",
        "/metadata/identityx/oauth2/token",
        "/metadata/instances",
        "/metadata/attested/document",
        "/latest/meta-data",
        "/subscriptions",
    ],
)
def test_there_is_nothing_else(machine: Machine, path: str) -> None:
    answer = machine.send("GET", path, params=GOOD, headers=HEADER)
    is_identity = path.startswith("/metadata/identity/") or path == "/metadata/identity"
    expected = {"error": "not_found", "error_description": "Not found"} if is_identity else {"error": "Not found"}
    assert (answer.status_code, answer.json()) == (404, expected)


@pytest.mark.parametrize("path", ["/METADATA/Identity/OAuth2/Token", "/metadata/identity/oauth2/token/"])
def test_the_case_of_a_path_does_not_matter(machine: Machine, path: str) -> None:
    assert machine.send("GET", path, params=GOOD, headers=HEADER).status_code == 200


def test_a_machine_that_is_gone_is_told_nothing(machine: Machine) -> None:
    machine.desk.do(lambda: machine.cloud.store.delete(machine.id))
    assert machine.send("GET", TOKEN, params=GOOD, headers=HEADER).status_code == 404


@pytest.mark.parametrize("target", ["/metadata/instance?api-version=%ff", "/%2e%2e/metadata", "//metadata/versions"])
def test_odd_targets_are_answered(machine: Machine, target: str) -> None:
    address = urlsplit(machine.address)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=300) as raw:
        raw.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nMetadata: true\r\nConnection: close\r\n\r\n".encode())
        status = raw.makefile("rb").readline()
    assert status.split()[1] in {b"400", b"404"}


# --- how often ---------------------------------------------------------------------------------------------------


def test_twenty_requests_a_second_and_no_more(slow_machine: Machine) -> None:
    def ask() -> int:
        return slow_machine.send("GET", "/metadata/versions", headers=HEADER).status_code

    assert [ask() for _ in range(REQUESTS_A_SECOND + 2)] == [200] * REQUESTS_A_SECOND + [429, 429]
    slow_machine.clock.advance(1)
    assert ask() == 200


def test_not_even_across_the_turn_of_a_second(slow_machine: Machine) -> None:
    def ask() -> int:
        return slow_machine.send("GET", "/metadata/versions", headers=HEADER).status_code

    assert ask() == 200
    slow_machine.clock.advance(0.9)
    assert [ask() for _ in range(REQUESTS_A_SECOND - 1)] == [200] * (REQUESTS_A_SECOND - 1)
    slow_machine.clock.advance(0.2)
    assert [ask() for _ in range(2)] == [200, 429]


def test_the_refusal_of_too_many_requests(slow_machine: Machine) -> None:
    for _ in range(REQUESTS_A_SECOND):
        slow_machine.get(INSTANCE, **VERSION)
    answer = slow_machine.get(TOKEN, **GOOD)
    expected = {"error": "too_many_requests", "error_description": "Too many requests"}
    assert (answer.status_code, answer.json()) == (429, expected)
    assert slow_machine.get(INSTANCE, **VERSION).json() == {"error": "Too many requests"}


def test_where_nothing_takes_time_nothing_is_rationed(machine: Machine) -> None:
    assert {machine.get(INSTANCE, **VERSION).status_code for _ in range(REQUESTS_A_SECOND * 2)} == {200}
