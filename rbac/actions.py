"""Actions such as `Microsoft.Compute/virtualMachines/read`, and the wildcard patterns that cover them."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from rbac.folding import fold

_STARS = re.compile(r"\*+")


class HasActions(Protocol):
    """A permission as ``azure-mgmt-authorization`` and `rbac.roles` have it."""

    @property
    def actions(self) -> Sequence[str] | None:
        """Patterns of what it gives."""

    @property
    def not_actions(self) -> Sequence[str] | None:
        """Patterns of what it leaves out of that."""


def allows(permissions: Iterable[HasActions], action: str) -> bool:
    """Return whether ``permissions`` allow an action such as ``Microsoft.Compute/virtualMachines/read``.

    By Azure's rule: one of them has it in its actions, and not in its notActions.
    """

    def covered(patterns: Sequence[str] | None) -> bool:
        return any(matches(pattern, action) for pattern in patterns or ())

    return any(covered(each.actions) and not covered(each.not_actions) for each in permissions)


@lru_cache(maxsize=65_536)
def matches(pattern: str, action: str) -> bool:
    """Return whether a pattern out of a role definition covers an action. Case does not matter.

    `*` stands for any characters, slashes included. A `*` that is a whole segment inside the pattern may also
    stand for no segment at all, so that `a/*/b` covers `a/b`. Azure documents no such rule, but its built-in
    roles need it: attaching an identity demands `…/userAssignedIdentities/assign/action`, and Managed
    Identity Operator, the role made for it, has `…/userAssignedIdentities/*/assign/action`; Virtual Machine
    User Login, which lets one view a machine, has `…/virtualMachines/*/read`.
    """
    head, *rest = _literals(pattern)
    text = fold(action)
    if not rest:
        return text == head
    if not text.startswith(head):
        return False
    position, before = len(head), head
    # Taking each literal at its first place is enough: it leaves the most room for those that follow.
    for literal in rest[:-1]:
        found = text.find(literal, position - _shared(before, literal))
        if found < 0:
            return False
        position, before = found + len(literal), literal
    tail = rest[-1]
    return text.endswith(tail) and len(text) - len(tail) >= position - _shared(before, tail)


@lru_cache(maxsize=16_384)
def _literals(pattern: str) -> tuple[str, ...]:
    """Return the pieces of text between the wildcards of a pattern, case-folded."""
    return tuple(_STARS.sub("*", fold(pattern)).split("*"))


def _shared(before: str, after: str) -> int:
    """Return how many characters two neighbouring literals may share: the slash when `/*/` stands for `/`."""
    return int(before.endswith("/") and after.startswith("/"))
