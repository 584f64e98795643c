"""Hypothesis strategies for scopes, actions, roles and assignments, of few enough words that things meet."""

from itertools import product

from hypothesis import settings
from hypothesis import strategies as st

from rbac.decisions import Assignment
from rbac.roles import Permission, RoleDefinition

quick = settings(max_examples=80, deadline=None, derandomize=True)

PRINCIPALS = ("0aaaaaaa-0000-4000-8000-00000000000a", "0bbbbbbb-0000-4000-8000-00000000000b")
ROLE_IDS = tuple(f"{digit}0000000-0000-4000-8000-000000000000" for digit in "1234")


def any_case(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The same texts, some of them in another case."""
    return st.builds(lambda text, change: change(text), texts, st.sampled_from((str, str.upper, str.lower)))


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


_groups = st.sampled_from(("", "/resourceGroups/rg1", "/resourceGroups/rg10", "/resourceGroups/providers"))
_subscriptions = joined(st.sampled_from(("/subscriptions/s1", "/subscriptions/s10")), _groups)
_management_groups = st.just("/providers/Microsoft.Management/managementGroups/mg1")
_resources = st.sampled_from(
    (
        "",
        "/providers/Microsoft.Compute/virtualMachines/vm1",
        "/providers/Microsoft.Compute/virtualMachines/vm10",
        "/providers/Microsoft.Compute/virtualMachines/vm1/extensions/e1",
    )
)
_extensions = st.sampled_from(("", "", "/providers/Microsoft.Authorization/roleAssignments/a1"))
assignable_scopes = any_case(
    st.one_of(st.just("/"), _management_groups, joined(_subscriptions, _resources, _extensions))
)

_words = ("subscriptions", "resourceGroups", "providers", "Microsoft.Compute", "virtualMachines", "a", "b")
paths = any_case(st.lists(st.sampled_from(_words), max_size=9).map(lambda words: "/" + "/".join(words)))
"""Any path at all: most are no scope a role could be assigned at."""

scopes = st.one_of(assignable_scopes, assignable_scopes, paths)

_VM = "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/vm1"
_held_at = st.sampled_from(("/", "/subscriptions/s1", "/subscriptions/s1/resourceGroups/rg1", _VM))
_asked_at = st.sampled_from((_VM, f"{_VM}/extensions/e1", f"{_VM}0", _VM.replace("rg1", "rg10")))


def phrases(*words: str, longest: int) -> list[str]:
    """Every way to string up to `longest` of the words together."""
    lengths = range(1, longest + 1)
    return ["/".join(chosen) for length in lengths for chosen in product(words, repeat=length)]


actions = any_case(st.sampled_from(phrases("M.A", "x", "read", "write", longest=3)))
patterns = any_case(st.sampled_from(phrases("M.A", "M.*", "x", "read", "*", longest=4)))

_broad = ("*", "*/read", "*/write", "M.A/*", "x/*", "M.*", "M.A/*/read", "*a*", "x", "read")
_given = st.lists(st.sampled_from(_broad), min_size=1, max_size=3).map(tuple)
_withheld = st.lists(st.sampled_from(_broad), max_size=2).map(tuple)
permissions = st.builds(
    Permission,
    actions=_given,
    not_actions=_withheld,
    data_actions=_given,
    not_data_actions=_withheld,
    condition=st.sampled_from((None, None, None, None, "a condition")),
)


def _role(guid: str, permissions: tuple[Permission, ...]) -> RoleDefinition:
    return RoleDefinition(guid, f"Role {guid[0]}", "", "CustomRole", ("/",), permissions, None, None)


roles = st.fixed_dictionaries(
    {
        guid: st.builds(_role, st.just(guid), st.lists(permissions, min_size=1, max_size=2).map(tuple))
        for guid in ROLE_IDS[:-1]
    }
)
"""Roles by id. The last of ROLE_IDS is never among them: an assignment may name a role that is gone."""

_principals = any_case(st.sampled_from((PRINCIPALS[0], PRINCIPALS[0], PRINCIPALS[1])))
_prefixes = st.sampled_from(("", "/subscriptions/s1/providers/Microsoft.Authorization/roleDefinitions/"))
assignments = st.builds(
    Assignment,
    id=st.uuids().map(str),
    scope=st.one_of(any_case(_held_at), any_case(_held_at), assignable_scopes),
    principal_id=_principals,
    role_definition_id=joined(_prefixes, any_case(st.sampled_from(ROLE_IDS))),
)

questions = st.fixed_dictionaries(
    {
        "principal_id": _principals,
        "action": actions,
        "scope": st.one_of(any_case(_asked_at), any_case(_asked_at), scopes),
        "data": st.booleans(),
    }
)
"""Everything `decide` asks for but assignments and roles."""
