"""Why somebody may or may not: worked out from role assignments as for Azure, it reads as the sandbox says it."""

from __future__ import annotations

import uuid

import pytest

from tests.support.sandbox import RunningSandbox
from workshop.classroom.clients import Clients
from workshop.classroom.decisions import Decision, by_assignments, decider, in_sandbox

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


def plain(decision: Decision) -> tuple[bool, str]:
    """Without regard to case, in which ids are written differently, and to the order of several assignments."""
    first, *others = decision.why.casefold().splitlines()
    return decision.allowed, "\n".join([first, *sorted(others)])


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
def test_both_say_the_same(sandbox: RunningSandbox, clients: Clients, held: dict[str, str]) -> None:
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
    told, derived = in_sandbox(clients), by_assignments(clients)
    for action in ACTIONS:
        for scope in (group, machine):
            mine, theirs = (decide(principal.object_id, action, scope) for decide in (derived, told))
            assert plain(mine) == plain(theirs)


def test_the_sandbox_is_asked_itself(sandbox: RunningSandbox, clients: Clients) -> None:
    decision = decider(clients)(sandbox.seed_data.operator_object_id, READ, sandbox.seed_data.group(GROUP))
    assert decision.allowed
    assert "Owner at" in decision.why


def test_a_group_is_not_inside_one_whose_name_it_begins_with(sandbox: RunningSandbox, clients: Clients) -> None:
    principal, _ = sandbox.add_principal("learner")
    grant(sandbox, principal.object_id, "Reader", sandbox.seed_data.group(GROUP))
    decide = by_assignments(clients)
    assert decide(principal.object_id, READ, sandbox.seed_data.group(GROUP.upper())).allowed
    assert not decide(principal.object_id, READ, sandbox.seed_data.group(f"{GROUP}2")).allowed
