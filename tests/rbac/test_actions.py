import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbac.actions import matches
from rbac.roles import builtin_roles
from tests.rbac import oracle
from tests.rbac.strategies import actions, patterns, quick

READ_VM = "Microsoft.Compute/virtualMachines/read"
USE_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        ("*", READ_VM),
        ("*/read", READ_VM),
        (READ_VM, READ_VM),
        ("microsoft.compute/VIRTUALMACHINES/Read", READ_VM),
        ("Microsoft.Compute/*", READ_VM),
        ("Microsoft.Compute/virtualMachines/*", READ_VM),
        ("Microsoft.Compute/*/read", READ_VM),
        ("Microsoft.Compute/*/read", "Microsoft.Compute/virtualMachines/extensions/read"),
        ("Microsoft.*/read", READ_VM),
        ("*virtualMachines*", READ_VM),
        ("Microsoft.Compute/virtual*s/read", READ_VM),
        ("Microsoft.CostManagement/*/query/*", "Microsoft.CostManagement/externalAccounts/query/action"),
        ("Microsoft.CostManagement/*/query/*", "Microsoft.CostManagement/query/action"),
        ("Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", USE_IDENTITY),
        ("Microsoft.ManagedIdentity/*/*/assign/action", USE_IDENTITY),
        ("Microsoft.Compute/virtualMachines/*/read", READ_VM),
        ("Microsoft.Compute/virtualMachines/**/read", READ_VM),
        ("*a*b*", "ab"),
    ],
)
def test_covers(pattern: str, action: str) -> None:
    assert matches(pattern, action)


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        ("", READ_VM),
        ("*/write", READ_VM),
        ("Microsoft.Compute/virtualMachines", READ_VM),
        ("Microsoft.Compute/virtualMachines/read", READ_VM + "/more"),
        ("Microsoft.Compute/virtualMachines/rea", READ_VM),
        ("Microsoft.Compute/*", "Microsoft.ComputeFleet/fleets/read"),
        ("Microsoft.Compute/*", "Microsoft.Compute"),
        ("Microsoft.Compute/*/read", "Microsoft.Compute/virtualMachines/reader"),
        ("*/read", "Microsoft.Compute/virtualMachines/spread"),
        ("Microsoft.Compute/*/extensions/read", "Microsoft.Compute/virtualMachinesextensions/read"),
        ("Microsoft.Compute/*/read", "Microsoft.Compute/read/write"),
        ("Microsoft.Compute*/read", "Microsoft.Compute"),
        ("MicrosoftXCompute/*", READ_VM),
        ("Microsoft.Compute/virtualMachine?/read", READ_VM),
        ("Microsoft.Compute/virtualMachine[s]/read", READ_VM),
        (".*", READ_VM),
        ("aba*aba", "aba"),
        ("ab*ba", "aba"),
        ("*b*a*", "ab"),
        ("*ab*ab*", "xaby"),
        (READ_VM, "*"),
    ],
)
def test_does_not_cover(pattern: str, action: str) -> None:
    assert not matches(pattern, action)


@pytest.mark.parametrize(("pattern", "action", "covered"), oracle.DOCUMENTED)
def test_what_microsoft_documents(pattern: str, action: str, covered: bool) -> None:
    assert matches(pattern, action) is covered
    assert oracle.covers(pattern, action) is covered


@quick
@given(patterns, actions)
def test_agrees_with_the_oracle_on_whole_segments(pattern: str, action: str) -> None:
    assert matches(pattern, action) is oracle.covers(pattern, action)


some_text = st.lists(st.sampled_from("ab/"), max_size=6).map("".join)
some_stars = st.lists(st.sampled_from("ab/***"), max_size=7).map("".join)


@settings(quick, max_examples=400)
@given(some_stars, some_text)
def test_agrees_with_the_oracle_on_stars_anywhere(pattern: str, action: str) -> None:
    assert matches(pattern, action) is oracle.covers(pattern, action)


BUILTIN_PATTERNS = sorted({p for role in builtin_roles().values() for given in role.permissions for p in given.actions})


@quick
@given(st.sampled_from(BUILTIN_PATTERNS), st.sampled_from(BUILTIN_PATTERNS), actions)
def test_agrees_with_the_oracle_on_the_patterns_of_azure(pattern: str, other: str, filling: str) -> None:
    for action in (pattern.replace("*", filling), pattern.replace("*/", ""), other.replace("*", filling)):
        assert matches(pattern, action) is oracle.covers(pattern, action)


@quick
@given(patterns, actions)
def test_case_does_not_matter(pattern: str, action: str) -> None:
    assert matches(pattern.upper(), action.lower()) is matches(pattern.lower(), action.upper())


@quick
@given(actions)
def test_an_action_covers_itself_and_a_star_covers_all(action: str) -> None:
    assert matches(action, action)
    assert matches("*", action)


def test_a_pattern_made_to_take_for_ever_does_not() -> None:
    assert not matches("*a" * 200 + "*b", "a" * 5_000)
