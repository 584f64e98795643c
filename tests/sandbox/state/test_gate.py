"""What the gate has decided counts as long as nothing has changed, and no longer."""

from __future__ import annotations

import pytest

from sandbox.core.timing import REALISTIC
from sandbox.entra.keys import SigningKey
from sandbox.state.store import Resource
from tests.support.desk import Desk

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
READ = "Microsoft.Resources/subscriptions/resourceGroups/read"
AUTHORIZATION = "2022-04-01"


@pytest.fixture
def desk(key: SigningKey) -> Desk:
    return Desk(key)


def may_read(desk: Desk) -> bool:
    """Whether somebody named ``reader`` may read the group; asked twice, the answer is the same."""
    gate, reader = desk.cloud.gate, desk.caller("reader").object_id
    first, second = (gate.allows(reader, READ, desk.group) for _ in range(2))
    assert first is second is gate.decide(reader, READ, desk.group, reader=desk.owner).allowed
    return first


def grant(desk: Desk, role: str = READER) -> str:
    """Grant ``reader`` a role on the group; returns the assignment's path."""
    path = f"{desk.group}/providers/Microsoft.Authorization/roleAssignments/0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a101"
    definition = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    principal = desk.caller("reader").object_id
    properties = {"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal"}
    assert desk.ask("PUT", path, {"properties": properties}, version=AUTHORIZATION).status == 201
    return path


def test_a_grant_and_its_end_count_at_once(desk: Desk) -> None:
    assert not may_read(desk)
    path = grant(desk)
    assert may_read(desk)
    assert desk.ask("DELETE", path, version=AUTHORIZATION).status == 200
    assert not may_read(desk)


def test_they_count_when_their_time_has_come(key: SigningKey) -> None:
    desk = Desk(key, REALISTIC)
    path = grant(desk)
    assert not may_read(desk)
    desk.clock.advance(REALISTIC.seconds("grant.effect"))
    assert may_read(desk)
    desk.ask("DELETE", path, version=AUTHORIZATION)
    assert may_read(desk)
    desk.clock.advance(REALISTIC.seconds("revoke.effect"))
    assert not may_read(desk)


def test_a_clock_that_is_put_back_takes_a_grant_back(desk: Desk) -> None:
    desk.clock.advance(60)
    grant(desk)
    assert may_read(desk)
    desk.clock.advance(-30)
    assert not may_read(desk)


def test_a_change_that_is_undone_leaves_no_trace(desk: Desk) -> None:
    assert not may_read(desk)
    reader = desk.caller("reader")
    body = {
        "id": f"{desk.group}/providers/Microsoft.Authorization/roleAssignments/0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a102",
        "properties": {
            "scope": desk.group,
            "principalId": reader.object_id,
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{READER}",
        },
    }

    def change_and_fail() -> None:
        desk.cloud.assignments.put(Resource(body), desk.clock.seconds())
        assert may_read(desk)
        raise LookupError

    with pytest.raises(LookupError):
        desk.do(change_and_fail)
    assert not may_read(desk)


def test_a_role_that_changes_takes_its_assignments_along(desk: Desk) -> None:
    role = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a103"
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties = {
        "roleName": "Group Reader",
        "assignableScopes": [desk.subscription],
        "permissions": [{"actions": [READ]}],
    }
    desk.ask("PUT", path, {"properties": properties}, version=AUTHORIZATION)
    grant(desk, role)
    assert may_read(desk)
    properties["permissions"] = [{"actions": ["*"], "notActions": [READ]}]
    desk.ask("PUT", path, {"properties": properties}, version=AUTHORIZATION)
    assert not may_read(desk)


def test_a_group_that_is_deleted_takes_its_grants_along(desk: Desk) -> None:
    grant(desk)
    assert may_read(desk)
    desk.ask("DELETE", desk.group, version="2024-07-01")
    assert not may_read(desk)


def test_what_is_remembered_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.state.gate._REMEMBERED", 10)
    grant(desk)
    gate, reader = desk.cloud.gate, desk.caller("reader").object_id
    for number in range(50):
        assert gate.allows(reader, READ, f"{desk.group}/providers/Contoso.Things/things/{number}")
        assert len(gate._decided) <= 10
