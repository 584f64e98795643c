"""Whatever is asked, of any service: an answer in that service's form, never a failure, and nothing by mistake."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbac.scopes import canonical
from sandbox.arm.versions import versions_of
from sandbox.core import seed_data
from tests.specifications.fuzz.client import Client, Response
from tests.specifications.fuzz.profile import thorough
from tests.specifications.scenario import new_machine
from tests.support.machines import UBUNTU
from tests.support.sandbox import RunningSandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
Good = tuple[str, str, Any, str]
GUID = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c79001"


@dataclass(frozen=True)
class Target:
    """A sandbox with an owner and somebody without any role, and good requests to begin with."""

    client: Client
    tokens: Mapping[str, str] = field(repr=False)
    good: tuple[Good, ...]
    sandbox: RunningSandbox


@pytest.fixture(scope="module")
def target(fuzzed: RunningSandbox) -> Iterator[Target]:
    stranger, secret = fuzzed.add_principal("stranger")
    tokens = {"owner": fuzzed.token(), "stranger": fuzzed.token(stranger.client_id, secret)}
    client = Client(fuzzed)
    yield Target(client, tokens, _good_requests(fuzzed), fuzzed)
    client.close()


def _good_requests(sandbox: RunningSandbox) -> tuple[Good, ...]:
    """Method, path, body and api-version of a good request of each kind."""
    subscription, group = sandbox.seed_data.subscription, sandbox.seed_data.group(seed_data.RESOURCE_GROUP)
    token = sandbox.token()

    def ask(method: str, path: str, body: Any = None, *, version: str, expect: int) -> Any:
        return sandbox.arm(method, path, body, token=token, version=version)

    machine = new_machine(ask, group, "nic2", UBUNTU, adminPassword="Not-a-secret-1")
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    sandbox.arm("PUT", identity, {"location": "eastus"}, token=token, version="2024-11-30")
    machine["identity"] = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}}
    assignments = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    definition = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    credential = {"issuer": "https://contoso.com", "subject": "s", "audiences": ["a"]}
    role = {
        "roleName": "Fuzzer",
        "description": "d",
        "assignableScopes": [group],
        "permissions": [{"actions": ["*/read"], "notActions": ["*/write"], "dataActions": [], "notDataActions": []}],
    }
    grant = {
        "roleDefinitionId": f"{definition}/{READER}",
        "principalId": GUID,
        "principalType": "ServicePrincipal",
        "description": "d",
    }
    space = {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}, "subnets": [{"name": "s", "properties": {}}]}
    network = {"location": "eastus", "properties": space}
    return (
        ("PUT", sandbox.seed_data.group("fuzz"), {"location": "eastus", "tags": {"a": "b"}}, "2024-07-01"),
        ("PUT", identity, {"location": "eastus", "tags": {}, "properties": {"isolationScope": "None"}}, "2024-11-30"),
        ("PUT", f"{identity}/federatedIdentityCredentials/ci1", {"properties": credential}, "2024-11-30"),
        ("PUT", f"{group}/providers/Microsoft.Compute/virtualMachines/vm2", machine, "2026-04-01"),
        ("PUT", f"{group}/providers/Microsoft.Network/virtualNetworks/v", network, "2024-05-01"),
        ("PUT", f"{definition}/{GUID}", {"properties": role}, "2022-04-01"),
        ("PUT", f"{assignments}/{GUID}", {"properties": grant}, "2022-04-01"),
        ("POST", f"{group}/providers/Sandbox.Local/explain", {"principalId": GUID, "action": "a/b/read"}, "2024-05-28"),
        ("PUT", f"{subscription}/providers/Sandbox.Local/principals/p", {}, "2024-05-28"),
        ("POST", "/v1.0/directoryObjects/getByIds", {"ids": [GUID], "types": ["servicePrincipal"]}, ""),
        ("POST", f"/{sandbox.seed_data.tenant_id}/oauth2/v2.0/token", {}, ""),
        ("PATCH", identity, {"tags": {"a": "b"}}, "2024-11-30"),
        ("PATCH", f"{group}/providers/Microsoft.Compute/virtualMachines/vm2", machine, "2026-04-01"),
        ("POST", f"{group}/providers/Microsoft.Compute/virtualMachines/vm2/deallocate", {}, "2026-04-01"),
        ("POST", f"{group}/providers/Microsoft.Compute/virtualMachines/vm2/start", {}, "2026-04-01"),
        ("GET", f"{subscription}/resourceGroups?$filter=tagName eq 'a'&$top=1", {}, "2024-07-01"),
        ("GET", f"{assignments}?$filter=atScope()", {}, "2022-04-01"),
    )


# --- what is asked -------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "",
        "\ud800",
        "\0",
        "..",
        "../..",
        "%2e%2e",
        "a" * 300,
        "straße",
        "İ",
        "10.0.0.0/24",
        "/subscriptions/x",
        GUID,
        "*",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, 5e-324])
    | st.floats()
    | TEXTS
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
_WORDS = """
    subscriptions resourceGroups providers Microsoft.Compute virtualMachines locations default operations register
    operationresults instanceView start listAssociatedResources v1.0 me oauth2 token .well-known openid-configuration
    metadata endpoints tenants eyJqb2JJZCI6NX0
"""
SEGMENTS = st.sampled_from(_WORDS.split()) | TEXTS
METHODS = st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
_PROVIDERS = [f"Microsoft.{name}" for name in ("Resources", "Compute", "ManagedIdentity", "Authorization")]
ALL_VERSIONS = sorted({version for name in [*_PROVIDERS, "Sandbox.Local"] for version in versions_of(name)})
QUERIES = st.sampled_from(["$filter", "$top", "$skipToken", "$expand", "monitor", "p", "api-version", "forceDeletion"])
_HEADERS = """
    If-Match If-None-Match Content-Type Accept Range Prefer Cookie X-HTTP-Method-Override X-Forwarded-Host
    x-ms-client-request-id x-ms-correlation-request-id x-ms-return-client-request-id
"""
HEADERS = st.dictionaries(
    st.sampled_from(_HEADERS.split()),
    st.sampled_from(["*", '"1"', "", "true", "application/json", "text/plain; charset=utf-16", "\xff", "a" * 500]),
    max_size=3,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, member in members for place in _places(member, (*path, name)))]


@st.composite
def bodies(draw: st.DrawFn, good: Any) -> bytes:
    """A good body as it is or with something else in a few places; or bytes that are no JSON."""
    kind = draw(st.sampled_from(["good", "spoiled", "spoiled", "spoiled", "any", "bytes"]))
    if kind == "bytes":
        return draw(
            st.binary(max_size=40) | st.sampled_from([b"[" * 10_000, b'{"a":' * 2_000, b"{}{}", b"\xef\xbb\xbf{}"])
        )
    if kind == "any":
        return json.dumps(draw(VALUES)).encode()
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3)) if kind == "spoiled" else 0):
        *path, last = draw(st.sampled_from([place for place in _places(body) if place] or [("new",)]))
        inner = body
        for name in path:
            inner = inner[name]
        inner[last] = draw(VALUES)
    text = json.dumps(body)
    if kind == "spoiled" and draw(st.booleans()):
        text = text.replace("{", '{"location": "westus", "properties": 1,', 1)  # duplicate keys
    return text.encode()


@st.composite
def requests(draw: st.DrawFn, good: tuple[Good, ...]) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body of a request that is more or less good."""
    method, path, body, version = draw(st.sampled_from(good))
    if draw(st.integers(0, 3)) == 0:
        method = draw(METHODS)
    path, _, given = path.partition("?")
    segments = path.strip("/").split("/")
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(segments)))
        segments[at : at + draw(st.integers(0, 2))] = draw(st.lists(SEGMENTS, max_size=3))
    if draw(st.booleans()):
        segments = [draw(st.sampled_from([str.upper, str.lower, str.title]))(segment) for segment in segments]
    target = "/" + "/".join(quote(segment, safe="$.=%()'", errors="replace") for segment in segments)
    query = [tuple(pair.split("=", 1)) for pair in given.split("&") if given]
    if draw(st.integers(0, 9)):
        query.append(("api-version", version or draw(st.sampled_from(ALL_VERSIONS))))
    query += draw(st.lists(st.tuples(QUERIES, TEXTS), max_size=1))
    if query:
        target += "?" + "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query)
    return method, target, draw(HEADERS), draw(bodies(body))


# --- what must come back -------------------------------------------------------------------------------------------


def check_form(method: str, target: str, response: Response) -> None:
    """The answer is in the form of the service that was asked."""
    if method == "HEAD" or not response.body:
        assert response.status < 400 or method == "HEAD", target
        return
    body = response.json()
    if response.status < 400:
        return
    error = body["error"]
    if isinstance(error, str):
        assert body["error_description"].startswith("AADSTS")  # Entra's
    else:
        assert error["code"] and error["message"]
    if target.lower().startswith("/subscriptions"):
        assert response.headers["x-ms-request-id"]


@thorough(600)
@given(data=st.data())
def test_any_request_is_answered(target: Target, data: st.DataObject) -> None:
    method, path, headers, body = data.draw(requests(target.good))
    who = data.draw(st.sampled_from(["owner", "owner", "owner", "stranger", "nobody"]))
    if who in target.tokens:
        headers["Authorization"] = f"Bearer {target.tokens[who]}"
    before = _changes(target)
    response = target.client.ask(method, path, headers, body)
    assert response.status < 500, (method, path, response)
    check_form(method, path, response)
    if who != "owner" or response.status >= 400 or method in {"GET", "HEAD", "OPTIONS"}:
        assert _changes(target) == before, "what was refused, or only read, has changed something"
    elif method == "PUT":
        _check_readable(target, path, response)


def _changes(target: Target) -> int:
    """How many rows were ever written, as far as they are resources, principals or role assignments."""
    tables = ("resources", "principals", "role_assignments")
    store = target.sandbox.cloud.store

    def fingerprint() -> int:
        return hash(tuple(tuple(store.connection.execute(f"SELECT * FROM {table}").fetchall()) for table in tables))

    return int(target.sandbox.on_loop(fingerprint))


def _check_readable(target: Target, path: str, response: Response) -> None:
    """What was answered to a PUT can be read again where it says it is."""
    made = response.json().get("id")
    if not made or "Sandbox.Local" in path:
        return
    version = re.search(r"[?&]api-version=([^&]+)", path, re.IGNORECASE)
    assert version is not None
    read = target.client.arm("GET", quote(made), token=target.tokens["owner"], version=version[1])
    assert read.status == 200, (made, read)
    assert canonical(read.json()["id"]) == canonical(made)


def test_all_lists_are_whole_afterwards(target: Target) -> None:
    subscription = target.sandbox.seed_data.subscription
    group = target.sandbox.seed_data.group(seed_data.RESOURCE_GROUP)
    for path, version in (
        (f"{subscription}/resourceGroups", "2024-07-01"),
        (f"{subscription}/resources", "2024-07-01"),
        (f"{group}/resources", "2024-07-01"),
        (f"{subscription}/providers/Microsoft.Compute/virtualMachines", "2026-04-01"),
        (f"{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30"),
        (f"{subscription}/providers/Microsoft.Network/virtualNetworks", "2024-05-01"),
        (f"{subscription}/providers/Microsoft.Authorization/roleAssignments", "2022-04-01"),
        (f"{subscription}/providers/Microsoft.Authorization/roleDefinitions", "2022-04-01"),
        (f"{subscription}/providers/Sandbox.Local/principals", "2024-05-28"),
    ):
        response = target.client.arm("GET", path, token=target.tokens["owner"], version=version)
        assert response.status == 200, (path, response)
        assert isinstance(response.json()["value"], list)
