"""Identities on a virtual machine: attached, removed, replaced; and who may do it."""

from typing import Any

import pytest

from sandbox.core.timing import REALISTIC
from sandbox.entra.keys import SigningKey
from tests.support.desk import Desk, code, message
from tests.support.machines import IDENTITY, Machines

VM_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"


@pytest.fixture
def machines(desk: Desk) -> Machines:
    return Machines(desk)


def block(kind: str, **entries: Any) -> dict[str, Any]:
    return {"identity": {"type": kind, **entries}}


def user_assigned(*identity_ids: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    entries: dict[str, Any] = {identity_id: {} for identity_id in identity_ids}
    entries |= dict.fromkeys(without)
    return block("UserAssigned", userAssignedIdentities=entries)


def principal(machines: Machines, identity_id: str) -> dict[str, str]:
    found = machines.desk.cloud.store.get(identity_id)
    assert found is not None
    return {name: found.properties[name] for name in ("principalId", "clientId")}


def test_an_attached_identity_is_empty_in_the_answer_and_filled_in_on_the_next_read(machines: Machines) -> None:
    identity = machines.identity("ID1")
    answer = machines.patch(user_assigned(identity))
    assert answer.status == 200
    assert answer.body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    assert answer.body["properties"]["provisioningState"] == "Updating"
    assert machines.get()["identity"]["userAssignedIdentities"] == {identity: principal(machines, identity)}
    assert machines.stored().body["identity"] == machines.get()["identity"]


def test_patch_merges_and_null_removes(machines: Machines) -> None:
    one, two = machines.identity("ID1"), machines.identity("ID2")
    machines.patch(user_assigned(one))
    answer = machines.patch(user_assigned(two))
    assert answer.body["identity"]["userAssignedIdentities"] == {one: principal(machines, one), two: {}}
    assert set(machines.get()["identity"]["userAssignedIdentities"]) == {one, two}
    machines.patch(user_assigned(without=(one.upper(),)))
    assert set(machines.get()["identity"]["userAssignedIdentities"]) == {two}


def test_removing_the_last_one_makes_the_key_vanish(machines: Machines) -> None:
    identity = machines.identity("ID1")
    machines.patch(user_assigned(identity))
    assert machines.patch(user_assigned(without=(identity,))).status == 200
    assert "identity" not in machines.get()
    assert machines.patch(user_assigned(without=(identity,))).status == 200


def test_the_type_replaces(machines: Machines) -> None:
    identity = machines.identity("ID1")
    machines.patch(user_assigned(identity))
    machines.patch(block("SystemAssigned"))
    found = machines.get()["identity"]
    assert set(found) == {"type", "principalId", "tenantId"}
    assert found["type"] == "SystemAssigned"
    machines.patch(block("SystemAssigned,UserAssigned", userAssignedIdentities={identity: {}}))
    both = machines.get()["identity"]
    assert both["type"] == "SystemAssigned, UserAssigned"
    assert both["principalId"] == found["principalId"]
    machines.patch(block("userAssigned"))
    assert machines.get()["identity"] == {
        "type": "UserAssigned",
        "userAssignedIdentities": {identity: principal(machines, identity)},
    }
    machines.patch(block("None"))
    assert "identity" not in machines.get()


def test_put_replaces_the_map_and_without_a_block_keeps_all(machines: Machines) -> None:
    one, two = machines.identity("ID1"), machines.identity("ID2")
    machines.patch(user_assigned(one))
    body = machines.get()
    answer = machines.put({**body, **user_assigned(two)}, "myVM")
    assert answer.status == 200
    assert answer.body["identity"]["userAssignedIdentities"] == {two: {}}
    del body["identity"]
    machines.put(body, "myVM")
    assert set(machines.get()["identity"]["userAssignedIdentities"]) == {two}


def test_keys_keep_the_callers_case(machines: Machines) -> None:
    identity = machines.identity("ID1").replace("/resourcegroups/", "/resourceGroups/")
    machines.patch(user_assigned(identity))
    machines.patch(user_assigned(identity.lower()))
    assert list(machines.get()["identity"]["userAssignedIdentities"]) == [identity]


def test_an_identity_that_is_not_there(machines: Machines) -> None:
    identity = machines.identity("ID1").replace("ID1", "ID404")
    before = machines.get()
    answer = machines.patch(user_assigned(identity))
    assert (answer.status, code(answer)) == (400, "FailedIdentityOperation")
    assert message(answer) == (
        f"Identity operation for resource '{machines.path()}' failed with error 'Failed to perform resource identity "
        'operation. Status: \'BadRequest\'. Response: \'{"error":{"code":"BadRequest","message":"Resource '
        f"'{identity}' was not found.\"}}}}'.'."
    )
    assert machines.get() == before


def test_an_identity_given_twice(machines: Machines) -> None:
    identity = machines.identity("ID1")
    answer = machines.patch(user_assigned(identity, identity.upper()))
    assert (answer.status, code(answer)) == (400, "DuplicateIdentityIds")


def test_who_may_write_the_machine_may_not_yet_use_the_identity(machines: Machines) -> None:
    desk, identity = machines.desk, machines.identity("ID1")
    caller = desk.caller("contributor")
    desk.grant(caller, VM_CONTRIBUTOR, machines.path())
    refused = machines.patch(user_assigned(identity), caller=caller)
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")
    assert refused.headers["x-ms-failure-cause"] == "gateway"
    assert message(refused) == (
        f"The client '{caller.client_id}' with object id '{caller.object_id}' has permission to perform action "
        f"'Microsoft.Compute/virtualMachines/write' on scope '{machines.path()}'; however, it does not have permission "
        f"to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) "
        f"'{identity}' or the linked scope(s) are invalid."
    )
    desk.grant(caller, IDENTITY_OPERATOR, identity)
    assert machines.patch(user_assigned(identity), caller=caller).status == 200


def test_an_identity_the_machine_has_needs_no_right_again(machines: Machines) -> None:
    desk, identity = machines.desk, machines.identity("ID1")
    machines.patch(user_assigned(identity))
    caller = desk.caller("contributor")
    desk.grant(caller, VM_CONTRIBUTOR, machines.path())
    assert machines.patch(user_assigned(identity), caller=caller).status == 200
    assert machines.patch(user_assigned(without=(identity,)), caller=caller).status == 200


def test_a_missing_identity_is_not_told_to_who_may_not_assign(machines: Machines) -> None:
    caller = machines.desk.caller("contributor")
    machines.desk.grant(caller, VM_CONTRIBUTOR, machines.path())
    identity = machines.identity("ID1").replace("ID1", "ID404")
    assert code(machines.patch(user_assigned(identity), caller=caller)) == "LinkedAuthorizationFailed"


def test_the_system_assigned_identity_is_a_principal_named_as_the_machine(machines: Machines) -> None:
    directory = machines.desk.cloud.directory
    shown = machines.patch(block("SystemAssigned")).body["identity"]
    assert shown == machines.get()["identity"]
    found = directory.by_object_id(shown["principalId"])
    assert found is not None
    assert (found.name, found.kind, found.resource_id) == ("myVM", "ManagedIdentity", machines.path())
    default = f"{machines.path()}/providers/Microsoft.ManagedIdentity/identities/default"
    own = machines.desk.ask("GET", default, version="2023-01-31").body["properties"]
    assert (own["principalId"], own["clientId"]) == (found.object_id, found.client_id)
    machines.patch(block("SystemAssigned"))
    assert machines.get()["identity"]["principalId"] == found.object_id
    machines.patch(block("None"))
    assert directory.by_object_id(found.object_id) is None
    assert machines.desk.ask("GET", default, version="2023-01-31").status == 404
    machines.patch(block("SystemAssigned"))
    assert machines.get()["identity"]["principalId"] != found.object_id


def test_the_system_assigned_identity_goes_with_the_machine(machines: Machines) -> None:
    object_id = machines.patch(block("SystemAssigned")).body["identity"]["principalId"]
    machines.ask("DELETE", machines.path())
    assert machines.desk.cloud.directory.by_object_id(object_id) is None


def test_the_identity_provider_shows_the_system_assigned_identity(machines: Machines) -> None:
    path = f"{machines.path()}/providers/Microsoft.ManagedIdentity/identities/default"
    assert machines.ask("GET", path, version=IDENTITY).status == 404
    object_id = machines.patch(block("SystemAssigned")).body["identity"]["principalId"]
    answer = machines.ask("GET", path, version=IDENTITY)
    assert answer.status == 200
    assert answer.body["id"] == path
    assert answer.body["name"] == "default"
    assert answer.body["properties"]["principalId"] == object_id
    assert machines.ask("GET", path, version=IDENTITY, caller=machines.desk.caller("nobody")).status == 403


def test_an_identity_that_is_deleted_leaves_an_entry_that_leads_nowhere(machines: Machines) -> None:
    identity = machines.identity("ID1")
    machines.patch(user_assigned(identity))
    before = machines.get()["identity"]
    machines.ask("DELETE", identity, version=IDENTITY)
    assert machines.get()["identity"] == before
    object_id = before["userAssignedIdentities"][identity]["principalId"]
    assert machines.desk.cloud.directory.by_object_id(object_id) is None
    assert machines.patch({"tags": {"a": "b"}}).status == 200
    assert code(machines.patch(user_assigned(identity))) == "FailedIdentityOperation"
    assert machines.patch(user_assigned(without=(identity,))).status == 200


def test_an_identity_made_again_has_to_be_attached_again(machines: Machines) -> None:
    identity = machines.identity("ID1")
    machines.patch(user_assigned(identity))
    machines.ask("DELETE", identity, version=IDENTITY)
    machines.identity("ID1")
    stale = machines.get()["identity"]["userAssignedIdentities"][identity]
    assert stale != principal(machines, identity)
    assert machines.patch(user_assigned(identity)).body["identity"]["userAssignedIdentities"] == {identity: {}}
    assert machines.get()["identity"]["userAssignedIdentities"] == {identity: principal(machines, identity)}


def test_associated_resources_are_the_machines_that_have_it(machines: Machines) -> None:
    identity = machines.identity("ID1")
    other = machines.put(machines.body(machines.interface("nic2")) | user_assigned(machines.identity("ID2")))
    assert other.status == 201
    machines.patch(user_assigned(identity.upper()))
    answer = machines.ask("POST", f"{identity}/listAssociatedResources", version=IDENTITY)
    assert answer.body["totalCount"] == 1
    assert [found["id"] for found in answer.body["value"]] == [machines.path()]


def test_a_regional_identity_stays_in_its_region(machines: Machines) -> None:
    elsewhere = machines.identity("ID1", location="westus", properties={"isolationScope": "Regional"})
    assert code(machines.patch(user_assigned(elsewhere))) == "FailedIdentityOperation"
    here = machines.identity("ID2", properties={"isolationScope": "Regional"})
    assert machines.patch(user_assigned(here)).status == 200


def test_the_metadata_service_learns_of_an_identity_with_a_delay(key: SigningKey) -> None:
    machines = Machines(Desk(key, REALISTIC))
    assert "identity_effective_at" not in machines.stored().internal
    machines.patch(user_assigned(machines.identity("ID1")))
    now = machines.desk.clock.now().timestamp()
    assert machines.stored().internal["identity_effective_at"] == now + 5
    machines.desk.clock.advance(60)
    machines.patch({"tags": {"a": "b"}})
    assert machines.stored().internal["identity_effective_at"] == now + 5


@pytest.mark.parametrize("identity", [[], "UserAssigned", 1, True, {"type": []}, {"userAssignedIdentities": {}}])
def test_bad_blocks_are_refused(machines: Machines, identity: Any) -> None:
    assert machines.patch({"identity": identity}).status == 400
    body = {**machines.body(machines.interface("nic2")), "identity": identity}
    assert machines.put(body).status == 400


def test_the_old_list_of_identities_is_refused(machines: Machines) -> None:
    identity = machines.identity("ID1")
    for given in (block("UserAssigned", identityIds=[identity]), block("SystemAssigned", IdentityIDs=[])):
        answer = machines.patch(given)
        assert (answer.status, code(answer)) == (400, "InvalidParameter")
        assert message(answer) == (
            "ResourceIdentity property identityIds is deprecated. The userAssignedIdentities property should be used "
            "instead."
        )
    assert "identity" not in machines.get()


def test_the_blocks_names_compare_without_case(machines: Machines) -> None:
    identity = machines.identity("ID1")
    answer = machines.patch({"Identity": {"TYPE": "userassigned", "userassignedidentities": {identity: {}}}})
    assert answer.status == 200
    assert set(machines.get()["identity"]["userAssignedIdentities"]) == {identity}
