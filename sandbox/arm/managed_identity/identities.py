"""User-assigned identities: a principal of the directory, with a resource to manage it by.

This provider writes ``/resourcegroups/`` in lower case in its ids, unlike all others.
"""

import re
from typing import Any

from rbac.scopes import canonical
from sandbox.arm.fields import Fields
from sandbox.arm.routing import GROUP, Call, Operations
from sandbox.arm.tracked import declare_reads, existing, find, find_or_make, location_of, remove
from sandbox.cloud import Cloud
from sandbox.core import errors, seed_data
from sandbox.core.data_files import filled, read_data
from sandbox.core.http import Answer
from sandbox.core.resource_ids import IDENTITY, VIRTUAL_MACHINE, parse_resource_id
from sandbox.state.directory import Principal
from sandbox.state.store import Resource

PATH = f"{GROUP}/providers/{IDENTITY}/{{name}}"
_SYSTEM_ASSIGNED = "Microsoft.ManagedIdentity/identities"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
_OPERATIONS = read_data(__file__, "operations.yaml")
_ISOLATION_SCOPES = ("None", "Regional")

operations = Operations(IDENTITY)
declare_reads(operations, IDENTITY)


@operations.operation("GET", "/providers/Microsoft.ManagedIdentity/operations", action=None)
def _list_actions(call: Call) -> Answer:
    actions, shown = _OPERATIONS["actions"].items(), _OPERATIONS["shown"]
    return Answer(200, {"value": [filled(shown, action=action, what=what) for action, what in actions]})


@operations.operation("PUT", PATH, action=IDENTITY + "/write")
def _put_identity(call: Call) -> Answer:
    body = call.body()
    location = body.location(IDENTITY)
    isolation_scope = _read_isolation_scope(body)
    tags = body.tags() or {}
    resource, is_new = find_or_make(call, IDENTITY, location, lambda group: _new(call, group, location))
    resource.body["tags"] = tags
    resource.properties.update(isolation_scope)
    call.cloud.store.put(resource)
    return Answer(201, resource.body, location_of(resource)) if is_new else Answer(200, resource.body)


@operations.operation("PATCH", PATH, action=IDENTITY + "/write")
def _patch_identity(call: Call) -> Answer:
    resource = existing(call, IDENTITY)
    body = call.body()
    tags = body.tags()
    if tags is not None:
        resource.body["tags"] = tags
    resource.properties.update(_read_isolation_scope(body))
    call.cloud.store.put(resource)
    return Answer(200, resource.body)


@operations.operation("DELETE", PATH, action=IDENTITY + "/delete")
def _delete_identity(call: Call) -> Answer:
    """Delete an identity and its principal; machines that have it keep an entry that leads nowhere."""
    resource = find(call, IDENTITY)
    if resource is None:
        return Answer(204)
    cloud = call.cloud
    cloud.directory.remove(resource.properties["principalId"])
    remove(cloud, resource.id)
    return Answer(200)


@operations.operation("POST", PATH + "/listAssociatedResources", action=IDENTITY + "/listAssociatedResources/action")
def _list_associated_resources(call: Call) -> Answer:
    identity = canonical(existing(call, IDENTITY).id)
    subscription = call.cloud.seed_data.subscription
    users = [
        machine
        for machine in call.cloud.store.list(subscription, VIRTUAL_MACHINE)
        if identity in map(canonical, machine.body.get("identity", {}).get("userAssignedIdentities", ()))
    ]
    seen = call.cloud.gate.visible(call.caller, VIRTUAL_MACHINE + "/read", subscription, users)
    value = [_associated(call, machine) for machine in seen]
    return Answer(200, {"totalCount": len(value), "value": value})


def declare_effects(cloud: Cloud) -> None:
    """Say what goes with an identity that is removed with its group: its principal."""
    cloud.on_removal[IDENTITY] = lambda identity: cloud.directory.remove(identity.properties["principalId"])


@operations.operation("GET", f"{{scope}}/providers/{_SYSTEM_ASSIGNED}/default", action=_SYSTEM_ASSIGNED + "/read")
def _get_system_identity(call: Call) -> Answer:
    owner = call.cloud.store.get(call["scope"])
    block = owner.body.get("identity", {}) if owner else {}
    principal = call.cloud.directory.by_object_id(block.get("principalId", ""))
    if owner is None or principal is None:
        raise errors.refusal("ResourceNotFound.systemIdentity", call["scope"])
    body = {
        "id": f"{owner.id}/providers/{_SYSTEM_ASSIGNED}/default",
        "name": "default",
        "type": _SYSTEM_ASSIGNED,
        "location": owner.body["location"],
        "tags": owner.body.get("tags", {}),
        "properties": _ids(call, principal),
    }
    return Answer(200, body)


def is_name(text: str) -> bool:
    """Return whether an identity may be called ``text``."""
    return _NAME.fullmatch(text) is not None


def add_principal(cloud: Cloud, name: str, resource_id: str) -> Principal:
    """Add the principal of a managed identity to the directory.

    ``resource_id`` is the identity, or the resource that has one of its own; ``name`` is that resource's. The
    id and how often it had a principal before decide the principal's ids, so one made again has others.
    """
    key = canonical(resource_id)
    generation = cloud.store.next_number(f"generation of {key}")
    principal = Principal(
        object_id=cloud.ids.guid("identity", key, generation, "object"),
        client_id=cloud.ids.guid("identity", key, generation, "client"),
        name=name,
        kind="ManagedIdentity",
        resource_id=resource_id,
    )
    cloud.directory.add(principal)
    return principal


def _new(call: Call, group: str, location: str) -> Resource:
    name = call["name"]
    if not is_name(name):
        raise errors.refusal("InvalidResourceName.identity", name, IDENTITY)
    group_id = call.cloud.seed_data.group(group).replace("/resourceGroups/", "/resourcegroups/")
    identity_id = f"{group_id}/providers/{IDENTITY}/{name}"
    principal = add_principal(call.cloud, name, identity_id)
    ids = _ids(call, principal)
    own = {"location": location, "tags": {}, "id": identity_id, "name": name, "type": IDENTITY}
    return Resource({**own, "properties": ids})


def _ids(call: Call, principal: Principal) -> dict[str, Any]:
    tenant_id = call.cloud.seed_data.tenant_id
    return {"tenantId": tenant_id, "principalId": principal.object_id, "clientId": principal.client_id}


def _read_isolation_scope(body: Fields) -> dict[str, str]:
    value = body.object("properties").text("isolationScope", _ISOLATION_SCOPES)
    return {} if value is None else {"isolationScope": value}


def _associated(call: Call, machine: Resource) -> dict[str, Any]:
    return {
        "id": machine.id,
        "name": machine.body["name"],
        "type": machine.type.lower(),
        "resourceGroup": parse_resource_id(machine.id).group,
        "subscriptionId": call.cloud.seed_data.subscription_id,
        "subscriptionDisplayName": seed_data.SUBSCRIPTION_NAME,
    }
