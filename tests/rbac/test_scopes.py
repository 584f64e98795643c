import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbac.folding import fold
from rbac.scopes import ancestors, canonical, contains, segments
from tests.rbac import oracle
from tests.rbac.strategies import assignable_scopes, paths, quick, scopes

SUB = "/subscriptions/s"
GROUP = f"{SUB}/resourcegroups/rg1"
VM = f"{GROUP}/providers/microsoft.compute/virtualmachines/vm"


@pytest.mark.parametrize(
    ("resource_id", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/Subscriptions/S/resourceGroups/RG1", GROUP),
        ("subscriptions/s/resourcegroups/rg1", GROUP),
        ("/subscriptions/s/resourcegroups/rg1/", GROUP),
        ("//subscriptions//s/resourcegroups/rg1//", GROUP),
        ("/subscriptions/s/resourceGroups/Straße", "/subscriptions/s/resourcegroups/straße"),
        ("/subscriptions/s/resourceGroups/ÅNGSTRÖM", "/subscriptions/s/resourcegroups/ångström"),
    ],
)
def test_canonical(resource_id: str, expected: str) -> None:
    assert canonical(resource_id) == expected


def test_segments() -> None:
    assert segments("/") == ()
    assert segments("/Subscriptions/S/") == ("subscriptions", "s")


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("/", "/", True),
        ("/", VM, True),
        (SUB, GROUP, True),
        (GROUP, VM, True),
        (VM, VM, True),
        (GROUP.upper(), VM, True),
        (GROUP + "/", VM, True),
        (VM, GROUP, False),
        (GROUP, "/", False),
        ("/subscriptions/s", "/subscriptions/s2", False),
        (GROUP, f"{SUB}/resourcegroups/rg10", False),
        (f"{SUB}/resourcegroups/rg10", GROUP, False),
        (GROUP, f"{SUB}/resourcegroups/rg10/providers/microsoft.compute/virtualmachines/vm", False),
        (f"{SUB}/resourceGroups/straße", f"{SUB}/resourceGroups/strasse", False),
        ("/providers/Microsoft.Management/managementGroups/mg", SUB, False),
    ],
)
def test_contains(outer: str, inner: str, expected: bool) -> None:
    assert contains(outer, inner) is expected


MANAGEMENT_GROUP = "/providers/microsoft.management/managementgroups/mg"
EXTENSION = f"{VM}/extensions/e"
GRANT = "/providers/microsoft.authorization/roleassignments/g"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/", ["/"]),
        (SUB, ["/", SUB]),
        ("/Subscriptions/S/resourceGroups/RG1/", ["/", SUB, GROUP]),
        (VM, ["/", SUB, GROUP, VM]),
        (EXTENSION, ["/", SUB, GROUP, VM, EXTENSION]),
        (VM + GRANT, ["/", SUB, GROUP, VM, VM + GRANT]),
        (EXTENSION + GRANT, ["/", SUB, GROUP, VM, EXTENSION, EXTENSION + GRANT]),
        (GROUP + GRANT, ["/", SUB, GROUP, GROUP + GRANT]),
        (SUB + GRANT, ["/", SUB, SUB + GRANT]),
        (GRANT, ["/", GRANT]),
        (MANAGEMENT_GROUP, ["/", MANAGEMENT_GROUP]),
        (MANAGEMENT_GROUP + GRANT, ["/", MANAGEMENT_GROUP, MANAGEMENT_GROUP + GRANT]),
        # collections and other places that cannot carry a role
        ("/subscriptions", ["/"]),
        (f"{SUB}/resourcegroups", ["/", SUB]),
        (f"{SUB}/locations/westeurope", ["/", SUB]),
        (f"{GROUP}/providers", ["/", SUB, GROUP]),
        (f"{GROUP}/providers/microsoft.compute", ["/", SUB, GROUP]),
        (f"{GROUP}/providers/microsoft.compute/virtualmachines", ["/", SUB, GROUP]),
        (f"{VM}/extensions", ["/", SUB, GROUP, VM]),
        (f"{VM}/providers/microsoft.authorization/roleassignments", ["/", SUB, GROUP, VM]),
        (f"{GROUP}/providers/a/providers/b/type/name", ["/", SUB, GROUP]),
        ("/resourcegroups/rg1", ["/"]),
        # "providers" as a name is a name
        (f"{SUB}/resourcegroups/providers", ["/", SUB, f"{SUB}/resourcegroups/providers"]),
        (f"{GROUP}/providers/a/b/providers", ["/", SUB, GROUP, f"{GROUP}/providers/a/b/providers"]),
    ],
)
def test_ancestors(scope: str, expected: list[str]) -> None:
    assert list(ancestors(scope)) == expected


@quick
@given(scopes)
def test_ancestors_are_exactly_the_assignable_scopes_that_contain(scope: str) -> None:
    assert list(ancestors(scope)) == oracle.ancestors(scope)


@quick
@given(scopes, assignable_scopes)
def test_an_assignable_scope_contains_what_it_is_an_ancestor_of(inner: str, outer: str) -> None:
    assert contains(outer, inner) is (canonical(outer) in ancestors(inner))


@quick
@given(scopes, scopes)
def test_contains_agrees_with_the_oracle(outer: str, inner: str) -> None:
    assert contains(outer, inner) is oracle.inside(outer, inner)


@quick
@given(scopes, scopes, scopes)
def test_contains_is_a_partial_order(a: str, b: str, c: str) -> None:
    assert contains(a, a)
    if contains(a, b) and contains(b, a):
        assert canonical(a) == canonical(b)
    if contains(a, b) and contains(b, c):
        assert contains(a, c)


@quick
@given(assignable_scopes.filter(lambda scope: scope != "/"), st.text("0123456789abc-", min_size=1))
def test_a_longer_name_is_another_scope(scope: str, suffix: str) -> None:
    assert not contains(scope, scope + suffix)
    assert not contains(scope + suffix, scope)


@quick
@given(st.one_of(scopes, paths, st.text("/aAßẞİΣςÅ .%")))
def test_canonical_is_a_fixed_point_and_blind_to_slashes_at_the_ends(resource_id: str) -> None:
    once = canonical(resource_id)
    assert canonical(once) == once == canonical(f"/{resource_id}/")
    assert once.startswith("/")
    assert once == "/" or not once.endswith("/")


def test_folding_any_character_gives_one_that_folding_leaves_alone() -> None:
    folded = fold("".join(map(chr, range(0x20000))))  # no character beyond these has an upper or lower case
    assert len(folded) == 0x20000
    assert fold(folded) == folded
