from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from helpers import connect, ensure_granted, ensure_group, ensure_identity, ensure_not_granted, ensure_vm
from helpers.connection import Connection
from helpers.course.notes import with_identity
from helpers.errors import TutorialError
from sandbox.state.state_directory import Settings
from sandbox.state.store import Resource
from tests.helpers.pointing import point_to
from tests.support.clocks import PassingTime
from tests.support.sandbox import RunningSandbox, running_sandbox

GROUP = "myResourceGroupVM"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


def authorization(connection: Connection) -> AuthorizationManagementClient:
    return AuthorizationManagementClient(connection.credential, connection.subscription_id, **connection.client_options)


def granted_by_somebody_else(connection: Connection, identity: Identity, scope: str, role: str) -> str:
    """Have the identity hold a role by a grant without the course's mark; return the grant's name."""
    grant = ensure_granted(connection, identity, scope, role)
    parameters = RoleAssignmentCreateParameters(
        role_definition_id=str(grant.role_definition_id),
        principal_id=str(grant.principal_id),
        principal_type="ServicePrincipal",
        description="the payroll needs it",
    )
    authorization(connection).role_assignments.create(scope, str(grant.name), parameters)
    return str(grant.name)


def compute(connection: Connection) -> ComputeManagementClient:
    return ComputeManagementClient(connection.credential, connection.subscription_id, **connection.client_options)


class TestSilence:
    """What is there already is returned without a word and without a change."""

    def test_of_everything(self, connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
        def all_of_it() -> list[Any]:
            group = ensure_group(connection, GROUP, "eastus")
            identity = ensure_identity(connection, GROUP, "ID1", "eastus")
            vm = ensure_vm(connection, GROUP, "myVM", "eastus", identity)
            grant = ensure_granted(connection, identity, str(group.id), "Reader")
            return [group.as_dict(), identity.as_dict(), vm.as_dict(), grant.as_dict()]

        first = all_of_it()
        said = capsys.readouterr().out
        assert [line.rpartition(", as ")[2] for line in said.splitlines()] == [
            "01_create_identity does.",
            "02_assign_identity does.",
            "03_grant_access does.",
        ]
        second = all_of_it()
        assert capsys.readouterr().out == ""
        assert second[:3] == first[:3]
        assert second[3]["name"] == first[3]["name"]

    def test_what_was_there_before_keeps_its_tags(self, connection: Connection) -> None:
        identities = ManagedServiceIdentityClient(
            connection.credential, connection.subscription_id, **connection.client_options
        )
        made = Identity(location="westus", tags={"owner": "contoso"})
        identities.user_assigned_identities.create_or_update(GROUP, "ID1", made)
        found = ensure_identity(connection, GROUP, "ID1", "eastus")
        assert (found.tags, found.location) == ({"owner": "contoso"}, "westus")


class TestMaking:
    def test_a_group(self, connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
        group = ensure_group(connection, "contosoCourse", "westus3")
        assert (group.location, group.tags) == ("westus3", connection.tags("contosoCourse"))
        assert capsys.readouterr().out == (
            "The resource group contosoCourse was not there yet: made it, as 00_prerequisites does.\n"
        )

    @pytest.mark.parametrize(
        ("vm_name", "computer_name"),
        [("a-name.longer_than-fifteen", "a-name-longer-t"), ("2024", "vm2024"), ("a", "a")],
    )
    def test_a_machine_in_a_group_that_is_not_there(
        self, connection: Connection, vm_name: str, computer_name: str
    ) -> None:
        vm = ensure_vm(connection, "contosoCourse", vm_name, "westus3")
        assert vm.tags == connection.tags("contosoCourse", vm_name)
        assert vm.os_profile is not None and vm.os_profile.computer_name == computer_name
        assert connection.on_vm(str(vm.id)).get("http://169.254.169.254/metadata/x").status_code in (400, 404)

    def test_no_machine_on_azure_where_it_would_cost_money(self, connection: Connection) -> None:
        in_cloud = replace(connection, target="azure")
        with pytest.raises(TutorialError, match=r"create_vm is True; .* az vm create --resource-group \S+ --name noVM"):
            ensure_vm(in_cloud, GROUP, "noVM", "eastus")

    @pytest.mark.parametrize("vm_os", ["Windows", "Linux"])
    def test_a_machine_on_azure_if_it_is_asked_for(
        self, connection: Connection, sandbox: RunningSandbox, vm_os: str
    ) -> None:
        """It gets out, and no rule lets anybody in."""
        vm = ensure_vm(replace(connection, target="azure"), "contosoCourse", "vm1", "westus3", create=True, vm_os=vm_os)
        assert vm.storage_profile and vm.storage_profile.os_disk and vm.storage_profile.os_disk.os_type == vm_os
        group = sandbox.seed_data.group("contosoCourse")
        network = f"{group}/providers/Microsoft.Network"
        address = sandbox.arm("GET", f"{network}/publicIPAddresses/vm1PublicIP", version="2024-05-01").json()
        interface = sandbox.arm("GET", f"{network}/networkInterfaces/vm1VMNic", version="2024-05-01").json()
        assert (address["sku"]["name"], address["tags"]) == (
            "Standard",
            connection.tags("contosoCourse", "vm1PublicIP"),
        )
        assert "networkSecurityGroup" not in interface["properties"]
        [configuration] = interface["properties"]["ipConfigurations"]
        assert configuration["properties"]["publicIPAddress"]["id"] == address["id"]

    def test_bad_names_are_refused_before_azure_is_asked(self, connection: Connection) -> None:
        with pytest.raises(ValueError, match="3 to 128"):
            ensure_identity(connection, GROUP, "x", "eastus")
        with pytest.raises(ValueError, match="identity_name"):
            ensure_identity(connection, GROUP, "ID1/../ID2", "eastus")
        with pytest.raises(ValueError, match="resource_group"):
            ensure_group(connection, "a b", "eastus")
        with pytest.raises(ValueError, match="vm_name"):
            ensure_vm(connection, GROUP, "", "eastus")


class TestAssigning:
    def test_keeps_what_the_machine_has(self, connection: Connection) -> None:
        own = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned"))
        compute(connection).virtual_machines.begin_update(GROUP, "myVM", own).result()
        for name in ("ID1", "ID2"):
            identity = ensure_identity(connection, GROUP, name, "eastus")
            vm = ensure_vm(connection, GROUP, "myVM", "eastus", identity)
        assert vm.identity is not None
        assert vm.identity.type == "SystemAssigned, UserAssigned"
        assert sorted(each.rpartition("/")[2] for each in vm.identity.user_assigned_identities or {}) == ["ID1", "ID2"]

    def test_one_that_was_deleted_elsewhere_is_replaced_by_the_one_of_its_name(
        self, connection: Connection, capsys: pytest.CaptureFixture[str]
    ) -> None:
        client = ManagedServiceIdentityClient(
            connection.credential, connection.subscription_id, **connection.client_options
        )
        first = ensure_identity(connection, GROUP, "ID1", "eastus")
        ensure_vm(connection, GROUP, "myVM", "eastus", first)
        client.user_assigned_identities.delete(GROUP, "ID1")
        again = ensure_identity(connection, GROUP, "ID1", "eastus")
        capsys.readouterr()
        vm = ensure_vm(connection, GROUP, "myVM", "eastus", again)
        assert capsys.readouterr().out == (
            "myVM had an earlier ID1, which is deleted: assigned the one that there is now.\n"
        )
        assert vm.identity is not None
        entries = (vm.identity.user_assigned_identities or {}).values()
        assert [entry.principal_id for entry in entries] == [again.principal_id]
        ensure_vm(connection, GROUP, "myVM", "eastus", again)
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("kind", ["systemAssigned,userAssigned", "SystemAssigned", "SystemAssigned, UserAssigned"])
    def test_the_kind_is_read_however_it_is_written(self, connection: Connection, kind: str) -> None:
        vm = VirtualMachine(location="eastus", identity=VirtualMachineIdentity(type=kind))
        change = with_identity(connection, vm, ensure_identity(connection, GROUP, "ID1", "eastus"))
        assert change.identity is not None and change.identity.type == "SystemAssigned, UserAssigned"

    def test_ids_compare_without_case(self, connection: Connection, capsys: pytest.CaptureFixture[str]) -> None:
        identity = ensure_identity(connection, GROUP, "ID1", "eastus")
        ensure_vm(connection, GROUP, "myVM", "eastus", identity)
        capsys.readouterr()
        identity.id = str(identity.id).upper()
        ensure_vm(connection, GROUP, "myVM", "eastus", identity)
        assert capsys.readouterr().out == ""


class TestGranting:
    @pytest.fixture
    def identity(self, connection: Connection) -> Identity:
        return ensure_identity(connection, GROUP, "ID1", "eastus")

    @pytest.fixture
    def scope(self, sandbox: RunningSandbox) -> str:
        return sandbox.seed_data.group(GROUP)

    def test_a_grant_under_another_name_is_what_was_wanted(
        self, connection: Connection, identity: Identity, scope: str
    ) -> None:
        definition = (
            f"/subscriptions/{connection.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        )
        there = RoleAssignmentCreateParameters(
            role_definition_id=definition, principal_id=str(identity.principal_id), principal_type="ServicePrincipal"
        )
        name = str(uuid.uuid4())
        authorization(connection).role_assignments.create(scope, name, there)
        assert ensure_granted(connection, identity, scope, "reader").name == name

    def test_a_role_is_the_same_wherever_its_definition_was_listed(
        self, connection: Connection, sandbox: RunningSandbox, identity: Identity
    ) -> None:
        """At the root it is listed under another path than the one that grants are kept with."""
        kept_as = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions"
        owner = {"principalId": sandbox.seed_data.operator_object_id, "roleDefinitionId": f"{kept_as}/{OWNER}"}
        body = {"id": "/providers/Microsoft.Authorization/roleAssignments/owner", "properties": owner | {"scope": "/"}}
        sandbox.on_loop(lambda: sandbox.cloud.assignments.put(Resource(body), sandbox.clock.seconds()))
        client = authorization(connection)
        [definition] = client.role_definitions.list("/", filter="roleName eq 'Reader'")
        there = RoleAssignmentCreateParameters(
            role_definition_id=str(definition.id),
            principal_id=str(identity.principal_id),
            principal_type="ServicePrincipal",
        )
        made = client.role_assignments.create("/", str(uuid.uuid4()), there)
        assert made.role_definition_id == f"{kept_as}/{READER}" != definition.id
        assert ensure_granted(connection, identity, "/", "Reader").name == made.name

    def test_an_identity_in_a_group_that_is_not_there(self, connection: Connection) -> None:
        assert ensure_identity(connection, "contosoCourse", "ID1", "westus3").location == "westus3"
        assert ensure_group(connection, "contosoCourse", "eastus").tags == connection.tags("contosoCourse")

    def test_a_grant_above_does_not_count_as_one_here(
        self, connection: Connection, identity: Identity, scope: str
    ) -> None:
        above = ensure_granted(connection, identity, f"/subscriptions/{connection.subscription_id}", "Reader")
        here = ensure_granted(connection, identity, scope, "Reader")
        assert above.name != here.name

    def test_an_identity_made_again_gets_a_grant_of_its_own(
        self, connection: Connection, identity: Identity, scope: str
    ) -> None:
        first = ensure_granted(connection, identity, scope, "Reader")
        identities = ManagedServiceIdentityClient(
            connection.credential, connection.subscription_id, **connection.client_options
        )
        identities.user_assigned_identities.delete(GROUP, "ID1")
        again = ensure_identity(connection, GROUP, "ID1", "eastus")
        assert ensure_granted(connection, again, scope, "Reader").name != first.name

    def test_a_role_that_is_not_there_is_named(self, connection: Connection, identity: Identity, scope: str) -> None:
        for role in ("Raeder", "Contoso's reader"):
            with pytest.raises(TutorialError, match=f"no role named '{role}'"):
                ensure_granted(connection, identity, scope, role)

    def test_the_tutorials_own_grant_is_taken_away(
        self, connection: Connection, identity: Identity, scope: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ensure_granted(connection, identity, scope, "Reader")
        capsys.readouterr()
        ensure_not_granted(connection, identity, scope)
        assert "took it away" in capsys.readouterr().out
        ensure_not_granted(connection, identity, scope)
        assert capsys.readouterr().out == ""

    def test_somebody_elses_grant_is_left_and_named(
        self, connection: Connection, identity: Identity, scope: str
    ) -> None:
        name = granted_by_somebody_else(connection, identity, scope, "Reader")
        with pytest.raises(TutorialError, match="can read the group already"):
            ensure_not_granted(connection, identity, scope)
        assert authorization(connection).role_assignments.get(scope, name).description == "the payroll needs it"

    def test_somebody_elses_grant_that_does_not_let_it_read_is_left(
        self, connection: Connection, identity: Identity, scope: str
    ) -> None:
        name = granted_by_somebody_else(connection, identity, scope, "AcrPull")
        ensure_not_granted(connection, identity, scope)
        assert authorization(connection).role_assignments.get(scope, name).description == "the payroll needs it"


@pytest.mark.parametrize("fault", ["reset", "lost", "503"])
def test_a_change_that_got_no_answer_is_sent_again(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The course's changes say how a thing is to be in the end."""
    (tmp_path / "faults.yaml").write_text(f"- {{fault: {fault}, service: arm, method: [PUT, PATCH, DELETE], every: 2}}")
    settings = Settings(faults=str(tmp_path / "faults.yaml"))
    with running_sandbox(tmp_path, settings=settings, keys_from=keys) as sandbox:
        point_to(sandbox, monkeypatch)
        connection = connect("sandbox")
        identity = ensure_identity(connection, GROUP, "ID1", "")
        vm = ensure_vm(connection, GROUP, "myVM", "", identity)
        ensure_granted(connection, identity, sandbox.seed_data.group(GROUP), "Reader")
        ensure_not_granted(connection, identity, sandbox.seed_data.group(GROUP))
    assert vm.identity is not None and vm.identity.type == "UserAssigned"


def test_a_directory_that_does_not_know_the_identity_yet_is_asked_again(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faults.yaml").write_text("- {fault: PrincipalNotFound, first: 3}")
    monkeypatch.setattr("helpers.wait.time", PassingTime())
    settings = Settings(faults=str(tmp_path / "faults.yaml"))
    with running_sandbox(tmp_path, settings=settings, keys_from=keys) as sandbox:
        point_to(sandbox, monkeypatch)
        connection = connect("sandbox")
        identity = ensure_identity(connection, GROUP, "ID1", "")
        assert ensure_granted(connection, identity, sandbox.seed_data.group(GROUP), "Reader").name


class TestWhere:
    """Where things are made if nobody says where."""

    def test_in_the_region_of_the_machine(self, connection: Connection) -> None:
        ensure_group(connection, "contosoCourse", "westus3")
        ensure_vm(connection, "contosoCourse", "vm1", "northeurope")
        assert ensure_identity(connection, "contosoCourse", "ID1", "").location == "northeurope"

    def test_in_the_region_of_the_group(self, connection: Connection) -> None:
        ensure_group(connection, "contosoCourse", "westus3")
        assert ensure_identity(connection, "contosoCourse", "ID1", "").location == "westus3"
        assert ensure_vm(connection, "contosoCourse", "vm1", "").location == "westus3"

    def test_where_nothing_is_yet(self, connection: Connection) -> None:
        assert ensure_identity(connection, "contosoCourse", "ID1", "").location == "eastus"
        assert ensure_vm(connection, "contosoOther", "vm1", "").location == "eastus"
