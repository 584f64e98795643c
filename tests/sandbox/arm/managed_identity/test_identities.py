"""User-assigned identities: what is answered, and the principal behind each."""

from typing import Any

import pytest

from sandbox.arm import OPERATIONS
from sandbox.core.http import Answer
from tests.support.desk import Desk, code, message

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"


class Identities:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def path(self, name: str = "ID1") -> str:
        return f"{self.desk.group}/providers/{TYPE}/{name}"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.desk.ask(method, path, body, version="2024-11-30", **options)

    def put(self, name: str = "ID1", **body: Any) -> Answer:
        return self.ask("PUT", self.path(name), {"location": "eastus", **body})


@pytest.fixture
def identities(desk: Desk) -> Identities:
    return Identities(desk)


def test_a_new_identity_is_answered_201_with_its_relative_location(identities: Identities) -> None:
    answer = identities.put()
    seed_data = identities.desk.cloud.seed_data
    resource_id = f"{seed_data.subscription}/resourcegroups/myResourceGroupVM/providers/{TYPE}/ID1"
    assert answer.status == 201
    assert answer.headers["location"] == resource_id
    properties = answer.body["properties"]
    assert list(properties) == ["tenantId", "principalId", "clientId"]
    assert answer.body == {
        "location": "eastus",
        "tags": {},
        "id": resource_id,
        "name": "ID1",
        "type": TYPE,
        "properties": properties,
    }
    assert properties["tenantId"] == seed_data.tenant_id
    assert identities.ask("GET", identities.path()).body == answer.body


def test_the_principal_is_in_the_directory(identities: Identities) -> None:
    body = identities.put().body
    principal = identities.desk.cloud.directory.by_object_id(body["properties"]["principalId"])
    assert principal is not None
    assert (principal.client_id, principal.name, principal.kind, principal.resource_id) == (
        body["properties"]["clientId"],
        "ID1",
        "ManagedIdentity",
        body["id"],
    )


def test_putting_again_keeps_the_principal_and_replaces_the_tags(identities: Identities) -> None:
    first = identities.put(tags={"a": "1"})
    again = identities.put(tags={"b": "2"})
    assert again.status == 200
    assert "location" not in again.headers
    assert again.body == {**first.body, "tags": {"b": "2"}}
    assert identities.put().body["tags"] == {}


def test_patching_changes_the_tags_and_nothing_else(identities: Identities) -> None:
    before = identities.put(tags={"a": "1"}).body
    answer = identities.ask("PATCH", identities.path(), {"tags": {"course": "one"}})
    assert (answer.status, answer.body) == (200, {**before, "tags": {"course": "one"}})
    assert identities.ask("PATCH", identities.path(), {}).body == answer.body


def test_names_compare_without_case_and_keep_the_one_given_first(identities: Identities) -> None:
    first = identities.put("ID1").body
    assert identities.put("id1").body == first
    assert identities.ask("GET", identities.path("iD1").upper()).body == first


def test_deleting_takes_the_principal_along_and_once_more_is_204(identities: Identities) -> None:
    principal_id = identities.put().body["properties"]["principalId"]
    deleted = identities.ask("DELETE", identities.path())
    assert (deleted.status, deleted.body) == (200, None)
    assert identities.desk.cloud.directory.by_object_id(principal_id) is None
    assert identities.ask("DELETE", identities.path()).status == 204
    gone = identities.ask("GET", identities.path())
    assert (gone.status, code(gone)) == (404, "ResourceNotFound")
    assert message(gone).startswith(f"The Resource '{TYPE}/ID1' under resource group 'myResourceGroupVM' was")


def test_an_identity_made_again_is_another_principal(identities: Identities) -> None:
    first = identities.put().body["properties"]
    identities.ask("DELETE", identities.path())
    second = identities.put().body["properties"]
    assert first["tenantId"] == second["tenantId"]
    assert first["principalId"] != second["principalId"]
    assert first["clientId"] != second["clientId"]


def test_ids_are_the_same_in_every_world_with_the_same_seed(key: Any) -> None:
    one, other = (Identities(Desk(key)).put().body for _ in range(2))
    assert one == other


@pytest.mark.parametrize("name", ["abc", "0_-", "x" * 128])
def test_good_names(identities: Identities, name: str) -> None:
    assert identities.put(name).status == 201


@pytest.mark.parametrize("name", ["ab", "x" * 129, "-ab", "_ab", "a.b", "a b", "größe", "abc\n"])
def test_bad_names_are_refused(identities: Identities, name: str) -> None:
    answer = identities.put(name)
    assert (answer.status, code(answer)) == (400, "InvalidResourceName")
    assert "3 to 128" in message(answer)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "LocationRequired"),
        ({"location": ""}, "LocationRequired"),
        ({"location": ["eastus"]}, "LocationRequired"),
        ({"location": "atlantis"}, "LocationNotAvailableForResourceType"),
        ({"location": "eastus", "tags": []}, "InvalidRequestContent"),
        ({"location": "eastus", "tags": {"a": 1}}, "InvalidRequestContent"),
        ({"location": "eastus", "properties": []}, "InvalidRequestContent"),
        ({"location": "eastus", "properties": {"isolationScope": ["None"]}}, "InvalidRequestContent"),
        ([], "InvalidRequestContent"),
        (b"{", "InvalidRequestContent"),
    ],
)
def test_bad_bodies_are_refused_and_leave_nothing(identities: Identities, body: Any, expected: str) -> None:
    answer = identities.ask("PUT", identities.path(), body)
    assert (answer.status, code(answer)) == (400, expected)
    assert identities.ask("GET", identities.path()).status == 404


def test_an_identity_does_not_move(identities: Identities) -> None:
    identities.put()
    answer = identities.put(location="westus")
    assert (answer.status, code(answer)) == (409, "InvalidResourceLocation")


def test_a_group_that_is_not_there(identities: Identities) -> None:
    path = f"{identities.desk.subscription}/resourceGroups/nowhere/providers/{TYPE}/ID1"
    answer = identities.ask("PUT", path, {"location": "eastus"})
    assert (answer.status, code(answer)) == (404, "ResourceGroupNotFound")


def test_isolation_scope_is_kept(identities: Identities) -> None:
    assert identities.put(properties={"isolationScope": "Regional"}).body["properties"]["isolationScope"] == "Regional"
    patched = identities.ask("PATCH", identities.path(), {"properties": {"isolationScope": "None"}})
    assert patched.body["properties"]["isolationScope"] == "None"


def test_lists_show_what_the_caller_may_read(identities: Identities) -> None:
    desk = identities.desk
    for name in ("ID1", "ID2"):
        identities.put(name)
    other = f"{desk.cloud.seed_data.group('contosoPayroll')}/providers/{TYPE}/PAY"
    identities.ask("PUT", other, {"location": "westus"})
    reader = desk.caller("reader")
    desk.grant(reader, READER, identities.path("ID2"))

    def names(path: str, **options: Any) -> list[str]:
        return [found["name"] for found in identities.ask("GET", path, **options).body["value"]]

    in_group = f"{desk.group}/providers/{TYPE}"
    in_subscription = f"{desk.subscription}/providers/{TYPE}"
    assert names(in_group) == ["ID1", "ID2"]
    assert names(in_subscription) == ["PAY", "ID1", "ID2"]
    assert names(in_group, caller=reader) == names(in_subscription, caller=reader) == ["ID2"]
    assert identities.ask("GET", in_group, caller=desk.caller("nobody")).status == 403


def test_every_operation_wants_a_role(identities: Identities) -> None:
    identities.put()
    reader = identities.desk.caller("reader")
    identities.desk.grant(reader, READER, identities.desk.group)
    assert identities.ask("GET", identities.path(), caller=reader).status == 200
    for method, suffix, action in (
        ("PUT", "", "write"),
        ("PATCH", "", "write"),
        ("DELETE", "", "delete"),
        ("POST", "/listAssociatedResources", "listAssociatedResources/action"),
    ):
        answer = identities.ask(method, identities.path() + suffix, {"location": "eastus"}, caller=reader)
        assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
        assert f"'{TYPE}/{action}' over scope '{identities.path()}'" in message(answer)


def test_an_unused_identity_has_no_associated_resources(identities: Identities) -> None:
    identities.put()
    answer = identities.ask("POST", identities.path() + "/listAssociatedResources")
    assert (answer.status, answer.body) == (200, {"totalCount": 0, "value": []})


def test_the_actions_of_the_provider_are_those_that_its_operations_take(desk: Desk) -> None:
    answer = desk.ask("GET", "/providers/Microsoft.ManagedIdentity/operations", version="2024-11-30")
    told = {action["name"] for action in answer.body["value"]}
    taken = {operation.action for operation in OPERATIONS if operation.type.startswith(TYPE)} - {None}
    assert told == taken | {f"{TYPE}/assign/action"} and taken
