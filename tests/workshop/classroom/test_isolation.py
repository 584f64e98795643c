"""One sandbox for the whole class: each learner is Owner of their group, and of nothing and nowhere else.

Asked with Azure's own clients and the credentials that learners get.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup, ResourceGroupPatchable

from helpers import connect, ensure_granted, ensure_identity, ensure_vm
from helpers.connection import Connection
from rbac.roles import OWNER
from tests.helpers.pointing import point_to, unchanged_environment
from tests.workshop.classroom.lesson import Lesson

LOCAL = "2024-05-28"


class Ada:
    """Ada, as an SDK of Azure has her, and what she might ask about a group."""

    def __init__(self, lesson: Lesson, who: str = "ada") -> None:
        self.lesson = lesson
        self.groups = lesson.client_of(who, ResourceManagementClient)
        self.compute = lesson.client_of(who, ComputeManagementClient)
        self.identities = lesson.client_of(who, ManagedServiceIdentityClient)
        self.authorization = lesson.client_of(who, AuthorizationManagementClient)
        self.token = lesson.credential_of(who).get_token("https://management.azure.com/.default").token


@pytest.fixture
def ada(running_lesson: Lesson) -> Ada:
    return Ada(running_lesson)


def scope(lesson: Lesson, who: str) -> str:
    return str(lesson.sandbox.seed_data.group(lesson.learner(who).resource_group))


def granting(lesson: Lesson) -> RoleAssignmentCreateParameters:
    role = f"{lesson.sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
    return RoleAssignmentCreateParameters(
        role_definition_id=role, principal_id=str(uuid.uuid4()), principal_type="ServicePrincipal"
    )


def refused(ask: Callable[[], object]) -> None:
    with pytest.raises(HttpResponseError) as refusal:
        ask()
    assert refusal.value.status_code == 403
    assert refusal.value.error is not None
    assert refusal.value.error.code == "AuthorizationFailed"


def test_lists_hold_what_is_theirs(ada: Ada) -> None:
    mine = ada.lesson.learner("ada")
    assert [group.name for group in ada.groups.resource_groups.list()] == [mine.resource_group]
    assert [machine.name for machine in ada.compute.virtual_machines.list_all()] == [mine.vm_name]
    prefix = scope(ada.lesson, "ada").casefold() + "/"
    assert all(str(each.id).casefold().startswith(prefix) for each in ada.groups.resources.list())
    assert list(ada.identities.user_assigned_identities.list_by_subscription()) == []


@pytest.mark.parametrize("whose", ["grace", "jose"])
def test_another_learners_things_cannot_be_read(ada: Ada, whose: str) -> None:
    other = ada.lesson.learner(whose)
    refused(lambda: ada.groups.resource_groups.get(other.resource_group))
    refused(lambda: ada.compute.virtual_machines.get(other.resource_group, other.vm_name))
    refused(lambda: ada.compute.virtual_machines.instance_view(other.resource_group, other.vm_name))
    refused(lambda: list(ada.compute.virtual_machines.list(other.resource_group)))
    refused(lambda: list(ada.identities.user_assigned_identities.list_by_resource_group(other.resource_group)))
    refused(lambda: list(ada.authorization.role_assignments.list_for_scope(scope(ada.lesson, whose))))


def test_nor_changed(ada: Ada) -> None:
    other = ada.lesson.learner("grace")
    refused(lambda: ada.groups.resource_groups.update(other.resource_group, ResourceGroupPatchable(tags={"a": "b"})))
    refused(lambda: ada.groups.resource_groups.begin_delete(other.resource_group))
    identity = Identity(location="eastus")
    create = ada.identities.user_assigned_identities.create_or_update
    refused(lambda: create(other.resource_group, "mine", identity))
    change = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned"))
    refused(lambda: ada.compute.virtual_machines.begin_update(other.resource_group, other.vm_name, change))
    refused(lambda: ada.compute.virtual_machines.begin_power_off(other.resource_group, other.vm_name))


def test_nor_given_away(ada: Ada) -> None:
    wanted = granting(ada.lesson)
    create = ada.authorization.role_assignments.create
    refused(lambda: create(scope(ada.lesson, "grace"), str(uuid.uuid4()), wanted))
    refused(lambda: create(ada.lesson.sandbox.seed_data.subscription, str(uuid.uuid4()), wanted))


def test_nothing_outside_their_group_is_theirs(ada: Ada) -> None:
    refused(lambda: ada.groups.resource_groups.create_or_update("another", ResourceGroup(location="eastus")))
    refused(lambda: ada.groups.resource_groups.get("contosoPayroll"))
    refused(lambda: ada.compute.virtual_machines.get("myResourceGroupVM", "myVM"))
    refused(lambda: list(ada.compute.usage.list("eastus")))


def test_where_anothers_metadata_service_listens_is_not_told(ada: Ada) -> None:
    sandbox, seed_data = ada.lesson.sandbox, ada.lesson.sandbox.seed_data
    services = f"{seed_data.subscription}/providers/Sandbox.Local/metadataServices"
    told = sandbox.arm("GET", services, token=ada.token, version=LOCAL).json()["value"]
    assert [each["id"].split("/")[4] for each in told] == [ada.lesson.learner("ada").resource_group]
    machine = f"{scope(ada.lesson, 'grace')}/providers/Microsoft.Compute/virtualMachines/vm-grace-hopper"
    answer = sandbox.arm("GET", f"{machine}/providers/Sandbox.Local/metadataService", token=ada.token, version=LOCAL)
    assert answer.status_code == 403
    assert "127.0.0.1" not in answer.text


def test_principals_are_the_trainers_business(ada: Ada) -> None:
    sandbox = ada.lesson.sandbox
    principals = f"{sandbox.seed_data.subscription}/providers/Sandbox.Local/principals"
    name = "class.friday.grace-hopper"
    asked = [("GET", ""), ("PUT", "/friend"), ("DELETE", f"/{name}"), ("POST", f"/{name}/resetSecret")]
    answers = [sandbox.arm(method, f"{principals}{path}", token=ada.token, version=LOCAL) for method, path in asked]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert ada.lesson.credential_of("grace").get_token("https://management.azure.com/.default")


def test_one_cannot_sign_in_as_another(running_lesson: Lesson) -> None:
    ada, grace = (running_lesson.folder.of(running_lesson.learner(who)).read_environment() for who in ("ada", "grace"))
    assert ada is not None and grace is not None
    mixed = running_lesson.sandbox.credential(grace["AZURE_CLIENT_ID"], ada["AZURE_CLIENT_SECRET"])
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        mixed.get_token("https://management.azure.com/.default")


def test_why_somebody_else_may_do_something_is_not_told(ada: Ada) -> None:
    sandbox = ada.lesson.sandbox
    question = {"principalId": sandbox.seed_data.operator_object_id, "action": "Microsoft.Compute/virtualMachines/read"}
    path = f"{scope(ada.lesson, 'grace')}/providers/Sandbox.Local/explain"
    assert sandbox.arm("POST", path, question, token=ada.token, version=LOCAL).status_code == 403


def test_an_identity_of_ones_own_reaches_ones_own_group_only(
    running_lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = running_lesson.folder.of(running_lesson.learner("jose")).read_environment()
    assert kept is not None
    point_to(
        running_lesson.sandbox,
        monkeypatch,
        client_id=kept["AZURE_CLIENT_ID"],
        secret=kept["AZURE_CLIENT_SECRET"],
    )
    with unchanged_environment():
        connection = connect("sandbox")
        mine, token = identity_token(connection, running_lesson)
        own = f"https://management.azure.com{scope(running_lesson, 'jose')}?api-version=2021-04-01"
        other = own.replace(mine, running_lesson.learner("grace").resource_group)
        answers = [connection.session().get(url, headers={"Authorization": f"Bearer {token}"}) for url in (own, other)]
    assert [answer.status_code for answer in answers] == [200, 403]


def identity_token(connection: Connection, lesson: Lesson) -> tuple[str, str]:
    """What the course does up to the token, as José; his group and the token."""
    me = lesson.learner("jose")
    identity = ensure_identity(connection, me.resource_group, me.identity_name, "eastus")
    vm = ensure_vm(connection, me.resource_group, me.vm_name, "eastus", identity)
    ensure_granted(connection, identity, scope(lesson, "jose"), "Reader")
    url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
    query = f"&client_id={identity.client_id}&resource=https://management.azure.com/"
    answer = connection.on_vm(str(vm.id)).get(url + query, headers={"Metadata": "true"})
    return me.resource_group, answer.json()["access_token"]


def test_the_trainer_sees_all(running_lesson: Lesson) -> None:
    sandbox = running_lesson.sandbox
    groups = {group.name for group in sandbox.client(ResourceManagementClient).resource_groups.list()}
    machines = {machine.name for machine in sandbox.client(ComputeManagementClient).virtual_machines.list_all()}
    assert groups >= {learner.resource_group for learner in running_lesson.classroom.learners}
    assert machines >= {learner.vm_name for learner in running_lesson.classroom.learners}


def test_learners_manage_what_is_theirs(ada: Ada) -> None:
    mine = ada.lesson.learner("ada")
    made = ada.identities.user_assigned_identities.create_or_update(
        mine.resource_group, "spare", Identity(location="eastus")
    )
    own = scope(ada.lesson, "ada")
    grant = ada.authorization.role_assignments.create(own, str(uuid.uuid4()), granting(ada.lesson))
    ada.authorization.role_assignments.delete_by_id(grant.id)
    ada.identities.user_assigned_identities.delete(mine.resource_group, "spare")
    assert made.principal_id
