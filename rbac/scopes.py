"""Scopes: the places where a role can be assigned, and which of them lie inside which.

A scope is a resource id: "/" (everything), a subscription, a resource group, a resource or a child resource.
Ids compare segment by segment and without regard to case, so a role on `rg1` says nothing about `rg10`.
"""

from collections.abc import Iterator
from functools import lru_cache

from rbac.folding import fold

ROOT = "/"

_REMEMBERED = 16_384
"""Ids kept in each cache: more than a busy sandbox touches at a time, and only a few megabytes."""


@lru_cache(maxsize=_REMEMBERED)
def canonical(resource_id: str) -> str:
    """Return the id in the one spelling used for keys and comparisons.

    Case is folded; there is one slash in front, one between segments and none at the end. The root, which ids
    such as `/providers/Microsoft.Authorization/roleAssignments/…` leave empty, is "/".
    """
    return ROOT + "/".join(segment for segment in fold(resource_id).split("/") if segment)


@lru_cache(maxsize=_REMEMBERED)
def segments(scope: str) -> tuple[str, ...]:
    """Return the case-folded segments of a scope; none for "/"."""
    path = canonical(scope)[1:]
    return tuple(path.split("/")) if path else ()


def contains(outer: str, inner: str) -> bool:
    """Return whether `inner` is `outer` or lies below it. Whole segments are compared, never characters.

    Only the ids are looked at: which subscriptions a management group holds is not written in their ids.
    """
    outer_segments = segments(outer)
    return segments(inner)[: len(outer_segments)] == outer_segments


@lru_cache(maxsize=_REMEMBERED)
def ancestors(scope: str) -> tuple[str, ...]:
    """Return the canonical scopes that contain `scope` and at which a role can be assigned, outermost first.

    These are "/", subscription or management group, resource group, resource and child resources, down to
    `scope` itself if a role can be assigned there. A collection such as `…/resourceGroups` cannot carry a
    role, so its list ends with what holds it. An extension resource, as in
    `{vm}/providers/{namespace}/{type}/{name}`, has the resource it extends among its ancestors.
    """
    parts = segments(scope)
    return (ROOT, *(ROOT + "/".join(parts[:length]) for length in _assignable_lengths(parts)))


def _assignable_lengths(parts: tuple[str, ...]) -> Iterator[int]:
    """Yield how many segments each assignable scope on the way to `parts` has, the root left out."""
    at = 0
    for collection in ("subscriptions", "resourcegroups"):
        if len(parts) < at + 2 or parts[at] != collection:
            break
        at += 2
        yield at
    while len(parts) >= at + 4 and parts[at] == "providers" and parts[at + 2] != "providers":
        at += 2  # past "providers" and the namespace: pairs of type and name follow
        while len(parts) >= at + 2 and parts[at] != "providers":
            at += 2
            yield at
