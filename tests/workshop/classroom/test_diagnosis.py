"""``help``: what is the matter with one learner, and why a call is refused, told as the sandbox itself says it."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient

from rbac.roles import Permission
from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.lesson import Grace, Lesson
from workshop.classroom.clients import Clients
from workshop.classroom.diagnosis import AccessCheck, AccessChecker, read_refusal

Capture = pytest.CaptureFixture[str]
LINKED = (
    "The client 'c' with object id '11111111-2222-3333-4444-555555555555' has permission to perform action "
    "'Microsoft.Compute/virtualMachines/write' on scope '/x'; however, it does not have permission to perform action "
    "'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '/y' or the linked "
    "scope(s) are invalid."
)


@pytest.fixture
def grace(lesson: Lesson, capsys: Capture) -> Grace:
    assert lesson.run("provision", "--yes", "grace-hopper", "ada-lovelace") == 0
    capsys.readouterr()
    return Grace(lesson)


def test_who_has_just_begun_may_do_all_that_the_course_asks(grace: Grace, capsys: Capture) -> None:
    assert grace.lesson.run("help", "grace") == 0
    said = capsys.readouterr().out
    assert "vm-grace-hopper: VM running" in said
    assert "Next is that they have made their identity: Notebook 01" in said
    assert "may not" not in said


def test_the_identitys_read_is_explained_before_and_after_the_grant(grace: Grace, capsys: Capture) -> None:
    identity = grace.make()
    assert grace.lesson.run("help", "grace") == 0
    said = capsys.readouterr().out
    assert f"{identity.principal_id} may not perform the action Microsoft.Resources" in said
    assert "No role assignment was found for it here." in said
    grace.grant(str(identity.principal_id))
    assert grace.lesson.run("help", "grace") == 0
    assert "may not" not in capsys.readouterr().out


def test_lost_rights_are_explained(grace: Grace, capsys: Capture) -> None:
    (mine,) = [
        each for each in grace.roles.list_for_scope(grace.scope, filter="atScope()") if each.scope == grace.scope
    ]
    grace.roles.delete_by_id(mine.id)
    assert grace.lesson.run("help", "hopper") == 0
    said = capsys.readouterr().out
    assert said.count("may not perform the action") == 4
    command = f"python -m workshop provision --yes --folder {grace.lesson.folder.path}"
    assert f"Next is that they are its Owner: '{command}' brings it about" in said
    assert grace.lesson.run("provision", "--yes", "grace-hopper") == 0
    assert "Owner of it" in capsys.readouterr().out


def test_a_stopped_machine_is_named(grace: Grace, capsys: Capture) -> None:
    grace.compute.begin_deallocate(grace.group, grace.me.vm_name).result()
    assert grace.lesson.run("help", "grace") == 0
    assert "vm-grace-hopper: VM deallocated" in capsys.readouterr().out


@pytest.mark.parametrize("by", ["option", "input"])
def test_a_refusal_that_a_learner_got_is_explained(
    grace: Grace, capsys: Capture, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    theirs = grace.lesson.client_of("grace", ResourceManagementClient)
    with pytest.raises(HttpResponseError) as refused:
        theirs.resource_groups.get("friday-ada-lovelace")
    text = str(refused.value)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert grace.lesson.run("help", "grace", "--refusal", text if by == "option" else "-") == 0
    said = capsys.readouterr().out
    assert "Asked by Grace Hopper, as the learner." in said
    assert "its scope does not reach this far" in said


def test_it_is_said_who_was_refused(grace: Grace, capsys: Capture) -> None:
    identity = grace.make()
    refusal = (
        "The client 'c' with object id '{}' does not have authorization to perform action 'a/read' over scope "
        f"'{grace.scope}' or the scope is invalid."
    )
    assert grace.lesson.run("help", "ada", "--refusal", refusal.format(identity.principal_id)) == 0
    assert "Asked by the identity id-grace-hopper of Grace Hopper." in capsys.readouterr().out
    assert grace.lesson.run("help", "ada", "--refusal", refusal.format(uuid.uuid4())) == 0
    assert "Asked by nobody of this class" in capsys.readouterr().out


def test_a_refusal_to_use_an_identity_names_the_linked_action() -> None:
    call = read_refusal(LINKED)
    assert call is not None
    assert call.action.endswith("/assign/action")
    assert call.scope == "/y"


def test_a_learner_who_is_not_there_is_named(lesson: Lesson) -> None:
    assert lesson.run("help", "nobody") == 2


def test_without_a_machine_there_is_none(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    learner = lesson.learner("ada")
    machines = lesson.client_of("ada", ComputeManagementClient).virtual_machines
    machines.begin_delete(learner.resource_group, learner.vm_name).result()
    capsys.readouterr()
    assert lesson.run("help", "ada") == 0
    assert "vm-ada-lovelace: is not there" in capsys.readouterr().out


GROUP = "myResourceGroupVM"
ROLES = {
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
}
READ = "Microsoft.Resources/subscriptions/resourceGroups/read"
ACTIONS = (
    READ,
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Authorization/roleAssignments/write",
)


def grant(sandbox: RunningSandbox, principal: str, role: str, scope: str) -> None:
    definition = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"
    wanted = {"properties": {"principalId": principal, "roleDefinitionId": definition}}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    assert sandbox.arm("PUT", path, wanted).status_code == 201


def explained(sandbox: RunningSandbox, check: AccessCheck) -> tuple[bool, str]:
    """What the sandbox itself says."""
    path = f"{check.scope}/providers/Sandbox.Local/explain"
    answer = sandbox.arm("POST", path, {"principalId": check.who, "action": check.action}, version="2024-05-28").json()
    return answer["allowed"], plain(answer["why"])


def plain(why: str) -> str:
    """Without regard to case, in which ids are written differently, and to the order of several assignments."""
    first, *others = why.casefold().splitlines()
    return "\n".join([first, *sorted(others)])


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"Reader": "group"},
        {"Contributor": "group"},
        {"Reader": "subscription", "Contributor": "elsewhere"},
        {"Managed Identity Operator": "group"},
        {"User Access Administrator": "machine"},
        {"Reader": "machine", "Contributor": "group", "User Access Administrator": "elsewhere"},
    ],
)
def test_it_says_the_same_as_the_sandbox(sandbox: RunningSandbox, clients: Clients, held: dict[str, str]) -> None:
    principal, _ = sandbox.add_principal("learner")
    group = sandbox.seed_data.group(GROUP)
    machine = f"{group}/providers/Microsoft.Compute/virtualMachines/myVM"
    scopes = {
        "subscription": sandbox.seed_data.subscription,
        "group": group,
        "machine": machine,
        "elsewhere": sandbox.seed_data.group("contosoPayroll"),
    }
    for role, where in held.items():
        grant(sandbox, principal.object_id, role, scopes[where])
    checker = AccessChecker(clients)
    for action in ACTIONS:
        for scope in (group, machine):
            check = AccessCheck("a call", principal.object_id, action, scope)
            decision = checker.decide(check)
            assert (decision.allowed, plain(decision.why())) == explained(sandbox, check)


def test_what_is_allowed_under_a_condition_is_not_taken_for_allowed(
    sandbox: RunningSandbox, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, _ = sandbox.add_principal("learner")
    grant(sandbox, principal.object_id, "Reader", sandbox.seed_data.group(GROUP))

    def make_conditional() -> None:
        roles = sandbox.cloud.roles
        only = Permission(actions=("*/read",), condition="@Resource[x] StringEquals 'y'")
        reader = replace(roles.by_id[ROLES["Reader"]], permissions=(only,))
        monkeypatch.setattr(roles, "_built_in", {**roles.by_id, reader.id: reader})
        roles.forget()

    sandbox.on_loop(make_conditional)
    check = AccessCheck("a call", principal.object_id, READ, sandbox.seed_data.group(GROUP))
    decision = AccessChecker(clients).decide(check)
    assert not decision.allowed and "only under a condition" in decision.why()
    assert (False, plain(decision.why())) == explained(sandbox, check)


def test_a_role_above_the_scope_counts(sandbox: RunningSandbox, clients: Clients) -> None:
    check = AccessCheck("a call", sandbox.seed_data.operator_object_id, READ, sandbox.seed_data.group(GROUP))
    decision = AccessChecker(clients).decide(check)
    assert decision.allowed
    assert "Owner at" in decision.why()


def test_a_group_is_not_inside_one_whose_name_it_begins_with(sandbox: RunningSandbox, clients: Clients) -> None:
    principal, _ = sandbox.add_principal("learner")
    grant(sandbox, principal.object_id, "Reader", sandbox.seed_data.group(GROUP))
    checker = AccessChecker(clients)
    inside, beside = (
        AccessCheck("a call", principal.object_id, READ, sandbox.seed_data.group(name))
        for name in (GROUP.upper(), f"{GROUP}2")
    )
    assert checker.decide(inside).allowed
    assert not checker.decide(beside).allowed


def test_how_to_start_a_stopped_machine_is_said(lesson: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    assert lesson.run("provision", "--yes", "grace-hopper") == 0
    grace = Grace(lesson)
    grace.compute.begin_power_off(grace.group, grace.me.vm_name).result()
    assert lesson.run("help", "grace") == 0
    said = capsys.readouterr().out
    assert "vm-grace-hopper: VM stopped" in said
    assert "az vm start --resource-group friday-grace-hopper --name vm-grace-hopper" in said


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ('{"error": {"code": "RoleAssignmentExists", "message": "The role assignment already exists."}}', "already"),
        ("(PrincipalNotFound) Principal 1234 does not exist in the directory", "principalType"),
        ("invalid_client: AADSTS7000215: Invalid client secret provided.", "client secret is wrong"),
        ('{"error": "invalid_request", "error_description": "Identity not found"}', "does not have this identity"),
        ("It was a dark and stormy night.", "not known here"),
    ],
)
def test_help_knows_refusals_of_all_services_and_shows_the_learner_in_any_case(
    running_lesson: Lesson, capsys: pytest.CaptureFixture[str], refusal: str, advice: str
) -> None:
    assert running_lesson.run("help", "grace", "--refusal", refusal) == 0
    said = capsys.readouterr().out
    assert "Grace Hopper (grace-hopper), in friday-grace-hopper" in said
    assert advice in said
