"""The decision: may this principal perform this action at this scope?

Azure's rules (https://learn.microsoft.com/azure/role-based-access-control/overview): nothing is allowed
unless a role assignment allows it; assignments add up; a role's notActions only narrow that role, so that
another role may still grant what they leave out; actions and data actions never stand in for each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rbac.actions import matches
from rbac.folding import fold
from rbac.roles import Permission, RoleDefinition, role_guid
from rbac.scopes import contains


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role given to a principal at a scope. `role_definition_id` is the role's GUID or its full id."""

    id: str
    scope: str
    principal_id: str
    role_definition_id: str


@dataclass(frozen=True, slots=True)
class Consideration:
    """What one assignment of the principal contributed to a decision.

    `role_name` is None if the role definition is not known. `allowed_by` is the pattern that covers the
    action, also where the scope does not apply; `removed_by` the notAction that takes the action away again;
    `condition` the condition the permission depends on, which is never taken to be met.
    """

    assignment_id: str
    role_definition_id: str
    role_name: str | None
    scope: str
    scope_applies: bool
    allowed_by: str | None
    removed_by: str | None
    condition: str | None

    @property
    def grants(self) -> bool:
        """Whether this assignment alone allows the action."""
        return self.scope_applies and _Coverage(self.allowed_by, self.removed_by, self.condition).allows

    def why(self) -> str:
        """Return a sentence that says what the assignment contributed."""
        if self.role_name is None:
            return f"{self.assignment_id} grants nothing: the role {self.role_definition_id} is not known."
        role = f"{self.assignment_id}: {self.role_name} at {self.scope}"
        if self.allowed_by is None:
            return f"{role} does not cover the action."
        covers = f"{role} covers the action with '{self.allowed_by}'"
        if self.removed_by is not None:
            return f"{covers}, but leaves it out with '{self.removed_by}'."
        if not self.scope_applies:
            return f"{covers}, but its scope does not reach this far."
        if self.condition is not None:
            return f"{covers}, but only under a condition, and conditions are not evaluated here."
        return f"{covers}."


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a principal may act, and all that was considered: one entry for each of its assignments."""

    allowed: bool
    principal_id: str
    action: str
    scope: str
    considered: tuple[Consideration, ...]
    data: bool = False

    def why(self) -> str:
        """Return the decision in plain words and, line by line, what each assignment contributed."""
        verdict = "may" if self.allowed else "may not"
        kind = "data action" if self.data else "action"
        first = f"{self.principal_id} {verdict} perform the {kind} {self.action} at {self.scope}."
        if not self.considered:
            return f"{first}\nNo role assignment was found for it here."
        telling = [entry for entry in self.considered if entry.grants] or self.considered
        return "\n".join([first, *(entry.why() for entry in telling)])


def decide(
    *,
    principal_id: str,
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, RoleDefinition],
    data: bool = False,
) -> Decision:
    """Decide whether a principal may perform an action at a scope, and keep the reasons.

    `assignments` may be at any scope and of any principal; `roles` are known by GUID in lower case. `data` says that
    it is a data action, which only a role's dataActions can allow.
    """
    considered = tuple(_considerations(principal_id, action, scope, assignments, roles, data))
    return Decision(any(entry.grants for entry in considered), principal_id, action, scope, considered, data)


def is_allowed(
    *,
    principal_id: str,
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, RoleDefinition],
    data: bool = False,
) -> bool:
    """Return `decide(…).allowed`, looking no further than the first assignment that allows the action."""
    considered = _considerations(principal_id, action, scope, assignments, roles, data)
    return any(entry.grants for entry in considered)


def effective_permissions(
    assignments: Iterable[Assignment], roles: Mapping[str, RoleDefinition], scope: str
) -> list[Permission]:
    """Return what one principal's assignments give it at a scope: an element for each effective assignment.

    A role of several permissions adds each of them; an assignment elsewhere, or of an unknown role, none.
    """
    here = (held for held in assignments if contains(held.scope, scope))
    held_roles = (roles.get(role_guid(held.role_definition_id)) for held in here)
    return [permission for role in held_roles if role is not None for permission in role.permissions]


def _considerations(
    principal_id: str,
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, RoleDefinition],
    data: bool,
) -> Iterator[Consideration]:
    """Weigh the principal's assignments one after the other, as far as the caller wants to know."""
    principal = fold(principal_id)
    for held in assignments:
        if fold(held.principal_id) != principal:
            continue
        role = roles.get(role_guid(held.role_definition_id))
        coverage = _NOT_COVERED if role is None else _role_coverage(role, action, data)
        name = None if role is None else role.name
        applies = contains(held.scope, scope)
        yield Consideration(held.id, held.role_definition_id, name, held.scope, applies, *coverage)


class _Coverage(NamedTuple):
    """Which pattern of a permission covers an action, and what stands in the way."""

    allowed_by: str | None
    removed_by: str | None
    condition: str | None

    @property
    def allows(self) -> bool:
        return self.allowed_by is not None and self.removed_by is None and self.condition is None


_NOT_COVERED = _Coverage(None, None, None)


def _role_coverage(role: RoleDefinition, action: str, data: bool) -> _Coverage:
    """Return the coverage that allows the action, or else the first that at least mentions it."""
    mentioned = _NOT_COVERED
    for permission in role.permissions:
        coverage = _permission_coverage(permission, action, data)
        if coverage.allows:
            return coverage
        if mentioned.allowed_by is None:
            mentioned = coverage
    return mentioned


def _permission_coverage(permission: Permission, action: str, data: bool) -> _Coverage:
    given = permission.data_actions if data else permission.actions
    withheld = permission.not_data_actions if data else permission.not_actions
    allowed_by = _first_match(given, action)
    if allowed_by is None:
        return _NOT_COVERED
    return _Coverage(allowed_by, _first_match(withheld, action), permission.condition)


def _first_match(patterns: tuple[str, ...], action: str) -> str | None:
    for pattern in patterns:
        if matches(pattern, action):
            return pattern
    return None
