"""What all of Microsoft.Network's resources share: their form, their answers and their operations to poll."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.fields import Fields
from sandbox.arm.polling import begin_operation, find_operation, on_completion, operation_url, pace
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
from sandbox.arm.schema import Schema
from sandbox.arm.tracked import declare_reads, existing_parent, find, find_or_make, remove
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.data_files import read_data
from sandbox.core.http import Answer
from sandbox.state.store import Resource

NAMESPACE = "Microsoft.Network"
VIRTUAL_NETWORK = NAMESPACE + "/virtualNetworks"
SUBNET = VIRTUAL_NETWORK + "/subnets"
INTERFACE = NAMESPACE + "/networkInterfaces"
PUBLIC_ADDRESS = NAMESPACE + "/publicIPAddresses"
SECURITY_GROUP = NAMESPACE + "/networkSecurityGroups"

_DEFAULTS: dict[str, dict[str, Any]] = read_data(__file__, "defaults.yaml")
_SCHEMA = Schema(read_data(__file__, "schema.yaml"), partial(errors.refusal, "InvalidRequestFormat.member"))
_LOCATION = f"{SUBSCRIPTION}/providers/{NAMESPACE}/locations/{{location}}"
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,78}\w)?", re.ASCII)
_OWN = ("provisioningState", "resourceGuid")
_REFERENCE = re.compile(r"(/[\w.()-]+)+")


@dataclass(frozen=True, slots=True)
class Kind:
    """What one type of resources has of its own.

    ``model`` is the schema's type of their bodies. ``fill`` gives a resource what the body of a PUT says, as the schema
    reads it; ``check_unused`` refuses to delete one that something needs; ``show`` makes what is shown of one.
    """

    type: str
    model: str
    fill: Callable[[Call, Resource, dict[str, Any]], None]
    check_unused: Callable[[Cloud, Resource], None] = lambda cloud, resource: None
    show: Callable[[Cloud, Resource], dict[str, Any]] = lambda cloud, resource: resource.body

    @property
    def collection(self) -> str:
        """The last part of the type: ``subnets``."""
        return self.type.rpartition("/")[2]


operations = Operations(NAMESPACE + "/locations")


@operations.operation("GET", _LOCATION + "/operations/{operation}", action=None)
def _poll(call: Call) -> Answer:
    operation = find_operation(call)
    if operation.ended is None:
        return Answer(200, {"status": "InProgress"}, pace(call))
    return Answer(200, {"status": "Succeeded"})


@operations.operation("GET", _LOCATION + "/operationResults/{operation}", action=None)
def _poll_result(call: Call) -> Answer:
    """Answer 202 while an operation is going on, then 204; both with the links to follow it."""
    operation = find_operation(call)
    return Answer(204 if operation.ended else 202, headers=_links(call, call["location"], operation.id))


def declare_effects(cloud: Cloud) -> None:
    """Say what completes a write, and a deletion."""

    def written(resource: Resource) -> None:
        for each in (resource, *cloud.store.list(resource.id)):
            if each.properties["provisioningState"] == "Updating":
                each.properties["provisioningState"] = "Succeeded"
                cloud.store.put(each)

    on_completion(cloud, "network.write", "Updating", written)
    on_completion(cloud, "network.delete", "Deleting", lambda resource: remove(cloud, resource.id))


def declare_operations(kind: Kind) -> Operations:
    """Declare how resources of a kind are made, changed, read, listed and deleted."""
    declared, type_ = Operations(kind.type), kind.type
    path = f"{GROUP}/providers/{type_}/{{name}}"
    declare_reads(declared, type_, kind.show)

    @declared.operation("PUT", path, action=type_ + "/write")
    def put(call: Call) -> Answer:
        body = call.body()
        location, tags = body.location(type_), body.tags()
        make = partial(new_resource, call.cloud, type_, name=call["name"], location=location)
        resource, is_new = find_or_make(call, type_, location, make)
        resource.body.pop("tags", None)
        if tags is not None:
            resource.body["tags"] = tags
        kind.fill(call, resource, read_body(call, resource, body, kind.model))
        is_ready = is_new and type_ == INTERFACE
        return _accept_write(call, kind, resource, location, 201 if is_new else 200, is_ready=is_ready)

    @declared.operation("DELETE", path, action=type_ + "/delete")
    def delete(call: Call) -> Answer:
        resource = find(call, type_)
        return Answer(204) if resource is None else _accept_delete(call, kind, resource, resource.body["location"])

    return declared


def declare_children(parent_type: str, kind: Kind, check: Callable[[Cloud, Resource], None]) -> Operations:
    """Declare the same for resources that are kept by themselves, and are shown within their parents too.

    ``check`` refuses the children that a parent has, if they do not go together.
    """
    declared = Operations(kind.type)
    collection = f"{GROUP}/providers/{parent_type}/{{name}}/{kind.collection}"
    path = collection + "/{child}"
    find_parent = partial(existing_parent, resource_type=parent_type, child_type=kind.type)

    @declared.operation("PUT", path, action=kind.type + "/write")
    def put(call: Call) -> Answer:
        parent, child = find_parent(call), call.cloud.store.get(call.scope)
        status = 200 if child else 201
        child = child or new_child(kind, parent, call["child"])
        kind.fill(call, child, read_body(call, child, call.body(), kind.model))
        answer = _accept_write(call, kind, child, parent.body["location"], status)
        check(call.cloud, parent)
        return answer

    @declared.operation("GET", path, action=kind.type + "/read")
    def get(call: Call) -> Answer:
        parent, child = find_parent(call), call.cloud.store.get(call.scope)
        if child is None:
            missing = f"{parent.id}/{kind.collection}/{call['child']}"
            raise errors.refusal("NotFound.child", missing, details=[])
        return Answer(200, kind.show(call.cloud, child), {"ETag": child.body["etag"]})

    @declared.operation("GET", collection, action=kind.type + "/read")
    def get_list(call: Call) -> Answer:
        return Answer(200, {"value": show_children(call.cloud, kind, find_parent(call))})

    @declared.operation("DELETE", path, action=kind.type + "/delete")
    def delete(call: Call) -> Answer:
        child = call.cloud.store.get(call.scope)
        return Answer(204) if child is None else _accept_delete(call, kind, child, find_parent(call).body["location"])

    return declared


def new_child(kind: Kind, parent: Resource, name: str) -> Resource:
    """Return a child of ``parent`` that is not kept yet."""
    check_name(name)
    properties = {"provisioningState": "Succeeded"}
    child_id = f"{parent.id}/{kind.collection}/{name}"
    return Resource({"name": name, "id": child_id, "etag": "", "properties": properties, "type": kind.type})


def replace_children(call: Call, kind: Kind, parent: Resource, given: list[dict[str, Any]]) -> None:
    """Have ``parent`` have the children in its request, and no others."""
    store, names = call.cloud.store, [_read_name(entry, kind.collection) for entry in given]
    kept = {fold(name) for name in names}
    if len(kept) < len(names):
        raise errors.refusal("InvalidRequestFormat.nameTwice", kind.collection)
    for child in store.list(parent.id, kind.type):
        if fold(child.body["name"]) not in kept:
            kind.check_unused(call.cloud, child)
            remove(call.cloud, child.id)
    for name, entry in zip(names, given, strict=True):
        child = store.get(f"{parent.id}/{kind.collection}/{name}") or new_child(kind, parent, name)
        kind.fill(call, child, entry)
        if child != store.get(child.id):
            child.properties["provisioningState"] = "Updating"
            keep(call.cloud, child)


def show_children(cloud: Cloud, kind: Kind, parent: Resource) -> list[dict[str, Any]]:
    """Return the children of ``parent`` as they are shown; rules by their priority."""
    shown = [kind.show(cloud, child) for child in cloud.store.list(parent.id, kind.type)]
    return sorted(shown, key=lambda child: int(child["properties"].get("priority", 0)))


def show_with_children(cloud: Cloud, kind: Kind, parent: Resource) -> dict[str, Any]:
    """Return a parent with its children in it."""
    children = {kind.collection: show_children(cloud, kind, parent)}
    return {**parent.body, "properties": {**parent.properties, **children}}


def read_body(call: Call, resource: Resource, body: Fields, model: str) -> dict[str, Any]:
    """Return a body as the schema reads it; what it refers to has to be there, for the caller to join."""

    def refer(reference: str | None, type_: str, path: str) -> None:
        if reference is None or not _REFERENCE.fullmatch(reference):
            raise errors.refusal("InvalidRequestFormat.reference", path)
        joined(call, resource, reference, f"{NAMESPACE}/{type_}")

    return _SCHEMA.read(body, model, refer)


def set_properties(resource: Resource, given: dict[str, Any]) -> None:
    """Give a resource the properties that a request says, and those that it has without being told."""
    own = {name: resource.properties[name] for name in _OWN if name in resource.properties}
    resource.body["properties"] = {**own, **_DEFAULTS.get(resource.type, {}), **given}


def new_resource(cloud: Cloud, type_: str, group: str, name: str, location: str) -> Resource:
    """Return a resource that is not kept yet, with what all of them have."""
    check_name(name)
    resource_id = f"{cloud.seed_data.group(group)}/providers/{type_}/{name}"
    key = canonical(resource_id)
    guid = cloud.ids.guid("resourceGuid", key, cloud.store.next_number(f"generation of {key}"))
    properties = {"provisioningState": "Succeeded", "resourceGuid": guid}
    own = {"name": name, "id": resource_id, "etag": "", "type": type_, "location": location}
    return Resource({**own, "properties": properties})


def keep(cloud: Cloud, resource: Resource) -> None:
    """Keep a resource that was written, under a new etag."""
    key = canonical(resource.id)
    resource.body["etag"] = f'W/"{cloud.ids.guid("etag", key, cloud.store.next_number(f"writes of {key}"))}"'
    cloud.store.put(resource)


def _accept_write(
    call: Call, kind: Kind, resource: Resource, location: str, status: int, *, is_ready: bool = False
) -> Answer:
    resource.properties["provisioningState"] = "Succeeded" if is_ready else "Updating"
    keep(call.cloud, resource)
    body = kind.show(call.cloud, resource)
    links = _links(call, location, begin_operation(call, "network.write", resource.id))
    del links["Location"]
    return Answer(status, body, links)


def _accept_delete(call: Call, kind: Kind, resource: Resource, location: str) -> Answer:
    kind.check_unused(call.cloud, resource)
    resource.properties["provisioningState"] = "Deleting"
    call.cloud.store.put(resource)
    return Answer(202, headers=_links(call, location, begin_operation(call, "network.delete", resource.id)))


def check_name(name: str) -> None:
    """Refuse a name that no network resource may have."""
    if not _NAME.fullmatch(name):
        raise errors.refusal("InvalidResourceName.network", name)


def _read_name(entry: dict[str, Any], where: str) -> str:
    if "name" not in entry:
        raise errors.refusal("InvalidRequestFormat.name", where)
    return str(entry["name"])


def joined(call: Call, by: Resource, reference: str, type_: str) -> Resource:
    """Return the resource of ``type_`` with the id ``reference``, if it is there and the caller may join it."""
    call.cloud.gate.require_linked(call.caller, call.action or "", call.scope, f"{type_}/join/action", reference)
    found = call.cloud.store.get(reference)
    if found is None or found.type != type_:
        raise invalid_reference(reference, by.id)
    return found


def invalid_reference(reference: str, by: str) -> errors.AzureError:
    """Return the refusal of a reference to what is not there, or in another region."""
    return errors.refusal("InvalidResourceReference", reference, by)


def users_of(cloud: Cloud, resource_id: str, name: str) -> Iterator[str]:
    """Yield the ids of the ip configurations whose ``name`` (``publicIPAddress``, ``subnet``) is this resource."""
    key = canonical(resource_id)
    for interface in cloud.store.list(cloud.seed_data.subscription, INTERFACE):
        for configuration in interface.properties["ipConfigurations"]:
            reference = configuration["properties"].get(name)
            if reference and canonical(reference["id"]) == key:
                yield configuration["id"]


def _links(call: Call, location: str, operation_id: str) -> dict[str, str]:
    path = f"providers/{NAMESPACE}/locations/{location}"
    return {
        "Azure-AsyncOperation": operation_url(call, f"{path}/operations/{operation_id}"),
        "Location": operation_url(call, f"{path}/operationResults/{operation_id}"),
        "Azure-AsyncNotification": "Enabled",
        **(pace(call) or {"Retry-After": "3"}),
    }
