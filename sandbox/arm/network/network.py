"""What all of Microsoft.Network's resources share: their form, their answers and their operations to poll."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import Fields, read_location, read_tags
from sandbox.arm.listing import list_resources
from sandbox.arm.polling import find_operation, operation_url, pace
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import check_same_location, existing, find, group_name
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

NAMESPACE = "Microsoft.Network"
VIRTUAL_NETWORK = NAMESPACE + "/virtualNetworks"
SUBNET = VIRTUAL_NETWORK + "/subnets"
INTERFACE = NAMESPACE + "/networkInterfaces"
PUBLIC_ADDRESS = NAMESPACE + "/publicIPAddresses"
SECURITY_GROUP = NAMESPACE + "/networkSecurityGroups"

GROUP = "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/"
_OPERATION = "/subscriptions/{subscription}/providers/" + NAMESPACE + "/locations/{location}/"
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", re.ASCII)
_REFERENCE = re.compile(r"(/[\w.()-]+)+")

Show = Callable[[Cloud, Resource], dict[str, Any]]

operations = Operations(NAMESPACE + "/locations", versions.NETWORK)


@operations.operation("GET", _OPERATION + "operations/{operation}", action=None)
def poll(call: Call) -> Answer:
    """Answer how far an operation is."""
    operation = find_operation(call)
    if operation.ended is None:
        return Answer(200, {"status": "InProgress"}, pace(call))
    return Answer(200, {"status": "Succeeded"})


@operations.operation("GET", _OPERATION + "operationResults/{operation}", action=None)
def poll_result(call: Call) -> Answer:
    """Answer 202 while an operation is going on, then 204."""
    operation = find_operation(call)
    return Answer(204) if operation.ended else Answer(202, headers=_links(call, call["location"], operation.id))


def declare_effects(cloud: Cloud) -> None:
    """Say what completes a write, and a deletion."""

    def written(resource_id: str) -> None:
        resource = cloud.store.get(resource_id)
        if resource is not None and resource.properties["provisioningState"] == "Updating":
            resource.properties["provisioningState"] = "Succeeded"
            cloud.store.put(resource)

    def deleted(resource_id: str) -> None:
        resource = cloud.store.get(resource_id)
        if resource is not None and resource.properties["provisioningState"] == "Deleting":
            cloud.store.delete(resource_id)

    cloud.long_operations.on("network.write", written)
    cloud.long_operations.on("network.delete", deleted)


def declare_reads(owner: Operations, type_: str, show: Show) -> None:
    """Declare how resources of a type are read, one by one and listed; ``show`` makes what is shown of each."""

    @owner.operation("GET", GROUP + type_ + "/{name}", action=type_ + "/read")
    def get(call: Call) -> Answer:
        resource = existing(call, type_)
        return Answer(200, show(call.cloud, resource), {"ETag": resource.body["etag"]})

    @owner.operation("GET", GROUP + type_, action=type_ + "/read", filtered=True)
    @owner.operation("GET", "/subscriptions/{subscription}/providers/" + type_, action=type_ + "/read", filtered=True)
    def get_list(call: Call) -> Answer:
        return list_resources(call, call.scope, type_, show=lambda resource: show(call.cloud, resource))


def read_tracked(call: Call, type_: str) -> tuple[Resource, Fields, bool]:
    """Return what a PUT is about: the resource, new or as it is, the ``properties`` given, and whether it is new.

    Its location and tags are those of the request; it is not kept yet.
    """
    body = call.json()
    location = read_location(body, type_)
    given = Fields(body, "").object("properties")
    tags = read_tags(body)
    resource = find(call, type_)
    is_new = resource is None
    if resource is None:
        check_name(call["name"])
        resource = new_resource(call.cloud, type_, group_name(call), call["name"], location)
    else:
        check_same_location(call, resource, location)
    resource.body.pop("tags", None)
    if tags is not None:
        resource.body["tags"] = tags
    return resource, given, is_new


def new_resource(cloud: Cloud, type_: str, group: str, name: str, location: str) -> Resource:
    """Return a resource that is not kept yet, with what all of them have."""
    resource_id = f"{cloud.seed_data.group(group)}/providers/{type_}/{name}"
    key = canonical(resource_id)
    guid = cloud.ids.guid("resourceGuid", key, cloud.store.count(f"generation of {key}"))
    return Resource(
        {
            "name": name,
            "id": resource_id,
            "etag": "",
            "type": type_,
            "location": location,
            "properties": {"provisioningState": "Succeeded", "resourceGuid": guid},
        }
    )


def keep(cloud: Cloud, resource: Resource) -> None:
    """Keep a resource that was written, under a new etag."""
    key = canonical(resource.id)
    resource.body["etag"] = f'W/"{cloud.ids.guid("etag", key, cloud.store.count(f"writes of {key}"))}"'
    cloud.store.put(resource)


def accept_write(call: Call, resource: Resource, location: str, is_new: bool, show: Show) -> Answer:
    """Keep what a PUT made or changed, and answer it: 201 or 200, with a link to follow."""
    resource.properties["provisioningState"] = "Updating"
    keep(call.cloud, resource)
    body = show(call.cloud, resource)
    seconds = call.cloud.timing.seconds("network.write")
    operation_id = call.cloud.long_operations.begin("network.write", resource.id, seconds)
    links = _links(call, location, operation_id)
    del links["Location"]
    return Answer(201 if is_new else 200, body, {**links, "ETag": resource.body["etag"]})


def accept_delete(call: Call, resource: Resource, location: str) -> Answer:
    """Begin to delete a resource."""
    resource.properties["provisioningState"] = "Deleting"
    call.cloud.store.put(resource)
    call.cloud.assignments.delete_under(resource.id)
    seconds = call.cloud.timing.seconds("network.write")
    operation_id = call.cloud.long_operations.begin("network.delete", resource.id, seconds)
    return Answer(202, headers=_links(call, location, operation_id))


def check_name(name: str) -> None:
    """Refuse a name that no network resource may have."""
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or "
            "'.', '-', '_'.",
            "InvalidResourceName",
        )


def read_reference(given: Fields, name: str) -> str | None:
    """Return the ``id`` of the object ``name``, or None where there is no such object."""
    if name not in given:
        return None
    reference = given.object(name).text("id")
    if reference is None or not _REFERENCE.fullmatch(reference):
        raise errors.invalid_parameter(
            f"Value for reference id is missing or malformed. Path {given.object(name).path}.",
            "InvalidRequestFormat",
        )
    return reference


def referenced(cloud: Cloud, reference: str, type_: str, by: str) -> Resource:
    """Return the resource of ``type_`` that ``by`` refers to; raises InvalidResourceReference where there is none."""
    found = cloud.store.get(reference)
    if found is None or found.type != type_:
        raise invalid_reference(reference, by)
    return found


def invalid_reference(reference: str, by: str) -> errors.AzureError:
    """Return the refusal of a reference to what is not there, or in another region."""
    return errors.AzureError(
        400,
        "InvalidResourceReference",
        f"Resource {reference} referenced by resource {by} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
    )


def require_join(call: Call, type_: str, reference: str) -> None:
    """Refuse a caller who may write the resource, but not join it to what it refers to."""
    call.cloud.gate.require_linked(call.caller, call.action or "", call.scope, f"{type_}/join/action", reference)


def _links(call: Call, location: str, operation_id: str) -> dict[str, str]:
    path = f"providers/{NAMESPACE}/locations/{location}"
    return {
        "Azure-AsyncOperation": operation_url(call, f"{path}/operations/{operation_id}"),
        "Location": operation_url(call, f"{path}/operationResults/{operation_id}"),
        **(pace(call) or {"Retry-After": "3"}),
    }
