"""What 06_clean_up finds and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers import connect, ensure_granted, ensure_group, ensure_identity, ensure_vm
from helpers.connection import Connection
from tests.notebooks.course import run
from tests.support.sandbox import RunningSandbox

SEEDED = {"resource_group": "myResourceGroupVM", "vm_name": "myVM", "identity_name": "ID1"}
OWN = {"resource_group": "contosoCourse", "vm_name": "courseVM", "identity_name": "ID7"}


@pytest.fixture
def connection(at_sandbox: RunningSandbox) -> Connection:
    return connect("sandbox")


def make_all(connection: Connection, resource_group: str, vm_name: str, identity_name: str) -> None:
    group = ensure_group(connection, resource_group, "eastus")
    identity = ensure_identity(connection, resource_group, identity_name, "eastus")
    ensure_vm(connection, resource_group, vm_name, "eastus", identity)
    ensure_granted(connection, identity, str(group.id), "Reader")


def found(**parameters: str) -> dict[str, list[str]]:
    """What the notebook is about to delete, of each kind; it stops before it does."""
    variables = run("06_clean_up", stop_after="take-away-grant", **parameters)
    return {
        "grants": [grant.description for grant in variables["grants"]],
        "resources": sorted(each.name for each in variables["mine"]),
    }


def names(variables: dict[str, Any], what: str) -> list[str]:
    return sorted(each.name for each in variables[what]())


def test_nothing_was_made(connection: Connection) -> None:
    assert found(**SEEDED) == {"grants": [], "resources": []}
    left = run("06_clean_up", **SEEDED)
    assert names(left, "find_groups") == ["myResourceGroupVM"]
    assert "myVM" in names(left, "find_inside")


def test_there_is_no_group(connection: Connection) -> None:
    assert found(**OWN) == {"grants": [], "resources": []}
    left = run("06_clean_up", **OWN)
    assert names(left, "find_groups") == names(left, "find_inside") == []


def test_bad_names_are_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="identity_name"):
        run("06_clean_up", identity_name="x")


def test_what_the_tutorial_made_in_a_group_that_was_there(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    assert found(**SEEDED) == {"grants": ["managed-identity-tutorial: ID1"], "resources": ["ID1"]}
    ran = run("06_clean_up", **SEEDED)
    assert [(vm.name, identity_id.rpartition("/")[2]) for vm, identity_id in ran["found"]] == [("myVM", "ID1")]
    assert names(ran, "find_groups") == ["myResourceGroupVM"]


def test_everything_if_the_tutorial_made_everything(connection: Connection) -> None:
    make_all(connection, **OWN)
    assert found(**OWN)["resources"] == ["ID7", "courseVM", "courseVMVMNic", "courseVMVNET"]
    assert names(run("06_clean_up", **OWN), "find_groups") == []


def test_a_group_of_the_tutorial_stays_if_something_else_is_in_it(connection: Connection) -> None:
    make_all(connection, **OWN)
    ensure_identity(connection, "contosoCourse", "somebody-elses", "eastus")
    left = run("06_clean_up", **OWN)
    assert names(left, "find_groups") == ["contosoCourse"]
    assert names(left, "find_inside") == ["somebody-elses"]


def test_an_identity_that_was_there_stays_and_keeps_its_machine(connection: Connection) -> None:
    client = ManagedServiceIdentityClient(
        connection.credential, connection.subscription_id, **connection.client_options
    )
    client.user_assigned_identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))
    make_all(connection, **SEEDED)
    ran = run("06_clean_up", **SEEDED)
    assert len(ran["grants"]) == 1
    assert ran["identities"] == ran["found"] == []
    assert "ID1" in names(ran, "find_inside")


def test_a_grant_that_outlived_its_identity_is_found(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    client = ResourceManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "eastus")
    client.resources.begin_delete_by_id(str(identity.id), api_version="2024-11-30").result()
    assert found(**SEEDED) == {"grants": ["managed-identity-tutorial: ID1"], "resources": []}


def test_what_an_identity_left_on_the_machine_goes_if_it_was_deleted_elsewhere(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    identities = ManagedServiceIdentityClient(
        connection.credential, connection.subscription_id, **connection.client_options
    )
    identities.user_assigned_identities.delete("myResourceGroupVM", "ID1")
    run("06_clean_up", **SEEDED)
    machines = ComputeManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    assert machines.virtual_machines.get("myResourceGroupVM", "myVM").identity is None


def test_another_machine_is_left_as_it_is(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "eastus")
    other = ensure_vm(connection, "myResourceGroupVM", "otherVM", "eastus", identity)
    ran = run("06_clean_up", **SEEDED)
    assert [vm.name for vm, _ in ran["found"]] == ["myVM"]
    left = ran["compute"].virtual_machines.get("myResourceGroupVM", "otherVM")
    assert left.identity == other.identity


def test_another_learners_things_in_the_same_group_are_not_found(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    make_all(connection, **(SEEDED | {"identity_name": "ID2"}))
    assert found(**SEEDED) == {"grants": ["managed-identity-tutorial: ID1"], "resources": ["ID1"]}


def test_taking_one_off_leaves_the_others_and_taking_off_the_last_leaves_none(connection: Connection) -> None:
    machines = ComputeManagementClient(
        connection.credential, connection.subscription_id, **connection.client_options
    ).virtual_machines
    make_all(connection, **SEEDED)
    make_all(connection, **(SEEDED | {"identity_name": "ID2"}))
    kinds = []
    for identity_name in ("ID1", "ID2"):
        run("06_clean_up", **(SEEDED | {"identity_name": identity_name}))
        block = machines.get("myResourceGroupVM", "myVM").identity
        kinds.append(block and (block.type, len(block.user_assigned_identities or {})))
    assert kinds == [("UserAssigned", 1), None]


def test_taking_the_last_one_off_leaves_the_machines_own(connection: Connection) -> None:
    machines = ComputeManagementClient(
        connection.credential, connection.subscription_id, **connection.client_options
    ).virtual_machines
    own = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned"))
    before = machines.begin_update("myResourceGroupVM", "myVM", own).result().identity
    make_all(connection, **SEEDED)
    run("06_clean_up", **SEEDED)
    left = machines.get("myResourceGroupVM", "myVM").identity
    assert before is not None and left is not None
    assert (left.type, left.principal_id) == ("SystemAssigned", before.principal_id)
