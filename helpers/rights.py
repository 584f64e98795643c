"""What a set of permissions allows, by Azure's rule: actions, less notActions, in any one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol


class Permission(Protocol):
    """A permission as ``azure-mgmt-authorization`` has it."""

    actions: list[str] | None
    not_actions: list[str] | None


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Tell whether ``permissions`` allow an action such as ``Microsoft.Compute/virtualMachines/read``."""
    return any(
        _matches(permission.actions, action) and not _matches(permission.not_actions, action)
        for permission in permissions
    )


def _matches(patterns: Iterable[str] | None, action: str) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns or ()
    )
