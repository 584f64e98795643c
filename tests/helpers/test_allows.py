from __future__ import annotations

import pytest
from azure.mgmt.authorization.models import Permission
from hypothesis import given
from hypothesis import strategies as st

from helpers import allows
from tests.rbac.oracle import covers

READ = "Microsoft.Compute/virtualMachines/read"
WRITE = "Microsoft.Compute/virtualMachines/write"


def permission(actions: list[str], not_actions: list[str] | None = None) -> Permission:
    return Permission(actions=actions, not_actions=not_actions)


@pytest.mark.parametrize(
    ("actions", "not_actions", "action", "allowed"),
    [
        (["*"], [], WRITE, True),
        (["*/read"], [], READ, True),
        (["*/read"], [], WRITE, False),
        (["Microsoft.Compute/*/read"], [], READ, True),
        (["microsoft.compute/VIRTUALMACHINES/read"], [], READ, True),
        (["*"], ["Microsoft.Authorization/*/Write"], "Microsoft.Authorization/roleAssignments/write", False),
        (["*"], ["Microsoft.Authorization/*/Write"], READ, True),
        (["Microsoft.Compute/virtualMachines/rea"], [], READ, False),
        (["Microsoft.Compute.virtualMachines/read"], [], READ, False),
        ([], [], READ, False),
    ],
)
def test_one_permission(actions: list[str], not_actions: list[str], action: str, allowed: bool) -> None:
    assert allows([permission(actions, not_actions)], action) is allowed


def test_missing_lists_allow_nothing() -> None:
    assert not allows([Permission()], READ)
    assert not allows([], READ)


def test_what_one_permission_takes_off_another_may_give() -> None:
    assert allows([permission(["*"], [WRITE]), permission([WRITE])], WRITE)
    assert not allows([permission(["*"], [WRITE]), permission([READ])], WRITE)


def test_a_wildcard_in_between_may_stand_for_nothing() -> None:
    """As Managed Identity Operator has it, the role that is made for assigning identities."""
    operator = permission(["Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action"])
    assert allows([operator], "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action")
    assert not allows([operator], "Microsoft.ManagedIdentity/userAssignedIdentities/write")


segment = st.sampled_from(["*", "a", "b", "read", "write"])
pattern = st.lists(segment, min_size=1, max_size=4).map("/".join)
action = st.lists(st.sampled_from(["a", "b", "read", "write"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(st.tuples(st.lists(pattern, max_size=3), st.lists(pattern, max_size=3)), max_size=3), action)
def test_agrees_with_the_rules_written_down_a_second_time(given: list[tuple[list[str], list[str]]], asked: str) -> None:
    expected = any(
        any(covers(each, asked) for each in actions) and not any(covers(each, asked) for each in not_actions)
        for actions, not_actions in given
    )
    assert allows([permission(*each) for each in given], asked) is expected
