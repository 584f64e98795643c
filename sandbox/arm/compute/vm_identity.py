"""The identity block of a virtual machine: what a request asks for, and what comes out of it.

Pure functions over resource ids, which compare without regard to case. A PATCH merges the map of user-assigned
identities, a PUT that has a map replaces it; ``type`` replaces the type in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rbac.scopes import canonical
from sandbox.core import errors

_TYPES = frozenset({"systemassigned", "userassigned"})
_IDENTITY_ID = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+"
    r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[\w-]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IdentityRequest:
    """What an identity block asks for.

    ``system`` and ``user`` are the two halves of its type; ``named`` are the user-assigned identities to have, and
    ``removed`` those given as null; ``has_map`` tells a missing map from an empty one.
    """

    system: bool
    user: bool
    named: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    has_map: bool = False


def read_identity(value: object) -> IdentityRequest:
    """Read the ``identity`` of a request's body.

    Raises:
        AzureError: 400 where it is malformed, has an identity twice, or has identities that its type excludes.
    """
    if not isinstance(value, dict):
        raise errors.invalid_request_content("The property 'identity' must be an object.")
    system, user = _read_type(value.get("type"))
    entries = value.get("userAssignedIdentities")
    if entries is None:
        return IdentityRequest(system, user)
    if not isinstance(entries, dict) or not all(entry is None or isinstance(entry, dict) for entry in entries.values()):
        raise errors.invalid_request_content(
            "The property 'identity.userAssignedIdentities' must be an object whose values are objects or null."
        )
    _check_ids(entries)
    named = tuple(identity_id for identity_id, entry in entries.items() if entry is not None)
    if named and not user:
        raise errors.invalid_parameter(
            f'ResourceIdentity identityIds should not be provided if the type is "{show_type(system, ()) or "None"}".'
        )
    removed = tuple(identity_id for identity_id, entry in entries.items() if entry is None)
    return IdentityRequest(system, user, named, removed, has_map=True)


def merge(current: Iterable[str], request: IdentityRequest, *, replace: bool) -> tuple[str, ...]:
    """Return the user-assigned identities that a machine with ``current`` has after ``request``.

    ``replace`` says that the request's map stands for all of them, as in a PUT. An identity that stays keeps the case
    it is written in, unless it is replaced by a map that names it.

    Raises:
        AzureError: 400 MissingIdentityIds where the type asks for identities and neither side names any.
    """
    if not request.user:
        return ()
    if replace and request.has_map:
        kept: list[str] = []
    else:
        gone = {canonical(identity_id) for identity_id in request.removed}
        kept = [identity_id for identity_id in current if canonical(identity_id) not in gone]
    known = {canonical(identity_id) for identity_id in kept}
    result = (*kept, *(identity_id for identity_id in request.named if canonical(identity_id) not in known))
    if not result and not request.removed:
        raise errors.AzureError(
            400,
            "MissingIdentityIds",
            f"The identity ids must not be null or empty for '{_requested_type(request)}' identity type.",
        )
    return result


def show_type(system: bool, identity_ids: Iterable[str]) -> str | None:
    """Return the type that Compute shows for what a machine has; None for a machine without an identity."""
    halves = ["SystemAssigned"] * system + ["UserAssigned"] * any(True for _ in identity_ids)
    return ", ".join(halves) or None


def failed_operation(resource_id: str, message: str) -> errors.AzureError:
    """Return Compute's refusal of an identity that it cannot attach, with the identity service's words inside."""
    return errors.AzureError(
        400,
        "FailedIdentityOperation",
        f"Identity operation for resource '{resource_id}' failed with error 'Failed to perform resource identity "
        f'operation. Status: \'BadRequest\'. Response: \'{{"error":{{"code":"BadRequest","message":'
        f"\"{message}\"}}}}'.'.",
    )


def _requested_type(request: IdentityRequest) -> str:
    return "SystemAssigned, UserAssigned" if request.system else "UserAssigned"


def _read_type(value: object) -> tuple[bool, bool]:
    if value is None:
        raise errors.invalid_parameter("ResourceIdentity Type must be provided.")
    halves = set("".join(value.split()).casefold().split(",")) if isinstance(value, str) else set()
    if halves == {"none"}:
        return False, False
    if not halves or not halves <= _TYPES:
        raise errors.invalid_request_content(
            "The property 'identity.type' must be one of SystemAssigned, UserAssigned, 'SystemAssigned, UserAssigned' "
            "and None."
        )
    return "systemassigned" in halves, "userassigned" in halves


def _check_ids(identity_ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for identity_id in identity_ids:
        if not _IDENTITY_ID.fullmatch(identity_id):
            raise errors.invalid_parameter(
                f"ResourceIdentity identityId '{identity_id}' is not a valid reference to a Microsoft.ManagedIdentity "
                "identity."
            )
        key = canonical(identity_id)
        if key in seen:
            raise errors.AzureError(
                400,
                "DuplicateIdentityIds",
                f"The request content has the following duplicate identity ids '{identity_id}'.",
            )
        seen.add(key)
