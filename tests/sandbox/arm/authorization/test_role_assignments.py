"""Grants, through the SDK's client: made, found, refused, and in force."""

import uuid
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

from rbac.roles import OWNER
from sandbox.core.http import Answer
from sandbox.state.state_directory import Settings
from sandbox.state.store import Resource
from tests.support.desk import Desk, code, message
from tests.support.sandbox import RunningSandbox, running_sandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
NAME = "11111111-2222-3333-4444-555555555555"


def role_id(sandbox: RunningSandbox, role: str = READER) -> str:
    return f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"


def grant(
    sandbox: RunningSandbox, principal_id: str, *, scope: str | None = None, name: str = NAME, **properties: Any
) -> requests.Response:
    scope = scope or sandbox.seed_data.group("myResourceGroupVM")
    body = {"properties": {"roleDefinitionId": role_id(sandbox), "principalId": principal_id, **properties}}
    return sandbox.arm("PUT", f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}", body)


def read(sandbox: RunningSandbox, token: str, group: str = "myResourceGroupVM") -> int:
    return sandbox.arm("GET", sandbox.seed_data.group(group), token=token, version="2024-07-01").status_code


def test_a_grant_opens_just_its_scope_and_taking_it_away_closes_it(sandbox: RunningSandbox) -> None:
    principal, secret = sandbox.add_principal("app")
    token = sandbox.token(principal.client_id, secret)
    assert read(sandbox, token) == 403
    assert grant(sandbox, principal.object_id).status_code == 201
    assert (read(sandbox, token), read(sandbox, token, "contosoPayroll")) == (200, 403)
    gone = sandbox.arm("DELETE", grant_path(sandbox))
    assert gone.status_code == 200 and gone.json()["name"] == NAME
    assert read(sandbox, token) == 403
    assert sandbox.arm("DELETE", grant_path(sandbox)).status_code == 204


def test_a_subscription_holds_4000_assignments(desk: Desk) -> None:
    """One of them is the owner's; those above the subscription do not count."""

    def fill() -> None:
        for number in range(3_998):
            name, scope = uuid.UUID(int=number), desk.group if number % 2 else desk.subscription
            body = {
                "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
                "properties": {"scope": scope, "principalId": str(name), "roleDefinitionId": READER},
            }
            desk.cloud.assignments.put(Resource(body), desk.clock.seconds())

    def ask(scope: str, number: int) -> Answer:
        definition = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        given = {"roleDefinitionId": definition, "principalId": str(uuid.uuid4()), "principalType": "ServicePrincipal"}
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=10_000 + number)}"
        return desk.ask("PUT", path, {"properties": given}, version="2022-04-01")

    desk.do(fill)
    desk.grant(desk.owner, OWNER, "/")
    assert ask(desk.group, 1).status == 201
    for scope in (desk.group, desk.subscription):
        refused = ask(scope, 2)
        assert (refused.status, code(refused)) == (400, "RoleAssignmentLimitExceeded")
        assert message(refused) == "No more role assignments can be created."
    assert ask("", 3).status == 201
    first = f"{desk.subscription}/providers/Microsoft.Authorization/roleAssignments/{uuid.UUID(int=0)}"
    assert desk.ask("DELETE", first, version="2022-04-01").status == 200
    assert ask(desk.subscription, 2).status == 201


def test_a_delegated_resource_has_the_principal_as_its_identity(sandbox: RunningSandbox) -> None:
    group = sandbox.seed_data.group("myResourceGroupVM")
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    ids = [
        sandbox.arm("PUT", f"{path}/{name}", {"location": "eastus"}, version="2024-11-30").json()
        for name in ["aaa", "bbb"]
    ]
    principal = ids[0]["properties"]["principalId"]
    for wrong in (ids[1]["id"], f"{path}/nowhere", "x"):
        refused = grant(sandbox, principal, delegatedManagedIdentityResourceId=wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidParameter")
    made = grant(sandbox, principal, delegatedManagedIdentityResourceId=ids[0]["id"])
    assert made.status_code == 201
    assert made.json()["properties"]["delegatedManagedIdentityResourceId"] == ids[0]["id"]


def grant_path(sandbox: RunningSandbox) -> str:
    return f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Authorization/roleAssignments/{NAME}"


def test_the_answer_has_arms_properties_in_arms_order(sandbox: RunningSandbox) -> None:
    principal, _ = sandbox.add_principal("app")
    made = grant(sandbox, principal.object_id).json()
    assert list(made) == ["properties", "id", "type", "name"]
    assert list(made["properties"]) == [
        "roleDefinitionId",
        "principalId",
        "principalType",
        "scope",
        "condition",
        "conditionVersion",
        "createdOn",
        "updatedOn",
        "createdBy",
        "updatedBy",
        "delegatedManagedIdentityResourceId",
        "description",
    ]
    assert made["properties"]["createdBy"] is None
    found = sandbox.arm("GET", grant_path(sandbox)).json()
    assert found["properties"]["createdBy"] == sandbox.seed_data.operator_object_id
    assert {**found["properties"], "createdBy": None} == made["properties"]


def test_a_second_put_updates_and_answers_201(sandbox: RunningSandbox) -> None:
    principal, _ = sandbox.add_principal("app")
    grant(sandbox, principal.object_id)
    again = grant(sandbox, principal.object_id, description="for the tutorial")
    assert (again.status_code, again.json()["properties"]["description"]) == (201, "for the tutorial")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "not-a-guid"}, 400, "InvalidRoleAssignmentId"),
        ({"name": str(uuid.UUID(int=7))}, 409, "RoleAssignmentExists"),
        ({"principal_id": str(uuid.UUID(int=1))}, 400, "PrincipalNotFound"),
        (
            {"principal_id": str(uuid.UUID(int=1)), "principalType": "ServicePrincipal"},
            400,
            "RoleAssignmentUpdateNotPermitted",
        ),
        ({"principal_id": "nobody"}, 400, "InvalidPrincipalId"),
        ({"principalType": "Robot"}, 400, "InvalidRequestContent"),
        ({"roleDefinitionId": str(uuid.UUID(int=2)), "name": str(uuid.UUID(int=9))}, 404, "RoleDefinitionDoesNotExist"),
        ({"roleDefinitionId": 7}, 400, "InvalidRequestContent"),
        ({"condition": "@Resource[x] StringEquals 'y'"}, 400, "ConditionNotSupported"),
        ({"scope": "absent"}, 404, "ResourceGroupNotFound"),
    ],
)
def test_what_cannot_be_granted(sandbox: RunningSandbox, change: dict[str, Any], status: int, code: str) -> None:
    principal, _ = sandbox.add_principal("app")
    grant(sandbox, principal.object_id)
    if "scope" in change:
        change = {"scope": sandbox.seed_data.group(change["scope"])}
    response = grant(sandbox, change.pop("principal_id", principal.object_id), **change)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("below", "code"),
    [
        ("/a/../b", "NotFound"),
        ("/providers/Microsoft.Compute/virtualMachines", "NotFound"),
        ("/providers/Microsoft.Compute/virtualMachines/none", "ResourceNotFound"),
        ("/providers/Microsoft.Compute/virtualMachines/myVM/extensions/none", "ResourceNotFound"),
        ("/things/none", "NotFound"),
    ],
)
def test_nothing_is_granted_where_nothing_can_be(sandbox: RunningSandbox, below: str, code: str) -> None:
    group = sandbox.seed_data.group("myResourceGroupVM")
    for scope in (group, sandbox.seed_data.subscription):
        path = f"{scope}{below}/providers/Microsoft.Authorization/roleAssignments/{NAME}"
        url = f"{sandbox.endpoint}{path}?api-version=2022-04-01"
        properties = {"roleDefinitionId": role_id(sandbox), "principalId": NAME, "principalType": "User"}
        request = requests.Request("PUT", url, json={"properties": properties})
        request.headers["Authorization"] = f"Bearer {sandbox.token()}"
        prepared = sandbox.session.prepare_request(request)
        prepared.url = url  # as it is, dots and all
        response = sandbox.session.send(prepared)
        assert (response.status_code, response.json()["error"]["code"]) == (404, code)


@pytest.mark.parametrize("kind", ["User", "group", "Device"])
def test_a_principals_type_is_the_one_that_it_has(sandbox: RunningSandbox, kind: str) -> None:
    principal, _ = sandbox.add_principal("app")
    response = grant(sandbox, principal.object_id, principalType=kind)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "UnmatchedPrincipalType")
    assert response.json()["error"]["message"] == (
        f"The PrincipalId '{principal.object_id.replace('-', '')}' has type 'ServicePrincipal' , which is different "
        f"from specified PrinciaplType '{kind.capitalize()}'."
    )
    assert grant(sandbox, principal.object_id, principalType="servicePrincipal").status_code == 201


@pytest.mark.parametrize(
    "text",
    [
        f"principalId eq {NAME}",
        f"atScope() and principalId eq '{NAME}'",
        f"principalId eq '{NAME}' and atScope()",
        "atScope() and atScope()",
        f"principalId eq '{NAME}' and assignedTo('{NAME}')",
        "atScope() and",
        "roleName eq 'Reader'",
    ],
)
def test_filters_that_azure_does_not_have(sandbox: RunningSandbox, text: str) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleAssignments?$filter={text}"
    response = sandbox.arm("GET", path)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "UnsupportedQuery")
    assert response.json()["error"]["message"] == (
        f"The filter '{text}' is not supported. Supported filters are either 'atScope()' or 'principalId eq "
        "'{value}' or assignedTo('{value}')'."
    )


@pytest.mark.parametrize(
    "text",
    ["", "atScope()", "ATSCOPE()", "principalId eq '{id}'", "assignedTo('{id}')", "atScope() and assignedTo('{id}')"],
)
def test_filters_that_azure_has(sandbox: RunningSandbox, text: str) -> None:
    text = text.replace("{id}", sandbox.seed_data.operator_object_id)
    path = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleAssignments?$filter={text}"
    assert len(sandbox.arm("GET", path).json()["value"]) == 1


def test_permissions_had_no_data_actions_at_first(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/permissions"
    assert sandbox.arm("GET", path, version="2015-07-01").json()["value"] == [{"actions": ["*"], "notActions": []}]
    assert "dataActions" in sandbox.arm("GET", path, version="2022-04-01").json()["value"][0]


def test_an_unknown_principal_is_named_without_dashes(sandbox: RunningSandbox) -> None:
    message = grant(sandbox, "00000000-0000-0000-0000-000000000001").json()["error"]["message"]
    assert message.startswith(
        f"Principal 00000000000000000000000000000001 does not exist in the directory {sandbox.seed_data.tenant_id}. "
    )


def test_with_the_principals_type_a_principal_need_not_be_there_yet(sandbox: RunningSandbox) -> None:
    response = grant(sandbox, str(uuid.UUID(int=5)), principalType="ServicePrincipal")
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("scope", "query", "expected"),
    [
        ("group", "", {"group", "vm", "subscription"}),
        ("group", "$filter=atScope()", {"group", "subscription"}),
        ("subscription", "", {"group", "vm", "subscription"}),
        ("subscription", "$filter=atScope()", {"subscription"}),
        ("vm", "", {"group", "vm", "subscription"}),
        ("group", "$filter=principalId eq '{p}'", {"group", "vm"}),
        ("group", "$filter=assignedTo('{p}')", {"group", "vm"}),
        ("group", "$filter=atScope() and assignedTo('{p}')", {"group"}),
    ],
)
def test_lists(sandbox: RunningSandbox, scope: str, query: str, expected: set[str]) -> None:
    group = sandbox.seed_data.group("myResourceGroupVM")
    places = {
        "subscription": sandbox.seed_data.subscription,
        "group": group,
        "vm": f"{group}/providers/Microsoft.Compute/virtualMachines/myVM",
    }
    principal, _ = sandbox.add_principal("app")
    grant(sandbox, principal.object_id, scope=places["group"])
    grant(sandbox, principal.object_id, scope=places["vm"], name=str(uuid.UUID(int=3)))
    path = f"{places[scope]}/providers/Microsoft.Authorization/roleAssignments"
    query = query.replace("{p}", principal.object_id)
    listed = sandbox.arm("GET", f"{path}?{query}" if query else path).json()["value"]
    scopes = {assignment["properties"]["scope"] for assignment in listed}
    assert scopes == {places[name] for name in expected}


def test_a_grant_on_rg1_says_nothing_about_rg10(sandbox: RunningSandbox) -> None:
    for name in ("rg1", "rg10"):
        sandbox.arm("PUT", sandbox.seed_data.group(name), {"location": "eastus"}, version="2024-07-01")
    principal, secret = sandbox.add_principal("app")
    grant(sandbox, principal.object_id, scope=sandbox.seed_data.group("rg1"))
    token = sandbox.token(principal.client_id, secret)
    assert (read(sandbox, token, "rg1"), read(sandbox, token, "RG1"), read(sandbox, token, "rg10")) == (200, 200, 403)


def test_only_who_may_grant_grants(sandbox: RunningSandbox) -> None:
    principal, secret = sandbox.add_principal("contributor")
    sandbox.client(AuthorizationManagementClient).role_assignments.create(
        sandbox.seed_data.subscription,
        NAME,
        RoleAssignmentCreateParameters(
            role_definition_id=role_id(sandbox, CONTRIBUTOR),
            principal_id=principal.object_id,
            principal_type="ServicePrincipal",
        ),
    )
    client = sandbox.client(AuthorizationManagementClient, sandbox.credential(principal.client_id, secret))
    with pytest.raises(HttpResponseError) as refused:
        client.role_assignments.create(
            sandbox.seed_data.group("contosoPayroll"),
            str(uuid.uuid4()),
            RoleAssignmentCreateParameters(
                role_definition_id=role_id(sandbox, CONTRIBUTOR),
                principal_id=principal.object_id,
                principal_type="ServicePrincipal",
            ),
        )
    assert refused.value.status_code == 403
    assert "Microsoft.Authorization/roleAssignments/write" in refused.value.message


def test_permissions_list_an_element_for_each_grant(sandbox: RunningSandbox) -> None:
    client = sandbox.client(AuthorizationManagementClient)
    mine = list(client.permissions.list_for_resource_group("myResourceGroupVM"))
    assert [permission.actions for permission in mine] == [["*"]]
    principal, secret = sandbox.add_principal("app")
    grant(sandbox, principal.object_id)
    theirs = sandbox.client(AuthorizationManagementClient, sandbox.credential(principal.client_id, secret))
    listed = [p.actions for p in theirs.permissions.list_for_resource_group("myResourceGroupVM")]
    assert listed == [["*/read"]]


def test_with_realistic_timing_a_grant_and_its_end_take_their_time(tmp_path: Any, keys: Any) -> None:
    with running_sandbox(tmp_path / "slow", settings=Settings(timing="realistic"), keys_from=keys) as sandbox:
        principal, secret = sandbox.add_principal("app")
        token = sandbox.token(principal.client_id, secret)
        grant(sandbox, principal.object_id)
        assert read(sandbox, token) == 403
        sandbox.clock.advance(46)
        assert read(sandbox, token) == 200
        sandbox.arm("DELETE", grant_path(sandbox))
        assert sandbox.arm("GET", grant_path(sandbox)).status_code == 404
        assert read(sandbox, token) == 200
        sandbox.clock.advance(46)
        assert read(sandbox, token) == 403
