"""What every request to Resource Manager meets before any operation: who, what, and in which words it is refused."""

import re
import socket
import ssl

import pytest
import requests

from sandbox.entra.validation import Claims, TokenValidator
from tests.support.desk import Desk
from tests.support.sandbox import RunningSandbox

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GRANTS = "/providers/Microsoft.Authorization/roleAssignments"
GROUP = "/subscriptions/{s}/resourceGroups/myResourceGroupVM"


def error_of(response: requests.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    body = response.json()
    assert set(body) == {"error"} and body["error"]["message"]
    return response.status_code, body["error"]["code"]


@pytest.mark.parametrize(
    ("method", "path", "version", "status", "code"),
    [
        ("GET", "/nowhere", "2024-07-01", 404, "MissingSubscription"),
        (
            "GET",
            f"/subscription/{{s}}{GRANTS}",
            "2022-04-01",
            404,
            "MissingSubscription",
        ),
        ("GET", f"/{{s}}{GRANTS}", "2022-04-01", 404, "MissingSubscription"),
        (
            "GET",
            f"/C:/Program Files/Git/subscriptions/{{s}}{GRANTS}",
            "2022-04-01",
            404,
            "MissingSubscription",
        ),
        ("GET", GROUP, "2024-13-01", 400, "InvalidApiVersionParameter"),
        ("GET", GROUP, "2099-01-01x", 400, "InvalidApiVersionParameter"),
        ("GET", "/", "2024-07-01", 404, "NotFound"),
        ("GET", GROUP + "/providers/Contoso.Nothing/things/a", "2024-07-01", 404, "InvalidResourceNamespace"),
        ("GET", GROUP + "/providers/Microsoft.Compute/ufos/a", "2024-07-01", 404, "InvalidResourceType"),
        ("GET", GROUP, "1999-01-01", 400, "InvalidApiVersionParameter"),
        (
            "GET",
            GROUP + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1",
            "1999-01-01",
            400,
            "NoRegisteredProviderFound",
        ),
        ("POST", GROUP, "2024-07-01", 405, "MethodNotAllowed"),
        ("GET", "/subscriptions/not-a-guid", "2022-12-01", 400, "InvalidSubscriptionId"),
        (
            "GET",
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg",
            "2024-07-01",
            404,
            "SubscriptionNotFound",
        ),
        ("GET", "/subscriptions/{s}/resourceGroups/absent", "2024-07-01", 404, "ResourceGroupNotFound"),
        ("GET", "/subscriptions/{s}/resourceGroups/absent/resources", "2024-07-01", 404, "ResourceGroupNotFound"),
        ("PUT", "/subscriptions/{s}/resourceGroups/ends.", "2024-07-01", 400, "InvalidResourceGroupName"),
        ("PUT", "/subscriptions/{s}/resourceGroups/a%20b", "2024-07-01", 400, "InvalidResourceGroupName"),
    ],
)
def test_what_is_not_there_is_refused_in_arms_words(
    sandbox: RunningSandbox, method: str, path: str, version: str, status: int, code: str
) -> None:
    body = {"location": "eastus"} if method == "PUT" else None
    response = sandbox.arm(method, path.replace("{s}", sandbox.seed_data.subscription_id), body, version=version)
    assert error_of(response) == (status, code)


@pytest.mark.parametrize("version", ["2099-01-01", "2099-01-01-preview", "2099-01-01-Preview"])
def test_a_newer_version_of_a_known_type_is_served(desk: Desk, version: str) -> None:
    identity = f"{desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    assert desk.ask("PUT", identity, {"location": "eastus"}, version=version).status == 201
    assert desk.ask("GET", desk.group, version=version).status == 200


@pytest.mark.parametrize("shape", ["/{path}", "{path}//", "{group}/providers//{rest}", "{group}//providers///{rest}"])
def test_several_slashes_in_a_path_are_one(desk: Desk, shape: str) -> None:
    rest = "Microsoft.Network/virtualNetworks/net"
    path = f"{desk.group}/providers/{rest}"
    body = {"location": "eastus", "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}
    assert desk.ask("PUT", path, body, version="2024-05-01").status == 201
    found = desk.ask("GET", shape.format(path=path, group=desk.group, rest=rest), version="2024-05-01")
    assert (found.status, found.body["id"]) == (200, path)


def test_slashes_do_not_lead_past_the_gate(desk: Desk) -> None:
    reader = desk.caller("reader")
    desk.grant(reader, "acdd72a7-3385-48ef-bd42-f606fba81ae7", desk.group)
    for group, status in (("myResourceGroupVM", 200), ("contosoPayroll", 403)):
        path = f"{desk.subscription}//resourceGroups//{group}"
        assert desk.ask("GET", path, version="2024-07-01", caller=reader).status == status


@pytest.mark.parametrize(
    "below", ["/../contosoPayroll", "/./resources", "/resources/..", "/.", "/a/..{permissions}", "/./b{permissions}"]
)
def test_dots_lead_nowhere(desk: Desk, below: str) -> None:
    below = below.format(permissions="/providers/Microsoft.Authorization/permissions")
    answer = desk.ask("GET", desk.group + below, version="2022-04-01")
    assert (answer.status, answer.body["error"]["code"]) == (404, "NotFound")


def test_an_api_version_is_required(sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.token()}"}
    response = sandbox.session.get(f"{sandbox.endpoint}{sandbox.seed_data.subscription}", headers=headers)
    assert error_of(response) == (400, "MissingApiVersionParameter")


def test_without_a_token_nothing_is_answered_and_the_challenge_says_where_to_get_one(sandbox: RunningSandbox) -> None:
    response = sandbox.session.get(f"{sandbox.endpoint}/subscriptions?api-version=2022-12-01")
    assert error_of(response) == (401, "AuthenticationFailed")
    assert f"https://login.windows.net/{sandbox.seed_data.tenant_id}" in response.headers["WWW-Authenticate"]
    assert response.json()["error"]["message"] == ("Authentication failed. The 'Authorization' header is missing.")


@pytest.mark.parametrize("header", ["Bearer", "Bearer abc", "Basic dXNlcjpwYXNz", "Bearer a.b.c", "garbage"])
def test_what_is_no_token_is_refused(sandbox: RunningSandbox, header: str) -> None:
    response = sandbox.session.get(
        f"{sandbox.endpoint}/subscriptions?api-version=2022-12-01", headers={"Authorization": header}
    )
    assert error_of(response) == (401, "InvalidAuthenticationToken")


def test_an_expired_token_is_told_its_time(sandbox: RunningSandbox) -> None:
    token = sandbox.token()
    sandbox.clock.advance(2 * 60 * 60)
    response = sandbox.arm("GET", "/subscriptions", token=token, version="2022-12-01")
    assert error_of(response) == (401, "ExpiredAuthenticationToken")
    assert "is earlier than current UTC time" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"text"', b"\xff\xfe", b"nul", b"[" * 100_000, b'{"location": 5}', b'{"location": "mars"}']
)
def test_a_body_that_is_not_what_the_operation_takes_is_refused(sandbox: RunningSandbox, body: bytes) -> None:
    response = sandbox.session.put(
        f"{sandbox.endpoint}{sandbox.seed_data.group('new')}?api-version=2024-07-01",
        data=body,
        headers={"Authorization": f"Bearer {sandbox.token()}", "Content-Type": "application/json"},
    )
    status, code = error_of(response)
    assert status == 400
    assert code in {"InvalidRequestContent", "LocationRequired", "LocationNotAvailableForResourceType"}


def test_a_body_over_four_megabytes_is_refused(sandbox: RunningSandbox) -> None:
    response = sandbox.session.put(
        f"{sandbox.endpoint}{sandbox.seed_data.group('new')}?api-version=2024-07-01",
        data=b" " * (4 * 1024 * 1024 + 1),
        headers={"Authorization": f"Bearer {sandbox.token()}"},
    )
    assert error_of(response) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("host", ["evil.example", "management.azure.com.evil.example", "10.0.0.1"])
def test_a_host_that_is_not_azures_is_refused(sandbox: RunningSandbox, host: str) -> None:
    response = sandbox.session.get(
        f"{sandbox.endpoint}/subscriptions?api-version=2022-12-01",
        headers={"Host": host, "Authorization": f"Bearer {sandbox.token()}"},
    )
    assert error_of(response) == (421, "MisdirectedRequest")
    assert not [name for name in response.headers if name.lower().startswith("x-ms-")]


def test_the_headers_of_an_answer(sandbox: RunningSandbox) -> None:
    response = sandbox.arm("GET", sandbox.seed_data.group("myResourceGroupVM"), version="2024-07-01")
    headers = response.headers
    assert GUID.fullmatch(headers["x-ms-request-id"])
    assert headers["x-ms-correlation-request-id"] == headers["x-ms-request-id"]
    assert re.fullmatch(rf"EASTUS:\d{{8}}T\d{{6}}Z:{GUID.pattern}", headers["x-ms-routing-request-id"])
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert (headers["Cache-Control"], headers["Pragma"], headers["Expires"]) == ("no-cache", "no-cache", "-1")


def test_no_two_requests_have_one_id(sandbox: RunningSandbox) -> None:
    answers = [sandbox.arm("GET", "/subscriptions", version="2022-12-01") for _ in range(20)]
    assert len({answer.headers["x-ms-request-id"] for answer in answers}) == 20


def test_a_requests_token_is_looked_at_once(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Except for the one that brings so much along that it matters, before all of that is read, who sends it."""
    seen: list[str] = []
    validate = TokenValidator.validate

    def look(validator: TokenValidator, token: str) -> Claims:
        seen.append(token)
        return validate(validator, token)

    monkeypatch.setattr(TokenValidator, "validate", look)
    assert sandbox.arm("GET", sandbox.seed_data.group("myResourceGroupVM"), version="2024-07-01").ok
    assert len(seen) == 1


def test_the_quota_falls_with_each_request(sandbox: RunningSandbox) -> None:
    name = "x-ms-ratelimit-remaining-subscription-reads"
    first, second = (int(sandbox.arm("GET", "/subscriptions", version="2022-12-01").headers[name]) for _ in range(2))
    assert 200 < first < 250 and second <= first


def test_a_gateways_refusal_says_so(sandbox: RunningSandbox) -> None:
    response = sandbox.arm("GET", sandbox.seed_data.group("absent") + "/resources", version="2024-07-01")
    assert response.headers["x-ms-failure-cause"] == "gateway"


def test_bytes_that_are_no_http_get_the_shape_of_an_error(sandbox: RunningSandbox) -> None:
    context = ssl.create_default_context(cafile=sandbox.ca)
    address = ("127.0.0.1", sandbox.server.runtime.port)
    with context.wrap_socket(socket.create_connection(address), server_hostname="localhost") as connection:
        connection.sendall(b"NOT HTTP AT ALL\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.") and b"400" in answer.split(b"\r\n")[0]
    assert b'{"error":{"code":"BadRequest"' in answer
