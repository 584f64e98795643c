"""How far a learner is, read off the state of Azure after each thing that they may have done."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroupPatchable

from tests.workshop.classroom.lesson import Lesson
from workshop.classroom.steps import STEPS, Position, position_of
from workshop.classroom.survey import take_survey

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
PROVIDED = "done done done"


@dataclass
class Grace:
    """Grace, working through the course by hand."""

    lesson: Lesson

    def __post_init__(self) -> None:
        self.me = self.lesson.learner("grace")
        self.group = self.me.resource_group
        self.scope = self.lesson.sandbox.seed_data.group(self.group)
        self.compute = self.lesson.client_of("grace", ComputeManagementClient).virtual_machines
        self.identities = self.lesson.client_of("grace", ManagedServiceIdentityClient).user_assigned_identities
        self.roles = self.lesson.client_of("grace", AuthorizationManagementClient).role_assignments

    def position(self) -> Position:
        clients = self.lesson.clients()
        return position_of(self.lesson.classroom, self.me, take_survey(clients), clients.subscription)

    def states(self) -> str:
        return " ".join(standing.state for standing in self.position().standings[:6])

    def make(self, name: str = "") -> Identity:
        made: Identity = self.identities.create_or_update(
            self.group, name or self.me.identity_name, Identity(location="eastus")
        )
        return made

    def assign(self, identity: Identity) -> None:
        block = VirtualMachineIdentity(
            type="UserAssigned", user_assigned_identities={str(identity.id): UserAssignedIdentitiesValue()}
        )
        self.compute.begin_update(self.group, self.me.vm_name, VirtualMachineUpdate(identity=block)).result()

    def grant(self, principal_id: str, scope: str = "") -> None:
        definition = (
            f"{self.lesson.sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        )
        wanted = RoleAssignmentCreateParameters(
            role_definition_id=definition, principal_id=principal_id, principal_type="ServicePrincipal"
        )
        self.roles.create(scope or self.scope, str(uuid.uuid4()), wanted)


@pytest.fixture
def grace(lesson: Lesson) -> Grace:
    assert lesson.run("provision", "--yes", "grace") == 0
    return Grace(lesson)


def test_step_by_step(grace: Grace) -> None:
    assert grace.states() == f"{PROVIDED} open open open"
    assert grace.position().next_step == STEPS[3]
    identity = grace.make()
    assert grace.states() == f"{PROVIDED} done open open"
    grace.assign(identity)
    assert grace.states() == f"{PROVIDED} done done open"
    grace.grant(str(identity.principal_id))
    assert grace.states() == f"{PROVIDED} done done done"
    assert grace.position().next_step is None
    assert grace.position().notes == []


def test_a_token_and_a_read_leave_nothing_in_azure(grace: Grace) -> None:
    assert [standing.state for standing in grace.position().standings[6:]] == ["unknown", "unknown"]


def test_before_they_are_provided_for_nothing_is_there(lesson: Lesson) -> None:
    clients = lesson.clients()
    position = position_of(lesson.classroom, lesson.learner("ada"), take_survey(clients), clients.subscription)
    assert [standing.state for standing in position.standings] == ["open"] * 6 + ["unknown"] * 2
    assert position.next_step == STEPS[0]


def test_an_identity_of_another_name_is_named(grace: Grace) -> None:
    grace.make("ID1")
    assert grace.states() == f"{PROVIDED} open open open"
    assert grace.position().notes == ["there is ID1, but no id-grace-hopper"]


def test_a_role_for_the_client_id_is_found(grace: Grace) -> None:
    grace.grant(str(grace.make().client_id))
    assert grace.states() == f"{PROVIDED} done open wrong"
    assert "has to be the principal id" in grace.position().notes[0]


def test_a_role_at_another_scope_is_found(grace: Grace) -> None:
    machine = f"{grace.scope}/providers/Microsoft.Compute/virtualMachines/{grace.me.vm_name}"
    grace.grant(str(grace.make().principal_id), machine)
    assert grace.states() == f"{PROVIDED} done open wrong"
    assert machine in grace.position().notes[0]


def test_a_machine_that_refers_to_a_deleted_identity_is_found(grace: Grace) -> None:
    grace.assign(grace.make())
    grace.identities.delete(grace.group, grace.me.identity_name)
    assert grace.states() == f"{PROVIDED} open wrong open"


def test_a_deleted_machine_is_missing(grace: Grace) -> None:
    identity = grace.make()
    grace.compute.begin_delete(grace.group, grace.me.vm_name).result()
    grace.grant(str(identity.principal_id))
    assert grace.states() == "done done open done open done"


def test_a_learner_who_gave_their_rights_away_is_found(grace: Grace) -> None:
    (mine,) = [
        each for each in grace.roles.list_for_scope(grace.scope, filter="atScope()") if each.scope == grace.scope
    ]
    grace.roles.delete_by_id(mine.id)
    assert grace.states() == "done open done open open open"


def test_a_group_whose_marks_were_changed_is_found(grace: Grace) -> None:
    groups = grace.lesson.client_of("grace", ResourceManagementClient).resource_groups
    tags = dict(groups.get(grace.group).tags or {})
    groups.update(grace.group, ResourceGroupPatchable(tags={**tags, "learner": "ada-lovelace"}))
    assert grace.states().startswith("wrong done done")


def test_names_compare_without_regard_to_case(grace: Grace) -> None:
    identity = grace.make(grace.me.identity_name.upper())
    identity.id = str(identity.id).upper()
    grace.assign(identity)
    grace.grant(str(identity.principal_id), grace.scope.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/"))
    assert grace.states() == f"{PROVIDED} done done done"
