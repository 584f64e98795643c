"""Role definitions through the SDK's client: found by name, and custom roles that count."""

import uuid
from dataclasses import replace
from typing import Any

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient

from rbac.roles import OWNER, Permission
from tests.support.desk import Desk, code
from tests.support.sandbox import RunningSandbox

ROLE = "99999999-8888-7777-6666-555555555555"


def path(sandbox: RunningSandbox, name: str = ROLE) -> str:
    return f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{name}"


def custom(sandbox: RunningSandbox, **changes: Any) -> dict[str, Any]:
    properties = {
        "roleName": "Group Reader",
        "description": "Reads groups.",
        "assignableScopes": [sandbox.seed_data.subscription],
        "permissions": [{"actions": ["Microsoft.Resources/subscriptions/resourceGroups/read"], "notActions": []}],
    }
    return {"properties": {**properties, **changes}}


@pytest.mark.parametrize("name", ["Reader", "reader", "READER"])
def test_a_role_is_found_by_name_in_any_case(sandbox: RunningSandbox, name: str) -> None:
    client = sandbox.client(AuthorizationManagementClient)
    found = list(
        client.role_definitions.list(sandbox.seed_data.group("myResourceGroupVM"), filter=f"roleName eq '{name}'")
    )
    assert [role.role_name for role in found] == ["Reader"]
    assert found[0].id == path(sandbox, "acdd72a7-3385-48ef-bd42-f606fba81ae7")
    assert [permission.actions for permission in found[0].permissions] == [["*/read"]]


def test_reader_is_answered_as_azure_answers_it(sandbox: RunningSandbox) -> None:
    response = sandbox.arm("GET", path(sandbox, "ACDD72A7-3385-48EF-BD42-F606FBA81AE7"))
    properties = response.json()["properties"]
    assert list(properties) == [
        "roleName",
        "type",
        "description",
        "assignableScopes",
        "permissions",
        "createdOn",
        "updatedOn",
        "createdBy",
        "updatedBy",
    ]
    assert (properties["createdOn"], properties["updatedOn"]) == (
        "2015-02-02T21:55:09.8806423Z",
        "2021-11-11T20:13:47.8628684Z",
    )


def test_a_custom_role_can_be_assigned_and_counts(sandbox: RunningSandbox) -> None:
    assert sandbox.arm("PUT", path(sandbox), custom(sandbox)).status_code == 201
    principal, secret = sandbox.add_principal("app")
    group = sandbox.seed_data.group("myResourceGroupVM")
    grant = f"{group}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=1)}"
    body = {"properties": {"roleDefinitionId": path(sandbox), "principalId": principal.object_id}}
    assert sandbox.arm("PUT", grant, body).status_code == 201
    token = sandbox.token(principal.client_id, secret)
    assert sandbox.arm("GET", group, token=token, version="2024-07-01").status_code == 200
    machine = f"{group}/providers/Microsoft.Compute/virtualMachines/myVM"
    assert sandbox.arm("GET", machine, token=token, version="2024-07-01").status_code == 403
    in_use = sandbox.arm("DELETE", path(sandbox))
    assert (in_use.status_code, in_use.json()["error"]["code"]) == (400, "RoleDefinitionHasAssignments")
    sandbox.arm("DELETE", grant)
    assert sandbox.arm("DELETE", path(sandbox)).status_code == 200
    assert sandbox.arm("DELETE", path(sandbox)).status_code == 204


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"roleName": ""}, 400, "InvalidRequestContent"),
        ({"roleName": "Reader"}, 409, "RoleDefinitionWithSameNameExists"),
        ({"assignableScopes": []}, 400, "InvalidAssignableScopes"),
        ({"assignableScopes": ["/"]}, 400, "InvalidAssignableScopes"),
        ({"permissions": "all"}, 400, "InvalidRequestContent"),
        ({"permissions": [{"actions": [5]}]}, 400, "InvalidRequestContent"),
        ({"permissions": [{"actions": ["*"], "condition": "@x"}]}, 400, "ConditionNotSupported"),
    ],
)
def test_a_custom_role_that_makes_no_sense_is_refused(
    sandbox: RunningSandbox, changes: dict[str, Any], status: int, code: str
) -> None:
    response = sandbox.arm("PUT", path(sandbox), custom(sandbox, **changes))
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "tail", ["/.", "/..", "/resourceGroups/../x", "/resourceGroups/./x", "//resourceGroups/x", "//"]
)
def test_assignable_scopes_lead_somewhere(desk: Desk, tail: str) -> None:
    wanted = {"roleName": "Lost", "permissions": [{"actions": ["*/read"]}]}
    where = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{uuid.UUID(int=9)}"
    for scope in (f"{desk.subscription}{tail}", "/subscriptions"):
        body = {"properties": {**wanted, "assignableScopes": [desk.subscription, scope]}}
        answer = desk.ask("PUT", where, body, version="2022-04-01")
        assert (answer.status, code(answer)) == (400, "InvalidAssignableScopes")


def test_a_built_in_role_stays_as_it_is(sandbox: RunningSandbox) -> None:
    reader = path(sandbox, "acdd72a7-3385-48ef-bd42-f606fba81ae7")
    for method, body in (("PUT", custom(sandbox)), ("DELETE", None)):
        response = sandbox.arm(method, reader, body)
        assert (response.status_code, response.json()["error"]["code"]) == (409, "RoleDefinitionIsBuiltIn")


def test_an_unknown_role_is_not_found(sandbox: RunningSandbox) -> None:
    response = sandbox.arm("GET", path(sandbox, str(uuid.UUID(int=3))))
    assert (response.status_code, response.json()["error"]["code"]) == (404, "RoleDefinitionDoesNotExist")


def test_a_role_is_changed_only_by_who_may_do_so_where_it_could_be_assigned_before(desk: Desk) -> None:
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    harmless = {"roleName": "Harmless", "assignableScopes": [desk.subscription], "permissions": [{"actions": []}]}
    assert desk.ask("PUT", path, {"properties": harmless}, version="2022-04-01").status == 201
    owner = desk.caller("owner of a group")
    desk.grant(owner, OWNER, desk.group)
    desk.grant(owner, ROLE, desk.subscription)
    wider = {**harmless, "assignableScopes": [desk.group], "permissions": [{"actions": ["*"]}]}
    for scope in (desk.group, desk.subscription):
        path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
        answer = desk.ask("PUT", path, {"properties": wider}, version="2022-04-01", caller=owner)
        assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert not desk.cloud.gate.allows(owner.object_id, "Microsoft.Compute/virtualMachines/write", desk.subscription)
    assert desk.ask("PUT", path, {"properties": wider}, version="2022-04-01").status == 201


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_role_is_made_and_deleted_only_by_who_may_do_so_at_each_of_its_scopes(desk: Desk, method: str) -> None:
    there = f"{desk.subscription}/resourceGroups/contosoPayroll"
    owner = desk.caller("owner of a group")
    desk.grant(owner, OWNER, desk.group)
    path = f"{desk.group}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    wanted = {"roleName": "Both", "assignableScopes": [desk.group, there], "permissions": [{"actions": ["*/read"]}]}
    if method == "DELETE":
        assert desk.ask("PUT", path, {"properties": wanted}, version="2022-04-01").status == 201
    answer = desk.ask(method, path, {"properties": wanted}, version="2022-04-01", caller=owner)
    assert (answer.status, code(answer)) == (403, "AuthorizationFailed")
    assert (ROLE in desk.cloud.roles.by_id) is (method == "DELETE")
    desk.grant(owner, OWNER, there)
    assert desk.ask(method, path, {"properties": wanted}, version="2022-04-01", caller=owner).status in (200, 201)


def test_a_role_is_read_only_where_it_can_be_assigned_or_above(desk: Desk) -> None:
    there = f"{desk.subscription}/resourceGroups/contosoPayroll"
    wanted = {"roleName": "Payroll", "assignableScopes": [there], "permissions": [{"actions": ["*/read"]}]}
    made = desk.ask(
        "PUT",
        f"{there}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}",
        {"properties": wanted},
        version="2022-04-01",
    )
    assert made.status == 201
    found = {
        scope: desk.ask(
            "GET", f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}", version="2022-04-01"
        ).status
        for scope in (desk.group, there, desk.subscription)
    }
    assert found == {desk.group: 404, there: 200, desk.subscription: 200}


def test_who_made_a_role_and_who_changed_it_last(desk: Desk) -> None:
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    wanted = {"roleName": "Ours", "assignableScopes": [desk.subscription], "permissions": [{"actions": ["*/read"]}]}
    other = desk.caller("other")
    desk.grant(other, OWNER, desk.subscription)
    for caller in (desk.owner, other):
        made = desk.ask("PUT", path, {"properties": wanted}, version="2022-04-01", caller=caller).body["properties"]
        assert (made["createdBy"], made["updatedBy"]) == (None, caller.object_id)
    listed = desk.ask("GET", path.rpartition("/")[0], version="2022-04-01").body["value"]
    [ours] = [role["properties"] for role in listed if role["name"] == ROLE]
    assert (ours["createdBy"], ours["updatedBy"]) == (desk.owner.object_id, other.object_id)
    assert all(role["properties"]["createdBy"] is None for role in listed if role["name"] != ROLE)


def test_a_condition_is_shown_with_its_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    permission = Permission(actions=("*/read",), condition="@Resource[x] StringEquals 'y'")
    role = replace(desk.cloud.roles.by_id[OWNER], id=ROLE, permissions=(permission,))
    monkeypatch.setattr(desk.cloud.roles, "_built_in", {ROLE: role})
    desk.cloud.roles.forget()
    desk.grant(desk.owner, ROLE, desk.subscription)
    path = f"{desk.subscription}/providers/Microsoft.Authorization/permissions"
    [shown] = desk.ask("GET", path, version="2022-04-01").body["value"]
    assert (shown["condition"], shown["conditionVersion"]) == (permission.condition, "2.0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", False),
        ("atScopeAndBelow()", True),
        ("atScopeAndBelow() and type eq 'CustomRole'", True),
        ("atScopeAndBelow() and type eq 'BuiltInRole'", False),
        ("atScope() and roleName eq 'payroll'", False),
    ],
)
def test_roles_of_scopes_below_are_listed_if_that_is_asked(desk: Desk, text: str, found: bool) -> None:
    there = f"{desk.subscription}/resourceGroups/contosoPayroll"
    wanted = {"roleName": "Payroll", "assignableScopes": [there], "permissions": [{"actions": ["*/read"]}]}
    path = "/providers/Microsoft.Authorization/roleDefinitions"
    assert desk.ask("PUT", f"{there}{path}/{ROLE}", {"properties": wanted}, version="2022-04-01").status == 201
    listed = desk.ask("GET", f"{desk.subscription}{path}?$filter={text}", version="2022-04-01").body["value"]
    assert (ROLE in {role["name"] for role in listed}) is found


@pytest.mark.parametrize("text", ["principalId eq 'x'", "roleName ne 'Reader'", "assignedTo('x')"])
def test_a_filter_that_azure_does_not_have(desk: Desk, text: str) -> None:
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions?$filter={text}"
    answer = desk.ask("GET", path, version="2022-04-01")
    assert (answer.status, code(answer)) in [(400, "BadRequestFormat"), (400, "InvalidFilterInQueryString")]
