"""What all of Microsoft.Network's resources share: their form, their answers and their operations to poll."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import Fields, read_location, read_tags
from sandbox.arm.listing import list_resources
from sandbox.arm.network import schema
from sandbox.arm.polling import begin_operation, find_operation, operation_url, pace
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
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

_LOCATION = f"{SUBSCRIPTION}/providers/{NAMESPACE}/locations/{{location}}"
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", re.ASCII)
_OWN = ("provisioningState", "resourceGuid")
_REFERENCE = re.compile(r"(/[\w.()-]+)+")

Fill = Callable[[Call, Resource, dict[str, Any]], None]
Check = Callable[[Cloud, Resource], None]
Show = Callable[[Cloud, Resource], dict[str, Any]]

operations = Operations(NAMESPACE + "/locations", versions.NETWORK)


@operations.operation("GET", _LOCATION + "/operations/{operation}", action=None)
def poll(call: Call) -> Answer:
    """Answer how far an operation is."""
    operation = find_operation(call)
    if operation.ended is None:
        return Answer(200, {"status": "InProgress"}, pace(call))
    return Answer(200, {"status": "Succeeded"})


@operations.operation("GET", _LOCATION + "/operationResults/{operation}", action=None)
def poll_result(call: Call) -> Answer:
    """Answer 202 while an operation is going on, then 204; both with the links to follow it."""
    operation = find_operation(call)
    return Answer(204 if operation.ended else 202, headers=_links(call, call["location"], operation.id))


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


def declare_operations(
    type_: str, model: str, *, fill: Fill, check_unused: Check, show: Show = lambda _, resource: resource.body
) -> Operations:
    """Declare how resources of a type are made, changed, read, listed and deleted.

    ``model`` is the schema's type of their bodies. ``fill`` gives a resource what the body of a PUT says, as the schema
    reads it; ``check_unused`` refuses to delete one that something needs; ``show`` makes what is shown of one.
    """
    declared = Operations(type_, versions.NETWORK)
    in_group, in_subscription = f"{GROUP}/providers/{type_}", f"{SUBSCRIPTION}/providers/{type_}"
    path = in_group + "/{name}"

    @declared.operation("PUT", path, action=type_ + "/write")
    def put(call: Call) -> Answer:
        body = call.json()
        location, tags = read_location(body, type_), read_tags(body)
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
        fill(call, resource, read_body(call, resource, body, model))
        return accept_write(call, resource, location, is_new, show)

    @declared.operation("GET", path, action=type_ + "/read")
    def get(call: Call) -> Answer:
        resource = existing(call, type_)
        return Answer(200, show(call.cloud, resource), {"ETag": resource.body["etag"]})

    @declared.operation("GET", in_group, action=type_ + "/read", filtered=True)
    @declared.operation("GET", in_subscription, action=type_ + "/read", filtered=True)
    def get_list(call: Call) -> Answer:
        return list_resources(call, call.scope, type_, show=lambda resource: show(call.cloud, resource))

    @declared.operation("DELETE", path, action=type_ + "/delete")
    def delete(call: Call) -> Answer:
        resource = find(call, type_)
        if resource is None:
            return Answer(204)
        check_unused(call.cloud, resource)
        return accept_delete(call, resource, resource.body["location"])

    return declared


def read_body(call: Call, resource: Resource, body: dict[str, Any], model: str) -> dict[str, Any]:
    """Return a body as the schema reads it; what it refers to has to be there, and the caller may join it.

    Raises:
        AzureError: 400 as the schema does, and InvalidResourceReference; 403 LinkedAuthorizationFailed.
    """

    def refer(reference: str | None, type_: str, path: str) -> None:
        if reference is None or not _REFERENCE.fullmatch(reference):
            raise errors.invalid_parameter(
                f"Value for reference id is missing or malformed. Path {path}.", "InvalidRequestFormat"
            )
        joined(call, resource, reference, f"{NAMESPACE}/{type_}")

    return schema.read(Fields(body, ""), model, refer)


def set_properties(resource: Resource, given: dict[str, Any], **values: Any) -> None:
    """Give a resource the properties that a request says; ``values`` come first, and in their place."""
    own = {name: resource.properties[name] for name in _OWN if name in resource.properties}
    resource.body["properties"] = {**own, **values, **given, **values}


def new_resource(cloud: Cloud, type_: str, group: str, name: str, location: str) -> Resource:
    """Return a resource that is not kept yet, with what all of them have."""
    resource_id = f"{cloud.seed_data.group(group)}/providers/{type_}/{name}"
    key = canonical(resource_id)
    guid = cloud.ids.guid("resourceGuid", key, cloud.store.next_number(f"generation of {key}"))
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
    resource.body["etag"] = f'W/"{cloud.ids.guid("etag", key, cloud.store.next_number(f"writes of {key}"))}"'
    cloud.store.put(resource)


def accept_write(call: Call, resource: Resource, location: str, is_new: bool, show: Show) -> Answer:
    """Keep what a PUT made or changed, and answer it: 201 or 200, with a link to follow."""
    is_ready = is_new and resource.type == INTERFACE
    resource.properties["provisioningState"] = "Succeeded" if is_ready else "Updating"
    keep(call.cloud, resource)
    body = show(call.cloud, resource)
    links = begin(call, "network.write", resource, location)
    del links["Location"]
    return Answer(201 if is_new else 200, body, links)


def accept_delete(call: Call, resource: Resource, location: str) -> Answer:
    """Begin to delete a resource."""
    resource.properties["provisioningState"] = "Deleting"
    call.cloud.store.put(resource)
    call.cloud.assignments.delete_under(resource.id)
    return Answer(202, headers=begin(call, "network.delete", resource, location))


def check_name(name: str) -> None:
    """Refuse a name that no network resource may have."""
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
            "character, and it must end with a word character or with '_'. The name may contain word characters or "
            "'.', '-', '_'.",
            "InvalidResourceName",
        )


def read_name(entry: dict[str, Any], where: str) -> str:
    """Return the name of an entry in the list ``where``."""
    if "name" not in entry:
        raise errors.invalid_parameter(f"An entry of properties.{where} has no name.", "InvalidRequestFormat")
    name = str(entry["name"])
    check_name(name)
    return name


def joined(call: Call, by: Resource, reference: str, type_: str) -> Resource:
    """Return the resource of ``type_`` with the id ``reference``.

    Raises:
        AzureError: 403 LinkedAuthorizationFailed where the caller may not join anything to it; 400
            InvalidResourceReference where it is not there.
    """
    call.cloud.gate.require_linked(call.caller, call.action or "", call.scope, f"{type_}/join/action", reference)
    found = call.cloud.store.get(reference)
    if found is None or found.type != type_:
        raise invalid_reference(reference, by.id)
    return found


def parent_id(call: Call, type_: str) -> str:
    """Return the id of the resource of ``type_`` that the path's child resource belongs to."""
    return f"{call.cloud.seed_data.group(call['resource_group'])}/providers/{type_}/{call['name']}"


def not_found(resource_id: str) -> errors.AzureError:
    """Return the refusal of a child resource that is not there, though its parent is."""
    return errors.AzureError(404, "NotFound", f"Resource {resource_id} not found.", details=[])


def invalid_reference(reference: str, by: str) -> errors.AzureError:
    """Return the refusal of a reference to what is not there, or in another region."""
    return errors.AzureError(
        400,
        "InvalidResourceReference",
        f"Resource {reference} referenced by resource {by} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
    )


def users_of(cloud: Cloud, resource_id: str, name: str) -> Iterator[str]:
    """Yield the ids of the ip configurations whose ``name`` (``publicIPAddress``, ``subnet``) is this resource."""
    key = canonical(resource_id)
    for interface in cloud.store.list(cloud.seed_data.subscription, INTERFACE):
        for configuration in interface.properties["ipConfigurations"]:
            reference = configuration["properties"].get(name)
            if reference and canonical(reference["id"]) == key:
                yield configuration["id"]


def begin(call: Call, what: str, resource: Resource, location: str) -> dict[str, str]:
    """Begin the operation ``what`` on a resource that was kept; return the headers to follow it."""
    seconds = call.cloud.timing.seconds("network.write")
    return _links(call, location, begin_operation(call, what, resource.id, seconds))


def _links(call: Call, location: str, operation_id: str) -> dict[str, str]:
    path = f"providers/{NAMESPACE}/locations/{location}"
    return {
        "Azure-AsyncOperation": operation_url(call, f"{path}/operations/{operation_id}"),
        "Location": operation_url(call, f"{path}/operationResults/{operation_id}"),
        "Azure-AsyncNotification": "Enabled",
        **(pace(call) or {"Retry-After": "3"}),
    }
