"""Federated credentials of a user-assigned identity."""

from typing import Any

import pytest

from sandbox.arm.managed_identity.federated_credentials import MAXIMUM, TYPE
from sandbox.core.http import Answer
from tests.support.desk import Desk, code

VERSION = "2024-11-30"
GOOD = {
    "issuer": "https://token.contoso.com/issuer",
    "subject": "repo:contoso/tutorial:ref:refs/heads/main",
    "audiences": ["api://AzureADTokenExchange"],
}


class Credentials:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.identity = f"{desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
        desk.ask("PUT", self.identity, {"location": "eastus"}, version=VERSION)

    def path(self, name: str = "fic") -> str:
        return f"{self.identity}/federatedIdentityCredentials/{name}"

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return self.desk.ask(method, path, body, version=VERSION)

    def put(self, name: str = "fic", **changes: Any) -> Answer:
        return self.ask("PUT", self.path(name), {"properties": {**GOOD, **changes}})


@pytest.fixture
def credentials(desk: Desk) -> Credentials:
    return Credentials(desk)


def test_made_changed_read_and_deleted(credentials: Credentials) -> None:
    made = credentials.put()
    expected_id = credentials.path().replace("/resourceGroups/", "/resourcegroups/")
    assert made.status == 201
    assert made.headers["location"] == expected_id
    assert made.body == {"id": expected_id, "name": "fic", "properties": GOOD, "type": TYPE}
    changed = credentials.put(subject="another")
    assert (changed.status, "location" in changed.headers) == (200, False)
    assert credentials.ask("GET", credentials.path("FIC")).body == changed.body
    deleted = credentials.ask("DELETE", credentials.path())
    assert (deleted.status, deleted.body) == (200, None)
    assert credentials.ask("DELETE", credentials.path()).status == 204
    assert code(credentials.ask("GET", credentials.path())) == "ResourceNotFound"


def test_listed_below_their_own_identity(credentials: Credentials) -> None:
    credentials.put("fic-a")
    credentials.put("fic-b", subject="b")
    other = credentials.identity.replace("ID1", "ID10")
    credentials.ask("PUT", other, {"location": "eastus"})
    credentials.ask("PUT", f"{other}/federatedIdentityCredentials/fic-c", {"properties": GOOD})
    listed = credentials.ask("GET", f"{credentials.identity}/federatedIdentityCredentials")
    assert [found["name"] for found in listed.body["value"]] == ["fic-a", "fic-b"]


def test_gone_with_the_identity(credentials: Credentials) -> None:
    credentials.put()
    credentials.ask("DELETE", credentials.identity)
    assert code(credentials.put()) == "ParentResourceNotFound"
    credentials.ask("PUT", credentials.identity, {"location": "eastus"})
    listed = credentials.ask("GET", f"{credentials.identity}/federatedIdentityCredentials")
    assert listed.body["value"] == []


def test_no_more_than_twenty(credentials: Credentials) -> None:
    for number in range(MAXIMUM):
        assert credentials.put(f"fic-{number}", subject=str(number)).status == 201
    assert credentials.put("fic-one-more", subject="one more").status == 400
    assert credentials.put("fic-0", subject="changed").status == 200


def test_issuer_and_subject_are_unique_for_an_identity(credentials: Credentials) -> None:
    credentials.put("fic-a")
    refused = credentials.put("fic-b")
    assert (refused.status, code(refused)) == (409, "Conflict")
    assert credentials.put("fic-a").status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"issuer": None},
        {"issuer": 1},
        {"issuer": {"a": 1}},
        {"issuer": "http://token.contoso.com"},
        {"issuer": "token.contoso.com"},
        {"issuer": "https://["},
        {"issuer": "https://contoso.com/" + "x" * 600},
        {"subject": ""},
        {"subject": ["s"]},
        {"subject": "x" * 601},
        {"audiences": []},
        {"audiences": "api://AzureADTokenExchange"},
        {"audiences": [1]},
        {"audiences": [""]},
        {"audiences": [{}]},
        {"audiences": ["one", "two"]},
    ],
)
def test_bad_properties_are_refused(credentials: Credentials, changes: dict[str, Any]) -> None:
    answer = credentials.put(**changes)
    assert (answer.status, code(answer)) == (400, "BadRequest")
    assert credentials.ask("GET", credentials.path()).status == 404


@pytest.mark.parametrize("body", [{}, {"properties": None}, {"properties": []}, []])
def test_bad_bodies_are_refused(credentials: Credentials, body: Any) -> None:
    assert credentials.ask("PUT", credentials.path(), body).status == 400


@pytest.mark.parametrize("name", ["ab", "x" * 121, "-ab", "a.b"])
def test_bad_names_are_refused(credentials: Credentials, name: str) -> None:
    assert credentials.put(name).status == 400
