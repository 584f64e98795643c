"""The identity block of a virtual machine: what a request asks for, what comes out of it, and what that brings about.

A PATCH merges the map of user-assigned identities, a PUT that has a map replaces it; ``type`` replaces the type in
both. Resource ids compare without regard to case.

A user-assigned identity that is deleted leaves its entry behind on the machine; the entry's principal is then no longer
in the directory, which is how the metadata service knows not to issue tokens for it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.fields import Fields
from sandbox.arm.managed_identity.identities import add_principal
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.resource_ids import IDENTITY
from sandbox.state.store import Resource

_ASSIGN = IDENTITY + "/assign/action"
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
    """Read the ``identity`` of a request's body."""
    given = Fields(value, "identity")
    if "identityIds" in given:
        raise errors.refusal("InvalidParameter.identityIds")
    system, user = _read_type(given)
    entries = given.value("userAssignedIdentities")
    if entries is None:
        return IdentityRequest(system, user)
    if not isinstance(entries, dict) or not all(entry is None or isinstance(entry, dict) for entry in entries.values()):
        raise given.wrong("userAssignedIdentities", "an object whose values are objects or null")
    _check_ids(entries)
    named = tuple(identity_id for identity_id, entry in entries.items() if entry is not None)
    if named and not user:
        raise errors.refusal("InvalidParameter.identitiesWithoutType", show_type(system, False) or "None")
    removed = tuple(identity_id for identity_id, entry in entries.items() if entry is None)
    return IdentityRequest(system, user, named, removed, has_map=True)


def merge(current: Iterable[str], request: IdentityRequest, *, replace: bool) -> tuple[str, ...]:
    """Return the user-assigned identities that a machine with ``current`` has after ``request``.

    ``replace`` says that the request's map stands for all of them, as in a PUT. An identity that stays keeps the case
    it is written in, unless it is replaced by a map that names it.
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
        raise errors.refusal("MissingIdentityIds", show_type(request.system, True))
    return result


def show_type(system: bool, user: bool) -> str | None:
    """Return the type that Compute shows for what a machine has; None for a machine without an identity."""
    halves = ["SystemAssigned"] * system + ["UserAssigned"] * user
    return ", ".join(halves) or None


def apply_identity(call: Call, machine: Resource, request: IdentityRequest, *, replace: bool) -> list[str]:
    """Give ``machine`` the identities that a request asks for; return those newly attached."""
    block: dict[str, Any] = machine.body.get("identity") or {}
    current: dict[str, Any] = block.get("userAssignedIdentities") or {}
    entries = {canonical(identity_id): entry for identity_id, entry in current.items()}
    named = {canonical(identity_id) for identity_id in request.named}
    wanted, new = {}, []
    for identity_id in merge(current, request, replace=replace):
        key = canonical(identity_id)
        entry = entries.get(key)
        if key in named:
            found = call.cloud.store.get(identity_id)
            fresh = {name: found.properties[name] for name in ("principalId", "clientId")} if found else None
            if entry is None or entry != fresh:
                _check_assignable(call, machine, identity_id, found)
                new.append(identity_id)
            entry = fresh
        wanted[identity_id] = entry
    _set_block(call.cloud, machine, _system_principal(call.cloud, machine, wanted=request.system), wanted)
    if new or (request.system and "principalId" not in block):
        seconds = call.cloud.timing.seconds("identity.reaches.vm")
        machine.internal["identity_effective_at"] = call.cloud.clock.seconds() + seconds
    return new


def check_encryption_identity(machine: Resource, given: dict[str, Any]) -> None:
    """Refuse to encrypt disks as an identity that the machine does not have."""
    wanted = given.get("securityProfile", {}).get("encryptionIdentity", {}).get("userAssignedIdentityResourceId")
    has = machine.body.get("identity", {}).get("userAssignedIdentities", {})
    if wanted is not None and canonical(wanted) not in map(canonical, has):
        raise errors.refusal("InvalidParameter.encryptionIdentity", wanted)


def shown_when_new(body: dict[str, Any], new: list[str]) -> dict[str, Any]:
    """Return ``body`` as the answer that attaches the identities ``new`` has it: with nothing in their entries."""
    if not new:
        return body
    block = body["identity"]
    entries = {name: {} if name in new else entry for name, entry in block["userAssignedIdentities"].items()}
    return {**body, "identity": {**block, "userAssignedIdentities": entries}}


def forget_system_identity(cloud: Cloud, machine: Resource) -> None:
    """Take a machine's own principal out of the directory."""
    principal_id = machine.body.get("identity", {}).get("principalId")
    if principal_id is not None:
        cloud.directory.remove(principal_id)


def _read_type(given: Fields) -> tuple[bool, bool]:
    value = given.value("type")
    if value is None:
        raise errors.refusal("InvalidParameter.identityType")
    halves = set(fold("".join(value.split())).split(",")) if isinstance(value, str) else set()
    if halves == {"none"}:
        return False, False
    if not halves or not halves <= _TYPES:
        raise given.wrong("type", "one of SystemAssigned, UserAssigned, 'SystemAssigned, UserAssigned' and None")
    return "systemassigned" in halves, "userassigned" in halves


def _check_ids(identity_ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for identity_id in identity_ids:
        if not _IDENTITY_ID.fullmatch(identity_id):
            raise errors.refusal("InvalidParameter.identityId", identity_id)
        key = canonical(identity_id)
        if key in seen:
            raise errors.refusal("DuplicateIdentityIds", identity_id)
        seen.add(key)


def _check_assignable(call: Call, machine: Resource, identity_id: str, found: Resource | None) -> None:
    call.cloud.gate.require_linked(call.caller, call.action or "", machine.id, _ASSIGN, identity_id)
    if found is None:
        raise _failed_operation(machine.id, f"Resource '{identity_id}' was not found.")
    if found.properties.get("isolationScope") == "Regional" and found.body["location"] != machine.body["location"]:
        raise _failed_operation(
            machine.id,
            f"Resource '{identity_id}' can only be assigned to resources in its region '{found.body['location']}'.",
        )


def _system_principal(cloud: Cloud, machine: Resource, *, wanted: bool) -> str | None:
    if not wanted:
        forget_system_identity(cloud, machine)
        return None
    current: str | None = machine.body.get("identity", {}).get("principalId")
    return current or add_principal(cloud, machine.body["name"], machine.id).object_id


def _set_block(cloud: Cloud, machine: Resource, system: str | None, entries: dict[str, Any]) -> None:
    kind = show_type(system is not None, bool(entries))
    if kind is None:
        machine.body.pop("identity", None)
        return
    block: dict[str, Any] = {"type": kind}
    if system is not None:
        block |= {"principalId": system, "tenantId": cloud.seed_data.tenant_id}
    if entries:
        block["userAssignedIdentities"] = entries
    machine.body["identity"] = block


def _failed_operation(resource_id: str, message: str) -> errors.AzureError:
    """Return Compute's refusal of an identity that it cannot attach, with the identity service's answer inside."""
    response = json.dumps({"error": {"code": "BadRequest", "message": message}}, separators=(",", ":"))
    return errors.refusal("FailedIdentityOperation", resource_id, response)
