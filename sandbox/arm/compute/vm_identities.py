"""What a virtual machine's identity block brings about: identities attached and detached, principals made and removed.

A user-assigned identity that is deleted leaves its entry behind on the machine; the entry's principal is then no longer
in the directory, which is how the metadata service knows not to issue tokens for it.
"""

from __future__ import annotations

from typing import Any

from rbac.scopes import canonical
from sandbox.arm.compute.vm_identity import IdentityRequest, failed_operation, merge, show_type
from sandbox.arm.managed_identity.identities import add_principal
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core.resource_ids import IDENTITY
from sandbox.state.store import Resource

_ASSIGN = IDENTITY + "/assign/action"


def apply_identity(call: Call, machine: Resource, request: IdentityRequest, *, replace: bool) -> list[str]:
    """Give ``machine`` the identities that a request asks for; return those newly attached.

    Raises:
        AzureError: 403 where the caller may not assign one of them; 400 where one is not there.
    """
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
            fresh = None if found is None else _entry(found)
            if entry is None or entry != fresh:
                _check_assignable(call, machine, identity_id, found)
                new.append(identity_id)
            entry = fresh
        wanted[identity_id] = entry
    _set_system(call.cloud, machine, wanted=request.system)
    _set_block(call.cloud, machine, wanted)
    if new or (request.system and "principalId" not in block):
        seconds = call.cloud.timing.seconds("identity.reaches.vm")
        machine.internal["identity_effective_at"] = call.cloud.clock.now().timestamp() + seconds
    return new


def shown_when_new(body: dict[str, Any], new: list[str]) -> dict[str, Any]:
    """Return ``body`` as the answer that attaches the identities ``new`` has it: with nothing in their entries."""
    if not new:
        return body
    block = body["identity"]
    entries = {name: {} if name in new else entry for name, entry in block["userAssignedIdentities"].items()}
    return {**body, "identity": {**block, "userAssignedIdentities": entries}}


def forget_system_identity(cloud: Cloud, machine: Resource) -> None:
    """Take a machine's own principal out of the directory."""
    identity = machine.internal.pop("system_identity", None)
    if identity is not None:
        cloud.directory.remove(identity["principal_id"])


def _entry(identity: Resource) -> dict[str, str]:
    return {name: identity.properties[name] for name in ("principalId", "clientId")}


def _check_assignable(call: Call, machine: Resource, identity_id: str, found: Resource | None) -> None:
    call.cloud.gate.require_linked(call.caller, call.action or "", machine.id, _ASSIGN, identity_id)
    if found is None:
        raise failed_operation(machine.id, f"Resource '{identity_id}' was not found.")
    if found.properties.get("isolationScope") == "Regional" and found.body["location"] != machine.body["location"]:
        raise failed_operation(
            machine.id,
            f"Resource '{identity_id}' can only be assigned to resources in its region '{found.body['location']}'.",
        )


def _set_system(cloud: Cloud, machine: Resource, *, wanted: bool) -> None:
    if not wanted:
        forget_system_identity(cloud, machine)
    elif "system_identity" not in machine.internal:
        principal = add_principal(cloud, machine.body["name"], machine.id)
        machine.internal["system_identity"] = {
            "principal_id": principal.object_id,
            "client_id": principal.client_id,
        }


def _set_block(cloud: Cloud, machine: Resource, entries: dict[str, Any]) -> None:
    system = machine.internal.get("system_identity")
    kind = show_type(system is not None, entries)
    if kind is None:
        machine.body.pop("identity", None)
        return
    block: dict[str, Any] = {"type": kind}
    if system is not None:
        block |= {"principalId": system["principal_id"], "tenantId": cloud.seed_data.tenant_id}
    if entries:
        block["userAssignedIdentities"] = entries
    machine.body["identity"] = block
