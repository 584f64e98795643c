"""What the resources of all providers have in common: they are in a group, in a place, and there or not."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from sandbox.arm.listing import list_resources
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource


def declare_reads(
    owner: Operations,
    type_: str,
    show: Callable[[Cloud, Resource], dict[str, Any]] = lambda cloud, resource: resource.body,
) -> None:
    """Declare how resources of a type are read: one, those of a group, and those of the subscription."""

    @owner.operation("GET", f"{GROUP}/providers/{type_}/{{name}}", action=f"{type_}/read")
    def get(call: Call) -> Answer:
        resource = existing(call, type_)
        headers = {"ETag": resource.body["etag"]} if "etag" in resource.body else {}
        return Answer(200, show(call.cloud, resource), headers)

    @owner.operation("GET", f"{GROUP}/providers/{type_}", action=f"{type_}/read", filtered=True)
    @owner.operation("GET", f"{SUBSCRIPTION}/providers/{type_}", action=f"{type_}/read", filtered=True)
    def get_list(call: Call) -> Answer:
        return list_resources(call, call.scope, type_, show=lambda resource: show(call.cloud, resource))


def existing_group(call: Call) -> Resource:
    """Return the request's resource group; raises ResourceGroupNotFound where there is none."""
    name = call["resource_group"]
    group = call.cloud.store.get(call.cloud.seed_data.group(name))
    if group is None:
        raise errors.refusal("ResourceGroupNotFound", name)
    return group


def find(call: Call, resource_type: str) -> Resource | None:
    """Return the resource at the request's scope, or None."""
    found = call.cloud.store.get(call.scope)
    return None if found is None or found.type != resource_type else found


def named_by(call: Call, resource_type: str) -> Resource | None:
    """Return the resource of this type, in the request's group, that the path calls ``{name}``; or None."""
    group = call.cloud.seed_data.group(call["resource_group"])
    return call.cloud.store.get(f"{group}/providers/{resource_type}/{call['name']}")


def existing_parent(call: Call, resource_type: str, child_type: str) -> Resource:
    """Return the resource that the path calls ``{name}``; raises ParentResourceNotFound where there is none."""
    found = named_by(call, resource_type)
    if found is None:
        raise errors.refusal("ParentResourceNotFound", child_type, call["name"])
    return found


def existing(call: Call, resource_type: str) -> Resource:
    """Return the resource at the request's scope; raises ResourceNotFound where there is none."""
    found = find(call, resource_type)
    if found is None:
        raise errors.refusal("ResourceNotFound", resource_type, call["name"], call["resource_group"])
    return found


def remove(cloud: Cloud, resource_id: str) -> None:
    """Forget a resource and everything below it, with what was granted there."""
    cloud.store.delete(resource_id)
    cloud.assignments.delete_under(resource_id)


def location_of(resource: Resource) -> dict[str, str]:
    """Return the header that tells where a new resource is: its id, as far as a header can hold it."""
    return {"location": quote(resource.id, safe="/()")}


def find_or_make(
    call: Call, resource_type: str, location: str, make: Callable[[str], Resource]
) -> tuple[Resource, bool]:
    """Return the resource that a PUT is for, and whether it is new; ``make`` makes one in the group of this name."""
    found = find(call, resource_type)
    group = existing_group(call).body["name"]
    if found is None:
        return make(group), True
    name, there = found.body["name"], found.body["location"]
    if there != location:
        raise errors.refusal("InvalidResourceLocation", name, there, group, location)
    return found, False
