"""User-assigned identities: a principal of the directory, with a resource to manage it by.

This provider writes ``/resourcegroups/`` in lower case in its ids, unlike all others.
"""

from __future__ import annotations

import re
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import read_location, read_object, read_tags
from sandbox.arm.listing import list_resources
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import check_same_location, existing, find, group_name, location_of
from sandbox.cloud import Cloud
from sandbox.core import errors, seed_data
from sandbox.core.http import Answer
from sandbox.state.directory import Principal
from sandbox.state.store import Resource

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
_VM_TYPE = "Microsoft.Compute/virtualMachines"
_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = _SUBSCRIPTION + "/resourceGroups/{resource_group}"
IDENTITY = _GROUP + "/providers/" + TYPE + "/{name}"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")
_ISOLATION_SCOPES = ("None", "Regional")

operations = Operations(TYPE, versions.MANAGED_IDENTITY)


@operations.operation("PUT", IDENTITY, action=TYPE + "/write")
def put_identity(call: Call) -> Answer:
    """Make an identity, or change the tags of one."""
    body = call.json()
    location = read_location(body, TYPE)
    isolation_scope = _read_isolation_scope(body)
    tags = read_tags(body) or {}
    resource = find(call, TYPE)
    headers: dict[str, str] = {}
    if resource is None:
        _check_name(call["name"])
        resource = _new(call, location)
        headers = location_of(resource)
    else:
        check_same_location(call, resource, location)
    resource.body["tags"] = tags
    _set_isolation_scope(resource, isolation_scope)
    call.cloud.store.put(resource)
    return Answer(201 if headers else 200, resource.body, headers)


@operations.operation("PATCH", IDENTITY, action=TYPE + "/write")
def patch_identity(call: Call) -> Answer:
    """Change the tags of an identity."""
    resource = existing(call, TYPE)
    body = call.json()
    tags = read_tags(body)
    if tags is not None:
        resource.body["tags"] = tags
    _set_isolation_scope(resource, _read_isolation_scope(body))
    call.cloud.store.put(resource)
    return Answer(200, resource.body)


@operations.operation("GET", IDENTITY, action=TYPE + "/read")
def get_identity(call: Call) -> Answer:
    """Answer one identity."""
    return Answer(200, existing(call, TYPE).body)


@operations.operation("DELETE", IDENTITY, action=TYPE + "/delete")
def delete_identity(call: Call) -> Answer:
    """Delete an identity and its principal; machines that have it keep an entry that leads nowhere."""
    resource = find(call, TYPE)
    if resource is None:
        return Answer(204)
    cloud = call.cloud
    cloud.directory.remove(resource.properties["principalId"])
    cloud.store.delete(resource.id)
    cloud.assignments.delete_under(resource.id)
    return Answer(200)


@operations.operation("GET", _GROUP + "/providers/" + TYPE, action=TYPE + "/read", filtered=True)
def list_in_group(call: Call) -> Answer:
    """Answer the identities in a group that the caller may read."""
    return list_resources(call, call.scope, TYPE)


@operations.operation("GET", _SUBSCRIPTION + "/providers/" + TYPE, action=TYPE + "/read", filtered=True)
def list_in_subscription(call: Call) -> Answer:
    """Answer the identities in the subscription that the caller may read."""
    return list_resources(call, call.scope, TYPE)


@operations.operation("POST", IDENTITY + "/listAssociatedResources", action=TYPE + "/listAssociatedResources/action")
def list_associated_resources(call: Call) -> Answer:
    """Answer the virtual machines that have the identity, of those that the caller may read."""
    identity = canonical(existing(call, TYPE).id)
    subscription = call.cloud.seed_data.subscription
    users = [
        machine
        for machine in call.cloud.store.list(subscription, _VM_TYPE)
        if identity in map(canonical, machine.body.get("identity", {}).get("userAssignedIdentities", ()))
    ]
    seen = call.cloud.gate.visible(call.caller, _VM_TYPE + "/read", subscription, users)
    value = [_associated(call, machine) for machine in seen]
    return Answer(200, {"totalCount": len(value), "value": value})


def declare_effects(cloud: Cloud) -> None:
    """Say what goes with an identity that is removed with its group: its principal."""
    cloud.on_removal[TYPE] = lambda identity: cloud.directory.remove(identity.properties["principalId"])


def is_name(text: str) -> bool:
    """Tell whether an identity may be called ``text``."""
    return _NAME.fullmatch(text) is not None


def add_principal(cloud: Cloud, name: str, resource_id: str) -> Principal:
    """Add the principal of a managed identity to the directory.

    ``resource_id`` is the identity, or the resource that has one of its own; ``name`` is that resource's. The
    id and how often it had a principal before decide the principal's ids, so one made again has others.
    """
    key = canonical(resource_id)
    generation = cloud.store.count(f"generation of {key}")
    principal = Principal(
        object_id=cloud.ids.guid("identity", key, generation, "object"),
        client_id=cloud.ids.guid("identity", key, generation, "client"),
        name=name,
        kind="ManagedIdentity",
        resource_id=resource_id,
    )
    cloud.directory.add(principal)
    return principal


def _new(call: Call, location: str) -> Resource:
    name = call["name"]
    group = call.cloud.seed_data.group(group_name(call)).replace("/resourceGroups/", "/resourcegroups/")
    identity_id = f"{group}/providers/{TYPE}/{name}"
    principal = add_principal(call.cloud, name, identity_id)
    return Resource(
        {
            "location": location,
            "tags": {},
            "id": identity_id,
            "name": name,
            "type": TYPE,
            "properties": {
                "tenantId": call.cloud.seed_data.tenant_id,
                "principalId": principal.object_id,
                "clientId": principal.client_id,
            },
        }
    )


def _check_name(name: str) -> None:
    if not is_name(name):
        raise errors.AzureError(
            400,
            "InvalidResourceName",
            f"The name '{name}' is not valid for a resource of type '{TYPE}'. A name has 3 to 128 letters, "
            "digits, hyphens and underscores, and starts with a letter or a digit.",
        )


def _read_isolation_scope(body: dict[str, Any]) -> str | None:
    value = read_object(body, "properties").get("isolationScope")
    if value is not None and value not in _ISOLATION_SCOPES:
        raise errors.invalid_request_content(
            f"The isolation scope of an identity is one of {', '.join(_ISOLATION_SCOPES)}."
        )
    return value


def _set_isolation_scope(resource: Resource, value: str | None) -> None:
    if value is not None:
        resource.properties["isolationScope"] = value


def _associated(call: Call, machine: Resource) -> dict[str, Any]:
    return {
        "id": machine.id,
        "name": machine.body["name"],
        "type": machine.type.lower(),
        "resourceGroup": machine.id.split("/")[4],
        "subscriptionId": call.cloud.seed_data.subscription_id,
        "subscriptionDisplayName": seed_data.SUBSCRIPTION_NAME,
    }
