"""The authorization rules a second time, as naively as they can be written, to check the real ones against.

Nothing in here comes from `rbac` but its plain data classes. Clarity counts, not speed.
"""

import re
from collections.abc import Iterable, Mapping

from rbac.decisions import Assignment
from rbac.roles import RoleDefinition

ASSIGNABLE = re.compile(
    r"""
    /
    | /subscriptions/[^/]+
    | /subscriptions/[^/]+/resourceGroups/[^/]+
    | (/subscriptions/[^/]+ (/resourceGroups/[^/]+)? )?
      (/providers/[^/]+ ( /(?!providers/)[^/]+/[^/]+ )+ )+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def may(
    principal_id: str,
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, RoleDefinition],
    data: bool,
) -> bool:
    for assignment in assignments:
        if assignment.principal_id.upper() != principal_id.upper():
            continue
        if not inside(assignment.scope, scope):
            continue
        for guid, role in roles.items():
            if not assignment.role_definition_id.upper().endswith(guid.upper()):
                continue
            for permission in role.permissions:
                if permission.condition is not None:
                    continue
                if data:
                    granted = any(covers(p, action) for p in permission.data_actions)
                    withheld = any(covers(p, action) for p in permission.not_data_actions)
                else:
                    granted = any(covers(p, action) for p in permission.actions)
                    withheld = any(covers(p, action) for p in permission.not_actions)
                if granted and not withheld:
                    return True
    return False


def inside(outer: str, inner: str) -> bool:
    """Walk down both ids together until the outer one ends."""
    outer_steps = [step for step in outer.upper().split("/") if step != ""]
    inner_steps = [step for step in inner.upper().split("/") if step != ""]
    while outer_steps:
        if not inner_steps or outer_steps.pop(0) != inner_steps.pop(0):
            return False
    return True


def covers(pattern: str, action: str) -> bool:
    return any(glob(reading, action.upper()) for reading in readings(pattern.upper()))


def readings(pattern: str) -> set[str]:
    """All that a pattern can mean, given that a whole segment `*` may also stand for no segment."""
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    found = {pattern}
    for at in range(len(pattern)):
        if pattern[at : at + 3] == "/*/":
            found |= readings(pattern[:at] + pattern[at + 2 :])
    return found


def glob(pattern: str, text: str) -> bool:
    """Match character by character, trying every length for a star."""
    if pattern == "":
        return text == ""
    if pattern[0] == "*":
        return glob(pattern[1:], text) or (text != "" and glob(pattern, text[1:]))
    return text != "" and text[0] == pattern[0] and glob(pattern[1:], text[1:])


def ancestors(scope: str) -> list[str]:
    """Cut the id after every segment and keep what looks like a place for a role, ignoring spelling."""
    steps = [step for step in scope.lower().split("/") if step != ""]
    cuts = ["/" + "/".join(steps[:length]) for length in range(len(steps) + 1)]
    return [cut for cut in cuts if ASSIGNABLE.fullmatch(cut)]
