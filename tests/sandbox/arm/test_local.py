"""The sandbox's own provider: behind the same gate as Azure's."""

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError

from rbac.roles import OWNER
from rbac.scopes import canonical
from sandbox.core.seed_data import LOCAL_API_VERSION, OTHER_RESOURCE_GROUP
from tests.support.desk import Desk, code
from tests.support.sandbox import RunningSandbox

USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
VIRTUAL_MACHINE_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
SCOPE = "https://management.azure.com/.default"


def local(
    sandbox: RunningSandbox, method: str, path: str, body: object = None, token: str | None = None
) -> requests.Response:
    return sandbox.arm(method, path, body, token=token, version=LOCAL_API_VERSION)


def vm(sandbox: RunningSandbox, name: str = "myVM") -> str:
    return f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Compute/virtualMachines/{name}"


def vm_in(group: str) -> str:
    return f"{group}/providers/Microsoft.Compute/virtualMachines/myVM"


def test_a_machines_metadata_service_is_told_to_who_may_run_commands_on_it(sandbox: RunningSandbox) -> None:
    path = f"{vm(sandbox)}/providers/Sandbox.Local/metadataService"
    endpoint = local(sandbox, "GET", path).json()["properties"]["endpoint"]
    assert endpoint == sandbox.metadata_endpoint()
    assert sandbox.session.get(f"{endpoint}/metadata/instance").status_code == 400
    principal, secret = sandbox.add_principal("stranger")
    refused = local(sandbox, "GET", path, token=sandbox.token(principal.client_id, secret))
    assert refused.status_code == 403


@pytest.mark.parametrize(("role", "told"), [(READER, False), (VIRTUAL_MACHINE_CONTRIBUTOR, True), (OWNER, True)])
def test_reading_a_machine_does_not_tell_its_metadata_service(sandbox: RunningSandbox, role: str, told: bool) -> None:
    principal, secret = sandbox.add_principal("somebody")
    definition = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    grant = f"{vm(sandbox)}/providers/Microsoft.Authorization/roleAssignments/{sandbox.cloud.ids.guid(role)}"
    properties = {"principalId": principal.object_id, "roleDefinitionId": definition}
    assert sandbox.arm("PUT", grant, {"properties": properties}).status_code == 201
    token = sandbox.token(principal.client_id, secret)
    assert sandbox.arm("GET", vm(sandbox), token=token, version="2024-07-01").status_code == 200
    one = local(sandbox, "GET", f"{vm(sandbox)}/providers/Sandbox.Local/metadataService", token=token)
    assert (one.status_code, "127.0.0.1" in one.text) == (200 if told else 403, told)
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/metadataServices"
    listed = local(sandbox, "GET", path, token=token)
    assert (listed.status_code, len(listed.json()["value"])) == (200, int(told))


def test_a_machine_that_is_not_there_has_none(sandbox: RunningSandbox) -> None:
    response = local(sandbox, "GET", f"{vm(sandbox, 'absent')}/providers/Sandbox.Local/metadataService")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_a_principal_is_added_once_and_its_secret_works(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals/learner-1"
    added = local(sandbox, "PUT", path)
    assert added.status_code == 201
    body = added.json()
    assert sandbox.token(body["clientId"], body["clientSecret"])
    again = local(sandbox, "PUT", path)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "PrincipalExists")
    listed = local(sandbox, "GET", path.rpartition("/")[0]).json()["value"]
    assert {entry["name"] for entry in listed} >= {"operator", "learner-1"}
    assert all("clientSecret" not in entry for entry in listed)


def test_a_principal_gets_a_new_secret_in_place_of_the_old_one(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals/learner-1"
    added = local(sandbox, "PUT", path).json()
    renewed = local(sandbox, "POST", f"{path}/resetSecret").json()
    assert renewed["objectId"] == added["objectId"]
    assert sandbox.token(renewed["clientId"], renewed["clientSecret"])
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        sandbox.credential(added["clientId"], added["clientSecret"]).get_token(SCOPE)
    absent = local(sandbox, "POST", path.replace("learner-1", "absent/resetSecret"))
    assert (absent.status_code, absent.json()["error"]["code"]) == (404, "PrincipalNotFound")


def test_a_principal_is_taken_out_and_one_of_the_same_name_is_another(sandbox: RunningSandbox) -> None:
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals/learner-1"
    first = local(sandbox, "PUT", path).json()
    assert local(sandbox, "DELETE", path).status_code == 200
    assert local(sandbox, "DELETE", path).status_code == 204
    with pytest.raises(ClientAuthenticationError):
        sandbox.credential(first["clientId"], first["clientSecret"]).get_token(SCOPE)
    second = local(sandbox, "PUT", path).json()
    assert not {first["objectId"], first["clientId"]} & {second["objectId"], second["clientId"]}


def test_the_operator_stays_and_so_do_managed_identities(sandbox: RunningSandbox) -> None:
    principals = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals"
    group = sandbox.seed_data.group("myResourceGroupVM")
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    assert sandbox.arm("PUT", identity, {"location": "eastus"}, version="2024-11-30").status_code == 201
    for method, path in (("DELETE", ""), ("POST", "/resetSecret")):
        refused = local(sandbox, method, f"{principals}/operator{path}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "OperatorRequired")
    assert local(sandbox, "DELETE", f"{principals}/ID1").status_code == 204
    assert "ID1" in [entry["name"] for entry in local(sandbox, "GET", principals).json()["value"]]


def test_only_who_may_add_principals_adds_them(sandbox: RunningSandbox) -> None:
    principal, secret = sandbox.add_principal("stranger")
    path = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals/friend"
    assert local(sandbox, "PUT", path, token=sandbox.token(principal.client_id, secret)).status_code == 403


@pytest.mark.parametrize("role", ["b24988ac-6180-42a0-ab88-20f7382dd24c", OWNER, USER_ACCESS_ADMINISTRATOR])
def test_only_who_may_grant_roles_makes_changes_and_removes_principals(desk: Desk, role: str) -> None:
    somebody = desk.caller("somebody")
    desk.grant(somebody, role, desk.subscription)
    desk.grant(somebody, OWNER, desk.group)
    path = f"{desk.subscription}/providers/Sandbox.Local/principals/friend"
    allowed = role in (OWNER, USER_ACCESS_ADMINISTRATOR)
    for method, where, done in (("PUT", path, 201), ("POST", f"{path}/resetSecret", 200), ("DELETE", path, 200)):
        assert desk.ask(method, where, version=LOCAL_API_VERSION, caller=somebody).status == (done if allowed else 403)
        if not allowed:
            desk.ask(method, where, version=LOCAL_API_VERSION)


def test_an_identity_named_like_a_learner_takes_nothing_from_the_learner(desk: Desk) -> None:
    identity = f"{desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/learner-1"
    assert desk.ask("PUT", identity, {"location": "eastus"}, version="2024-11-30").status == 201
    path = f"{desk.subscription}/providers/Sandbox.Local/principals/learner-1"
    assert desk.ask("PUT", path, version=LOCAL_API_VERSION).status == 201
    again = desk.ask("PUT", path, version=LOCAL_API_VERSION)
    assert (again.status, code(again)) == (409, "PrincipalExists")
    assert desk.ask("DELETE", path, version=LOCAL_API_VERSION).status == 200
    assert desk.ask("GET", identity, version="2024-11-30").status == 200


def test_a_decision_says_why(sandbox: RunningSandbox) -> None:
    group = sandbox.seed_data.group("myResourceGroupVM")
    action = "Microsoft.Resources/subscriptions/resourceGroups/read"
    mine = local(sandbox, "POST", f"{group}/providers/Sandbox.Local/explain", {"action": action}).json()
    assert mine["allowed"] is True
    assert [(entry["roleName"], entry["allowedBy"]) for entry in mine["considered"]] == [("Owner", "*")]
    principal, secret = sandbox.add_principal("stranger")
    theirs = local(
        sandbox,
        "POST",
        f"{group}/providers/Sandbox.Local/explain",
        {"action": action, "principalId": principal.object_id},
    ).json()
    assert theirs["allowed"] is False and "No role assignment was found" in theirs["why"]
    token = sandbox.token(principal.client_id, secret)
    own = local(sandbox, "POST", f"{group}/providers/Sandbox.Local/explain", {"action": action}, token)
    assert own.json()["allowed"] is False
    others = {"action": action, "principalId": sandbox.seed_data.operator_object_id}
    assert local(sandbox, "POST", f"{group}/providers/Sandbox.Local/explain", others, token).status_code == 403


@pytest.mark.parametrize("role", [OWNER, READER])
def test_assignments_elsewhere_are_told_of_only_where_they_may_be_read(desk: Desk, role: str) -> None:
    asker, other = desk.caller("asker"), desk.caller("other")
    elsewhere = desk.cloud.seed_data.group(OTHER_RESOURCE_GROUP)
    desk.grant(asker, role, desk.group)
    for scope in (desk.subscription, vm_in(desk.group), elsewhere):
        desk.grant(other, READER, scope)
    question = {"principalId": other.object_id, "action": "Microsoft.Compute/virtualMachines/delete"}
    path = f"{desk.group}/providers/Sandbox.Local/explain"

    def told() -> tuple[list[str], str]:
        answer = desk.ask("POST", path, question, version=LOCAL_API_VERSION, caller=asker)
        return sorted(entry["scope"] for entry in answer.body["considered"]), answer.body["why"]

    readable = sorted(canonical(scope) for scope in (desk.subscription, vm_in(desk.group)))
    scopes, why = told()
    assert scopes == readable and canonical(elsewhere) not in why
    desk.grant(asker, READER, elsewhere)
    scopes, why = told()
    assert scopes == sorted([*readable, canonical(elsewhere)]) and canonical(elsewhere) in why


def test_ones_own_assignments_are_told_of_wherever_they_are(desk: Desk) -> None:
    asker = desk.caller("asker")
    desk.grant(asker, VIRTUAL_MACHINE_CONTRIBUTOR, desk.cloud.seed_data.group(OTHER_RESOURCE_GROUP))
    question = {"action": "Microsoft.Compute/virtualMachines/read"}
    path = f"{desk.group}/providers/Sandbox.Local/explain"
    answer = desk.ask("POST", path, question, version=LOCAL_API_VERSION, caller=asker)
    assert [entry["scopeApplies"] for entry in answer.body["considered"]] == [False]


def test_a_question_that_is_none_is_refused(sandbox: RunningSandbox) -> None:
    response = local(
        sandbox, "POST", f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/explain", {"action": 5}
    )
    assert response.json()["error"]["code"] == "InvalidRequestContent"
