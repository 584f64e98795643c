"""The laws of the identity block."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbac.scopes import canonical
from sandbox.arm.compute.identity_block import IdentityRequest, merge, read_identity, show_type
from sandbox.core.errors import AzureError

PREFIX = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
ids = st.sampled_from([PREFIX + name for name in ("a", "b", "c", "d")])
cased = ids.flatmap(lambda text: st.sampled_from([text, text.upper(), text.lower()]))
id_sets = st.lists(cased, unique_by=canonical, max_size=4).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | cased,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | cased, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def requests(draw: st.DrawFn, *, user: bool | None = None) -> IdentityRequest:
    wants_user = draw(st.booleans()) if user is None else user
    entries = draw(id_sets)
    removed = tuple(identity_id for identity_id in entries if draw(st.booleans()) or not wants_user)
    named = tuple(identity_id for identity_id in entries if identity_id not in removed)
    return IdentityRequest(draw(st.booleans()), wants_user, named, removed, has_map=bool(entries))


def canonical_set(identity_ids: Any) -> set[str]:
    return {canonical(identity_id) for identity_id in identity_ids}


def merged(current: tuple[str, ...], request: IdentityRequest, replace: bool) -> tuple[str, ...] | None:
    try:
        return merge(current, request, replace=replace)
    except AzureError as error:
        assert error.code == "MissingIdentityIds"
        return None


@given(id_sets, requests(), st.booleans())
def test_the_same_request_again_changes_nothing(
    current: tuple[str, ...], request: IdentityRequest, replace: bool
) -> None:
    once = merged(current, request, replace)
    if once is not None:
        assert merged(once, request, replace) == once


@given(id_sets, requests(user=True))
def test_patch_is_union_with_the_named_less_the_removed(current: tuple[str, ...], request: IdentityRequest) -> None:
    result = merged(current, request, replace=False)
    expected = (canonical_set(current) | canonical_set(request.named)) - canonical_set(request.removed)
    assert canonical_set(result or ()) == expected
    assert len(result or ()) == len(expected)


@given(id_sets, requests(user=True))
def test_put_with_a_map_has_just_what_it_names(current: tuple[str, ...], request: IdentityRequest) -> None:
    if request.has_map:
        assert (merged(current, request, replace=True) or ()) == request.named


@given(id_sets, requests(user=False), st.booleans())
def test_a_type_without_user_assigned_drops_them_all(
    current: tuple[str, ...], request: IdentityRequest, replace: bool
) -> None:
    assert merge(current, request, replace=replace) == ()


@given(id_sets, cased)
def test_null_for_what_is_not_there_changes_nothing(current: tuple[str, ...], absent: str) -> None:
    others = tuple(identity_id for identity_id in current if canonical(identity_id) != canonical(absent))
    request = IdentityRequest(False, True, removed=(absent,), has_map=True)
    assert merge(others, request, replace=False) == others


@given(id_sets, id_sets)
def test_what_stays_keeps_its_case_and_order(current: tuple[str, ...], named: tuple[str, ...]) -> None:
    request = IdentityRequest(False, True, named=named, has_map=True)
    if current or named:
        assert merge(current, request, replace=False)[: len(current)] == current


@given(st.booleans(), st.booleans())
def test_user_assigned_without_a_map_keeps_them(system: bool, replace: bool) -> None:
    request = IdentityRequest(system, True)
    assert merge((PREFIX + "a",), request, replace=replace) == (PREFIX + "a",)
    with pytest.raises(AzureError) as refused:
        merge((), request, replace=replace)
    assert (refused.value.status, refused.value.code) == (400, "MissingIdentityIds")


def test_removing_the_last_one_leaves_no_type() -> None:
    request = IdentityRequest(False, True, removed=(PREFIX + "A",), has_map=True)
    assert merge((PREFIX + "a",), request, replace=False) == ()
    assert show_type(False, False) is None
    assert show_type(True, False) == "SystemAssigned"
    assert show_type(False, True) == "UserAssigned"
    assert show_type(True, True) == "SystemAssigned, UserAssigned"


@pytest.mark.parametrize(
    ("text", "system", "user"),
    [
        ("SystemAssigned", True, False),
        ("userAssigned", False, True),
        ("SystemAssigned, UserAssigned", True, True),
        ("SystemAssigned,UserAssigned", True, True),
        ("userassigned ,\tsystemassigned", True, True),
        ("None", False, False),
        ("NONE", False, False),
    ],
)
def test_types_compare_without_case_and_spaces(text: str, system: bool, user: bool) -> None:
    request = read_identity({"type": text})
    assert (request.system, request.user, request.has_map) == (system, user, False)


@pytest.mark.parametrize("text", ["", "Nobody", "None, UserAssigned", "UserAssigned,", 1, ["UserAssigned"], {}])
def test_other_types_are_refused(text: Any) -> None:
    with pytest.raises(AzureError) as refused:
        read_identity({"type": text})
    assert (refused.value.status, refused.value.code) == (400, "InvalidRequestContent")


def test_null_and_empty_entries_are_told_apart() -> None:
    request = read_identity({"type": "UserAssigned", "userAssignedIdentities": {PREFIX + "a": {}, PREFIX + "b": None}})
    assert (request.named, request.removed, request.has_map) == ((PREFIX + "a",), (PREFIX + "b",), True)
    assert read_identity({"type": "UserAssigned", "userAssignedIdentities": {}}).has_map
    assert not read_identity({"type": "UserAssigned", "userAssignedIdentities": None}).has_map


def test_an_identity_named_twice_is_refused() -> None:
    entries: dict[str, Any] = {PREFIX + "a": {}, PREFIX.lower() + "A": {}}
    with pytest.raises(AzureError) as refused:
        read_identity({"type": "UserAssigned", "userAssignedIdentities": entries})
    assert (refused.value.status, refused.value.code) == (400, "DuplicateIdentityIds")
    assert PREFIX.lower() + "A" in refused.value.message


@pytest.mark.parametrize("kind", ["SystemAssigned", "None"])
def test_identities_that_the_type_excludes_are_refused(kind: str) -> None:
    with pytest.raises(AzureError) as refused:
        read_identity({"type": kind, "userAssignedIdentities": {PREFIX + "a": {}}})
    assert f'if the type is "{kind}"' in refused.value.message
    assert read_identity({"type": kind, "userAssignedIdentities": {PREFIX + "a": None}}).removed


@pytest.mark.parametrize("identity_id", ["", "ID1", PREFIX, PREFIX + "a/b", "x" + PREFIX + "a"])
def test_what_is_no_identitys_id_is_refused(identity_id: str) -> None:
    with pytest.raises(AzureError) as refused:
        read_identity({"type": "UserAssigned", "userAssignedIdentities": {identity_id: {}}})
    assert "is not a valid reference to a Microsoft.ManagedIdentity identity" in refused.value.message


@given(st.fixed_dictionaries({}, optional={"type": json_values, "userAssignedIdentities": json_values}) | json_values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        request = read_identity(value)
    except AzureError as error:
        assert error.status == 400
    else:
        assert request.user or not request.named
