from collections.abc import Iterator

import pytest

from rbac.decisions import Assignment, Consideration, Decision, decide, effective_permissions, is_allowed
from rbac.roles import Permission, RoleDefinition, builtin_roles

ME = "aaaaaaaa-0000-4000-8000-000000000001"
SOMEONE = "bbbbbbbb-0000-4000-8000-000000000002"

SUB = "/subscriptions/s"
GROUP = f"{SUB}/resourceGroups/rg1"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/myVM"
READ = "Microsoft.Compute/virtualMachines/read"
WRITE = "Microsoft.Compute/virtualMachines/write"


def role(number: int, name: str, *permissions: Permission) -> RoleDefinition:
    guid = f"{number:08}-0000-4000-8000-000000000000"
    return RoleDefinition(guid, name, "", "CustomRole", ("/",), permissions, None, None)


READER = role(1, "Looker", Permission(actions=("*/read",)))
BUILDER = role(2, "Builder", Permission(actions=("*",), not_actions=("*/delete", "Microsoft.Compute/*/write")))
WRITER = role(3, "Writer", Permission(actions=("Microsoft.Compute/*/write",)))
DATA = role(4, "Data reader", Permission(data_actions=("*",), not_data_actions=("*/write",)))
TWOFOLD = role(5, "Twofold", BUILDER.permissions[0], WRITER.permissions[0])
CONDITIONAL = role(6, "Conditional", Permission(actions=("*",), condition="a condition"))
HELD_APART = role(7, "Apart", Permission(actions=("*",), not_actions=("*",)), Permission(data_actions=("*",)))
ROLES = {r.id: r for r in (READER, BUILDER, WRITER, DATA, TWOFOLD, CONDITIONAL, HELD_APART)}
GONE = "99999999-0000-4000-8000-000000000000"


def held(given: RoleDefinition, scope: str = GROUP, principal: str = ME) -> Assignment:
    return Assignment(f"{given.name}@{scope}", scope, principal, given.id)


def ask(*assignments: Assignment, action: str = READ, scope: str = VM, data: bool = False) -> Decision:
    return decide(principal_id=ME, action=action, scope=scope, assignments=assignments, roles=ROLES, data=data)


@pytest.mark.parametrize("scope", ["/", SUB, GROUP, VM, VM.upper(), GROUP.lower() + "/"])
def test_a_role_reaches_everything_inside_its_scope(scope: str) -> None:
    assert ask(held(READER, scope)).allowed


@pytest.mark.parametrize(
    "scope",
    [
        f"{SUB}/resourceGroups/rg10",
        f"{SUB}/resourceGroups/rg",
        "/subscriptions/other",
        VM + "2",
        f"{VM}/extensions/e",
        "/providers/Microsoft.Management/managementGroups/mg",
    ],
)
def test_a_role_elsewhere_allows_nothing_here(scope: str) -> None:
    assert not ask(held(READER, scope)).allowed


def test_nothing_is_allowed_without_an_assignment() -> None:
    decision = ask()
    assert not decision.allowed
    assert decision.considered == ()


def test_the_roles_of_others_are_passed_over() -> None:
    decision = ask(held(READER, principal=SOMEONE))
    assert not decision.allowed
    assert decision.considered == ()


def test_principals_compare_without_case() -> None:
    assert ask(held(READER, principal=ME.upper())).allowed


def test_a_role_may_be_named_by_its_full_id() -> None:
    full_id = f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{READER.id.upper()}"
    assert ask(Assignment("a", GROUP, ME, full_id)).allowed


def test_not_actions_narrow_their_own_permission() -> None:
    assert ask(held(BUILDER)).allowed
    assert not ask(held(BUILDER), action=WRITE).allowed


def test_not_actions_are_no_denial_for_another_role_or_permission() -> None:
    assert ask(held(BUILDER), held(WRITER), action=WRITE).allowed
    assert ask(held(WRITER), held(BUILDER), action=WRITE).allowed
    assert ask(held(TWOFOLD), action=WRITE).allowed


def test_another_role_only_helps_inside_its_own_scope() -> None:
    assert not ask(held(BUILDER), held(WRITER, f"{SUB}/resourceGroups/rg10"), action=WRITE).allowed


def test_actions_and_data_actions_are_kept_apart() -> None:
    assert not ask(held(DATA)).allowed
    assert ask(held(DATA), data=True).allowed
    assert not ask(held(DATA), action=WRITE, data=True).allowed
    assert not ask(held(READER), data=True).allowed
    assert ask(held(HELD_APART), data=True).allowed
    assert not ask(held(HELD_APART)).allowed


def test_an_unknown_role_is_considered_and_grants_nothing() -> None:
    decision = ask(Assignment("a", GROUP, ME, GONE))
    assert not decision.allowed
    assert decision.considered == (
        Consideration("a", GONE, None, GROUP, True, allowed_by=None, removed_by=None, condition=None),
    )


def test_a_permission_under_a_condition_grants_nothing() -> None:
    decision = ask(held(CONDITIONAL))
    assert not decision.allowed
    assert decision.considered[0].condition == "a condition"


def test_every_assignment_is_accounted_for() -> None:
    elsewhere = held(READER, f"{SUB}/resourceGroups/rg10")
    decision = ask(held(BUILDER), elsewhere, held(DATA), held(TWOFOLD), action=WRITE)
    told = [(e.role_name, e.scope_applies, e.allowed_by, e.removed_by, e.grants) for e in decision.considered]
    assert told == [
        ("Builder", True, "*", "Microsoft.Compute/*/write", False),
        ("Looker", False, None, None, False),
        ("Data reader", True, None, None, False),
        ("Twofold", True, "Microsoft.Compute/*/write", None, True),
    ]
    assert decision.allowed


def test_the_reason_is_told_even_if_a_later_permission_says_nothing() -> None:
    decision = ask(held(TWOFOLD), action="Microsoft.Storage/storageAccounts/delete")
    assert [(e.allowed_by, e.removed_by) for e in decision.considered] == [("*", "*/delete")]


def test_is_allowed_looks_no_further_than_it_must() -> None:
    def assignments() -> Iterator[Assignment]:
        yield held(WRITER)
        yield held(READER)
        raise AssertionError("looked on after the answer was known")

    assert is_allowed(principal_id=ME, action=READ, scope=VM, assignments=assignments(), roles=ROLES)


def test_why_it_was_allowed() -> None:
    assert ask(held(WRITER), held(READER)).why() == (
        f"{ME} may perform the action {READ} at {VM}.\n"
        f"Looker@{GROUP}: Looker at {GROUP} covers the action with '*/read'."
    )


def test_why_it_was_refused() -> None:
    other = f"{SUB}/resourceGroups/rg10"
    gone = Assignment("old", GROUP, ME, GONE)
    refused = ask(held(BUILDER), held(WRITER, other), held(READER), held(CONDITIONAL), gone, action=WRITE)
    assert refused.why().splitlines() == [
        f"{ME} may not perform the action {WRITE} at {VM}.",
        f"Builder@{GROUP}: Builder at {GROUP} covers the action with '*', "
        "but leaves it out with 'Microsoft.Compute/*/write'.",
        f"Writer@{other}: Writer at {other} covers the action with 'Microsoft.Compute/*/write', "
        "but its scope does not reach this far.",
        f"Looker@{GROUP}: Looker at {GROUP} does not cover the action.",
        f"Conditional@{GROUP}: Conditional at {GROUP} covers the action with '*', "
        "but only under a condition, and conditions are not evaluated here.",
        f"old grants nothing: the role {GONE} is not known.",
    ]


def test_why_nothing_was_found() -> None:
    assert ask(data=True).why() == (
        f"{ME} may not perform the data action {READ} at {VM}.\nNo role assignment was found for it here."
    )


def test_effective_permissions_has_an_element_for_each_effective_assignment() -> None:
    assignments = [
        held(READER, SUB),
        held(READER),
        held(TWOFOLD, VM),
        held(WRITER, f"{SUB}/resourceGroups/rg10"),
        held(DATA, f"{VM}/extensions/e"),
        Assignment("old", GROUP, ME, GONE),
    ]
    reader, twofold = READER.permissions, TWOFOLD.permissions
    assert effective_permissions(assignments, ROLES, VM) == [*reader, *reader, *twofold]
    assert effective_permissions(assignments, ROLES, GROUP) == [*reader, *reader]
    assert effective_permissions([], ROLES, VM) == []


def test_the_quickstart_in_short() -> None:
    """Reader on one group: that group may be read; another group, and a write, may not."""
    reader = Assignment("a", GROUP, ME, "acdd72a7-3385-48ef-bd42-f606fba81ae7")

    def may(verb: str, scope: str, *assignments: Assignment) -> bool:
        action = f"Microsoft.Resources/subscriptions/resourceGroups/{verb}"
        return is_allowed(principal_id=ME, action=action, scope=scope, assignments=assignments, roles=builtin_roles())

    assert not may("read", GROUP)
    assert may("read", GROUP, reader)
    assert not may("write", GROUP, reader)
    assert not may("read", f"{SUB}/resourceGroups/rg10", reader)
    assert not may("read", SUB, reader)
