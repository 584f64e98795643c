"""What 06_clean_up finds and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import (
    UserAssignedIdentitiesValue,
    VirtualMachineIdentity,
    VirtualMachineUpdate,
)
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from requests.adapters import HTTPAdapter

from helpers import connect, ensure_granted, ensure_group, ensure_identity, ensure_vm
from helpers.connection import Connection
from helpers.errors import TutorialError
from tests.helpers.connection.test_azure_target import Recorder
from tests.helpers.pointing import point_to
from tests.notebooks.course import book, run
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


def found(**parameters: Any) -> dict[str, Any]:
    """What the notebook is about to delete, of each kind; it stops before it does."""
    variables = run("06_clean_up", stop_after="take-away-grant", **parameters)
    return {
        "grants": len(variables["grants"]),
        "resources": sorted(each.name for each in variables["mine"]),
    }


def names(variables: dict[str, Any], what: str) -> list[str]:
    """Of what the last look of a notebook has found."""
    return sorted(each.name for each in variables[what])


def test_nothing_was_made(connection: Connection) -> None:
    assert found(**SEEDED) == {"grants": 0, "resources": []}
    left = run("06_clean_up", **SEEDED)
    assert names(left, "groups") == ["myResourceGroupVM"]
    assert "myVM" in names(left, "inside")


def test_there_is_no_group(connection: Connection) -> None:
    assert found(**OWN) == {"grants": 0, "resources": []}
    left = run("06_clean_up", **OWN)
    assert names(left, "groups") == names(left, "inside") == []


def test_bad_names_are_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="identity_name"):
        run("06_clean_up", identity_name="x")


def test_what_the_tutorial_made_in_a_group_that_was_there(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    assert found(**SEEDED) == {"grants": 1, "resources": ["ID1"]}
    ran = run("06_clean_up", **SEEDED)
    assert [(vm.name, identity_id.rpartition("/")[2]) for vm, identity_id in ran["found"]] == [("myVM", "ID1")]
    assert names(ran, "groups") == ["myResourceGroupVM"]


def test_everything_if_the_tutorial_made_everything(connection: Connection) -> None:
    make_all(connection, **OWN)
    assert found(**OWN)["resources"] == ["ID7", "courseVM", "courseVMPublicIP", "courseVMVMNic", "courseVMVNET"]
    assert names(run("06_clean_up", **OWN), "groups") == []


def test_a_group_of_the_tutorial_stays_if_something_else_is_in_it(connection: Connection) -> None:
    make_all(connection, **OWN)
    ensure_identity(connection, "contosoCourse", "somebody-elses", "eastus")
    left = run("06_clean_up", **OWN)
    assert names(left, "groups") == ["contosoCourse"]
    assert names(left, "inside") == ["somebody-elses"]


def test_an_identity_that_was_there_stays(connection: Connection) -> None:
    client = ManagedServiceIdentityClient(
        connection.credential, connection.subscription_id, **connection.client_options
    )
    client.user_assigned_identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))
    make_all(connection, **SEEDED)
    ran = run("06_clean_up", **SEEDED)
    assert len(ran["grants"]) == 1
    assert ran["identities"] == []
    assert "ID1" in names(ran, "inside")


def test_a_grant_that_outlived_its_identity_is_found(connection: Connection) -> None:
    make_all(connection, **SEEDED)
    client = ResourceManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "eastus")
    client.resources.begin_delete_by_id(str(identity.id), api_version="2024-11-30").result()
    assert found(**SEEDED) == {"grants": 1, "resources": []}


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
    assert found(**SEEDED) == {"grants": 1, "resources": ["ID1"]}


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


class TestDoNoHarm:
    """What is somebody else's is left, whatever it is called and whatever tags it has."""

    @pytest.fixture
    def machines(self, connection: Connection) -> Any:
        client = ComputeManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
        return client.virtual_machines

    @pytest.fixture
    def identities(self, connection: Connection) -> Any:
        client = ManagedServiceIdentityClient(
            connection.credential, connection.subscription_id, **connection.client_options
        )
        return client.user_assigned_identities

    def test_an_identity_that_the_machine_had_before_stays_on_it(
        self, connection: Connection, machines: Any, identities: Any
    ) -> None:
        there = identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))
        block = VirtualMachineIdentity(
            type="UserAssigned", user_assigned_identities={there.id: UserAssignedIdentitiesValue()}
        )
        before = machines.begin_update("myResourceGroupVM", "myVM", VirtualMachineUpdate(identity=block)).result()
        make_all(connection, **SEEDED)
        run("06_clean_up", **SEEDED)
        after = machines.get("myResourceGroupVM", "myVM")
        assert (list(after.identity.user_assigned_identities), after.tags or None) == ([there.id], before.tags)

    def test_an_identity_that_the_course_put_on_the_machine_comes_off(
        self, connection: Connection, machines: Any, identities: Any
    ) -> None:
        identities.create_or_update("myResourceGroupVM", "ID1", Identity(location="eastus"))
        before = machines.get("myResourceGroupVM", "myVM")
        make_all(connection, **SEEDED)
        run("06_clean_up", **SEEDED)
        after = machines.get("myResourceGroupVM", "myVM")
        assert (after.identity, after.tags or None) == (before.identity, before.tags)

    @pytest.mark.parametrize("copied", ["group", "identity", "words"])
    def test_a_tag_that_was_inherited_or_copied(self, connection: Connection, identities: Any, copied: str) -> None:
        """A policy can have the things in a group inherit its tags; people copy tags from one thing to another."""
        make_all(connection, **OWN)
        group = OWN["resource_group"]
        tags = {
            "group": connection.tags(group),
            "identity": connection.tags(group, "ID7"),
            "words": {"made-by": "managed-identity-tutorial"},
        }[copied]
        identities.create_or_update(group, "ID2", Identity(location="eastus", tags=tags))
        run("06_clean_up", **OWN, create_vm=True)
        left = run("06_clean_up", **{**OWN, "identity_name": "ID2"})
        assert names(left, "inside") == ["ID2"]
        assert names(left, "groups") == [group]

    def test_another_learner_with_the_same_names(
        self, at_sandbox: RunningSandbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner, secret = at_sandbox.add_principal("grace")
        owner_of_all(at_sandbox, learner.object_id)
        make_all(connection, **OWN)
        before = everything_in(at_sandbox)
        point_to(at_sandbox, monkeypatch, client_id=learner.client_id, secret=secret)
        run("06_clean_up", **OWN)
        assert everything_in(at_sandbox) == before
        with pytest.raises(TutorialError, match="somebody gave it a role"):
            run("03_grant_access", **OWN)
        run("05_read_properties", **OWN)
        run("06_clean_up", **OWN)
        assert everything_in(at_sandbox) == before

    def test_a_machine_that_another_identity_is_on(self, connection: Connection, machines: Any) -> None:
        make_all(connection, **OWN)
        other = ensure_identity(connection, OWN["resource_group"], "somebody-elses", "eastus")
        ensure_vm(connection, OWN["resource_group"], OWN["vm_name"], "eastus", other)
        run("06_clean_up", **OWN)
        assert machines.get(OWN["resource_group"], OWN["vm_name"]).identity.user_assigned_identities

    def test_on_azure_nothing_is_deleted_unasked(self, at_sandbox: RunningSandbox, connection: Connection) -> None:
        make_all(connection, **OWN)
        before = everything_in(at_sandbox)
        with azure_leads_to(at_sandbox):
            listed = run("06_clean_up", target="azure", **OWN)
            assert len(listed["mine"]) == 5 and len(listed["grants"]) == 1
            assert everything_in(at_sandbox) == before
            run("06_clean_up", target="azure", delete=True, **OWN)
        assert not [each for each in everything_in(at_sandbox) if "contosoCourse" in each]

    def test_a_machines_own_identity_is_put_back_after_a_crash_in_the_exercise(
        self, connection: Connection, machines: Any
    ) -> None:
        before = machines.get("myResourceGroupVM", "myVM")
        variables = run("02_assign_identity", stop_after="check-assigned", **SEEDED)
        exec(
            "both = VirtualMachineUpdate(identity=VirtualMachineIdentity(type='SystemAssigned, UserAssigned'))\n"
            "compute.virtual_machines.begin_update(resource_group, vm_name, both).result()",
            variables,
        )
        run("06_clean_up", **SEEDED)
        after = machines.get("myResourceGroupVM", "myVM")
        assert (after.identity, after.tags or None) == (before.identity, before.tags)

    def test_an_identity_of_its_own_that_the_machine_got_later_stays(
        self, connection: Connection, machines: Any
    ) -> None:
        run("02_assign_identity", **SEEDED)
        own = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned, UserAssigned"))
        machines.begin_update("myResourceGroupVM", "myVM", own).result()
        run("06_clean_up", **SEEDED)
        assert machines.get("myResourceGroupVM", "myVM").identity.type == "SystemAssigned"

    @pytest.mark.parametrize("on", ["", "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id7"])
    def test_what_is_locked_stops_it_before_anything_is_deleted(
        self, at_sandbox: RunningSandbox, connection: Connection, lock: Callable[..., None], on: str
    ) -> None:
        make_all(connection, **OWN)
        before = everything_in(at_sandbox)
        lock(at_sandbox.seed_data.group(OWN["resource_group"]) + on)
        with pytest.raises(
            AssertionError, match=r"Have these locks removed first: \['keep \(CanNotDelete\) at /sub\S+'\]"
        ):
            run("06_clean_up", **OWN)
        assert everything_in(at_sandbox) == before

    def test_a_machine_that_cannot_be_changed_stops_it_before_anything_is_deleted(
        self, at_sandbox: RunningSandbox, connection: Connection, lock: Callable[..., None]
    ) -> None:
        make_all(connection, **SEEDED)
        before = everything_in(at_sandbox)
        lock(
            at_sandbox.seed_data.group("myResourceGroupVM") + "/providers/Microsoft.Compute/virtualMachines/myVM",
            "ReadOnly",
        )
        with pytest.raises(AssertionError, match=r"Have these locks removed first: \['keep \(ReadOnly\) at /sub\S+'\]"):
            run("06_clean_up", **SEEDED)
        assert everything_in(at_sandbox) == before

    @pytest.mark.parametrize("on", ["", "/providers/Microsoft.Compute/virtualMachines/myVM"])
    def test_a_lock_on_what_stays_does_not_stop_it(
        self, at_sandbox: RunningSandbox, connection: Connection, lock: Callable[..., None], on: str
    ) -> None:
        """The group's own stops nobody who has nothing to delete there."""
        if on:
            make_all(connection, **SEEDED)
        lock(at_sandbox.seed_data.group(SEEDED["resource_group"]) + on)
        assert run("06_clean_up", **SEEDED)["still"] == []

    def test_a_foreign_grant_is_not_taken_away_and_makes_the_point(
        self, at_sandbox: RunningSandbox, connection: Connection
    ) -> None:
        identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "eastus")
        providers = f"{at_sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Authorization"
        path = f"{providers}/roleAssignments/00000000-0000-4000-8000-000000000001"
        body = {
            "roleDefinitionId": f"{providers}/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "principalId": identity.principal_id,
            "principalType": "ServicePrincipal",
            "description": "the payroll needs it",
        }
        at_sandbox.arm("PUT", path, {"properties": body}).raise_for_status()
        before = at_sandbox.arm("GET", path).json()
        ran = run("05_read_properties", **SEEDED)
        assert (len(ran["others"]), ran["removed"], ran["refused"].status_code) == (1, None, 200)
        run("06_clean_up", **SEEDED)
        assert at_sandbox.arm("GET", path).json() == before

    def test_a_foreign_grant_that_reads_nothing_is_not_taken_away(
        self, at_sandbox: RunningSandbox, connection: Connection
    ) -> None:
        """Here the course's own grant lets the identity read, and 05 is told of another role."""
        make_all(connection, **SEEDED)
        providers = f"{at_sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Authorization"
        path = f"{providers}/roleAssignments/00000000-0000-4000-8000-000000000002"
        identity = ensure_identity(connection, "myResourceGroupVM", "ID1", "eastus")
        body = {
            "roleDefinitionId": f"{providers}/roleDefinitions/7f951dda-4ed3-4680-a7ca-43fe172d538d",  # AcrPull
            "principalId": identity.principal_id,
            "principalType": "ServicePrincipal",
        }
        at_sandbox.arm("PUT", path, {"properties": body}).raise_for_status()
        ran = run("05_read_properties", stop_after="take-away-delete", **SEEDED, role="AcrPull")
        assert (ran["grant"].name, ran["removed"]) == (path.rpartition("/")[2], None)
        assert at_sandbox.arm("GET", path).ok

    def test_a_grant_is_restored_with_every_field(self, connection: Connection) -> None:
        """The sandbox refuses conditions, so what would be sent is looked at."""
        make_all(connection, **SEEDED)
        ran = run("05_read_properties", stop_after="catch-up", **SEEDED)
        ran["grant"].condition, ran["grant"].condition_version = "(a condition)", "2.0"
        exec("from azure.mgmt.authorization.models import RoleAssignmentCreateParameters", ran)
        exec(book("05_read_properties").cell("put-back-grant").source, ran)
        sent, there = (ran[each].as_dict() for each in ("wanted", "grant"))
        not_sent = {"id", "name", "type", "scope", "created_on", "created_by", "updated_on", "updated_by"}
        assert sent == {name: value for name, value in there.items() if name not in not_sent}


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``lock(scope, level)``: Resource Manager tells of a lock there, which the sandbox has none of."""
    send = HTTPAdapter.send
    locked: list[tuple[str, str]] = []

    def sending(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        if request.path_url.partition("?")[0].endswith("/locks"):
            kind = "/providers/Microsoft.Authorization/locks/keep"
            found = [{"id": each + kind, "name": "keep", "properties": {"level": level}} for each, level in locked]
            answer.status_code, answer._content = 200, json.dumps({"value": found}).encode()
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", sending)
    return lambda scope, level="CanNotDelete": locked.append((scope, level))


def owner_of_all(sandbox: RunningSandbox, object_id: str) -> None:
    providers = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization"
    body = {
        "roleDefinitionId": f"{providers}/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "principalId": object_id,
        "principalType": "ServicePrincipal",
    }
    path = f"{providers}/roleAssignments/00000000-0000-4000-8000-000000000002"
    sandbox.arm("PUT", path, {"properties": body}).raise_for_status()


def everything_in(sandbox: RunningSandbox) -> list[str]:
    """All resources, groups and grants, as Resource Manager describes them, but for what each write counts up."""
    subscription = sandbox.seed_data.subscription
    listed = [
        (f"{subscription}/resources", "2021-04-01"),
        (f"{subscription}/resourceGroups", "2021-04-01"),
        (f"{subscription}/providers/Microsoft.Authorization/roleAssignments", "2022-04-01"),
    ]
    return sorted(
        str(each) for path, version in listed for each in sandbox.arm("GET", path, version=version).json()["value"]
    )


@contextmanager
def azure_leads_to(sandbox: RunningSandbox) -> Iterator[None]:
    """Have Azure's own addresses lead to the sandbox, in which the operator's credential is in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AZURE_RESOURCE_MANAGER_ENDPOINT", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE"):
            patch.delenv(name)
        Recorder(sandbox).install(patch)
        yield
