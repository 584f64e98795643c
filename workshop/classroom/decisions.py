"""Why somebody may or may not do something.

The sandbox says so itself; for Azure it is worked out from role assignments. Both are in the same words. Azure's rules:
https://learn.microsoft.com/azure/role-based-access-control/overview
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from azure.core.exceptions import AzureError
from azure.mgmt.authorization.v2022_04_01.models import Permission, RoleAssignment, RoleDefinition

from helpers import explain
from helpers.catch_up import find
from workshop.classroom.clients import Clients, RefusedError


@dataclass(frozen=True)
class Decision:
    """Whether a principal may perform an action at a scope.

    Attributes:
        allowed: the verdict.
        why: it in words, and below it a line for each role assignment that tells.
    """

    allowed: bool
    why: str


class Decide(Protocol):
    """Decides whether the principal with an object id may perform an action at a scope."""

    def __call__(self, principal_id: str, action: str, scope: str) -> Decision:
        """Return the decision; raises RefusedError if Azure does not say."""


def decider(clients: Clients) -> Decide:
    """Return what decides where the class is held."""
    return in_sandbox(clients) if clients.azure.target == "sandbox" else by_assignments(clients)


def in_sandbox(clients: Clients) -> Decide:
    """Return what asks the sandbox."""

    def decide(principal_id: str, action: str, scope: str) -> Decision:
        question = {"principalId": principal_id, "action": action}
        answer = clients.local("POST", f"{scope}/providers/Sandbox.Local/explain", question)
        return Decision(answer["allowed"], answer["why"])

    return decide


def by_assignments(clients: Clients) -> Decide:
    """Return what reads role assignments and definitions; groups that the principal is in are counted by Azure."""
    definitions: dict[str, RoleDefinition | None] = {}

    def decide(principal_id: str, action: str, scope: str) -> Decision:
        try:
            # Without atScope() Azure answers what is at, above and below; what the principal has elsewhere helps, too.
            only = f"assignedTo('{principal_id}')"
            held = list(clients.authorization.role_assignments.list_for_subscription(filter=only))
            for role_id in {str(each.role_definition_id) for each in held} - definitions.keys():
                definitions[role_id] = find(clients.authorization.role_definitions.get_by_id, role_id)
        except AzureError as error:
            raise RefusedError(explain(error).message) from error
        ordered = sorted(held, key=lambda each: not _contains(str(each.scope), scope))
        weighed = [_weigh(each, definitions[str(each.role_definition_id)], action, scope) for each in ordered]
        return _decision(principal_id, action, scope, weighed)

    return decide


@dataclass(frozen=True)
class _Weighed:
    """What one assignment contributes."""

    grants: bool
    why: str


@dataclass(frozen=True)
class _Coverage:
    """What a permission says of an action: the patterns that cover it and leave it out, and a condition."""

    allowed_by: str | None = None
    removed_by: str | None = None
    condition: str | None = None

    @property
    def allows(self) -> bool:
        return self.allowed_by is not None and self.removed_by is None and self.condition is None


def _decision(principal_id: str, action: str, scope: str, weighed: Sequence[_Weighed]) -> Decision:
    allowed = any(each.grants for each in weighed)
    first = f"{principal_id} {'may' if allowed else 'may not'} perform the action {action} at {scope}."
    if not weighed:
        return Decision(False, f"{first}\nNo role assignment was found for it here.")
    telling = [each for each in weighed if each.grants] or weighed
    return Decision(allowed, "\n".join([first, *(each.why for each in telling)]))


def _weigh(held: RoleAssignment, role: RoleDefinition | None, action: str, scope: str) -> _Weighed:
    if role is None:
        return _Weighed(False, f"{held.id} grants nothing: the role {held.role_definition_id} is not known.")
    named = f"{held.id}: {role.role_name} at {held.scope}"
    coverage = _coverage(role.permissions or (), action, held.condition)
    if coverage.allowed_by is None:
        return _Weighed(False, f"{named} does not cover the action.")
    covers = f"{named} covers the action with '{coverage.allowed_by}'"
    if coverage.removed_by is not None:
        return _Weighed(False, f"{covers}, but leaves it out with '{coverage.removed_by}'.")
    if not _contains(str(held.scope), scope):
        return _Weighed(False, f"{covers}, but its scope does not reach this far.")
    if coverage.condition is not None:
        return _Weighed(False, f"{covers}, but only under a condition, and conditions are not evaluated here.")
    return _Weighed(True, f"{covers}.")


def _coverage(permissions: Iterable[Permission], action: str, condition: str | None) -> _Coverage:
    """Return the coverage that allows the action, or else the first that at least mentions it."""
    mentioned = _Coverage()
    for permission in permissions:
        allowed_by = _first_match(permission.actions, action)
        coverage = _Coverage(allowed_by, allowed_by and _first_match(permission.not_actions, action), condition)
        if coverage.allows:
            return coverage
        if mentioned.allowed_by is None:
            mentioned = coverage
    return mentioned


def _first_match(patterns: Iterable[str] | None, action: str) -> str | None:
    return next((pattern for pattern in patterns or () if _matches(pattern, action)), None)


def _matches(pattern: str, action: str) -> bool:
    """Match without regard to case; a ``*`` that is a whole segment may also stand for none."""
    expression = re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return re.fullmatch(expression, action, re.IGNORECASE) is not None


def _contains(outer: str, inner: str) -> bool:
    """Tell whether a scope is another or lies below it: segment by segment, so that rg1 does not contain rg10."""
    above, below = (scope.casefold().strip("/").split("/") for scope in (outer, inner))
    return above == [""] or below[: len(above)] == above
