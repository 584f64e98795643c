"""Resource groups, and what is in them."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

from rbac.folding import fold
from sandbox.arm.fields import Fields
from sandbox.arm.listing import list_resources, resource_condition
from sandbox.arm.polling import begin_operation, follow_operation, pace
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
from sandbox.arm.tracked import existing_group, remove
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer, read_json
from sandbox.core.resource_ids import RESOURCE_GROUP
from sandbox.state.store import Resource

_READ, _WRITE, _DELETE = (
    f"Microsoft.Resources/subscriptions/resourceGroups/{each}" for each in ("read", "write", "delete")
)
_NAME = re.compile(r"[\w.()-]{0,89}[\w()-]")  # ARM: letters and digits of any script, - _ . ( ), no dot at the end

operations = Operations(RESOURCE_GROUP)


@operations.operation("GET", f"{SUBSCRIPTION}/resourceGroups", action=_READ, filtered=True)
def _list_groups(call: Call) -> Answer:
    condition = resource_condition(call, ("tagname", "tagvalue", "name", "location"))
    return list_resources(call, call.scope, RESOURCE_GROUP, where=condition)


@operations.operation("GET", GROUP, action=_READ)
def _get_group(call: Call) -> Answer:
    return Answer(200, existing_group(call).body)


@operations.operation("HEAD", GROUP, action=_READ)
def _head_group(call: Call) -> Answer:
    found = call.cloud.store.get(call.scope)
    return Answer(404 if found is None else 204)


@operations.operation("PUT", GROUP, action=_WRITE)
def _put_group(call: Call) -> Answer:
    body = call.body()
    location = body.location(RESOURCE_GROUP)
    name = call["resource_group"]
    existing = call.cloud.store.get(call.scope)
    if existing is None:
        if not _NAME.fullmatch(name):
            raise errors.refusal("InvalidResourceGroupName", name)
        resource = _new(call.cloud, name, location)
    else:
        resource = existing
        if resource.body["location"] != location:
            raise errors.refusal("InvalidResourceGroupLocation", location, resource.body["location"])
    _set_tags(resource, body)
    managed_by = body.text("managedBy")
    if managed_by is not None:
        resource.body["managedBy"] = managed_by
    call.cloud.store.put(resource)
    return Answer(201 if existing is None else 200, resource.body)


@operations.operation("PATCH", GROUP, action=_WRITE)
def _patch_group(call: Call) -> Answer:
    resource = existing_group(call)
    _set_tags(resource, call.body())
    call.cloud.store.put(resource)
    return Answer(200, resource.body)


@operations.operation("DELETE", GROUP, action=_DELETE)
def _delete_group(call: Call) -> Answer:
    resource = existing_group(call)
    resource.properties["provisioningState"] = "Deleting"
    call.cloud.store.put(resource)
    return _accepted(call, begin_operation(call, "group.delete", resource.id, _READ))


@operations.operation("GET", SUBSCRIPTION + "/operationresults/{job}", action=None)
def _poll_delete(call: Call) -> Answer:
    """Answer 202 while a group is being deleted, then 200 and nothing."""
    operation_id = _operation_id(call["job"])
    operation = follow_operation(call, operation_id, errors.refusal("OperationNotFound", operation_id))
    return _accepted(call, operation.id) if operation.ended is None else Answer(200)


@operations.operation(
    "GET", f"{SUBSCRIPTION}/resources", action="Microsoft.Resources/subscriptions/resources/read", filtered=True
)
@operations.operation(
    "GET", f"{GROUP}/resources", action="Microsoft.Resources/subscriptions/resourceGroups/resources/read", filtered=True
)
def _list_all(call: Call) -> Answer:
    condition = resource_condition(call, ("resourcetype", "name", "location", "resourcegroup", "tagname", "tagvalue"))
    expand = [name.strip() for name in fold(call.query("$expand") or "").split(",")]
    # A group is no resource of itself, a custom role and a child resource are none of their group.
    return list_resources(
        call,
        call.scope,
        None,
        show=lambda resource: _summary(resource, expand),
        where=lambda resource: "location" in resource.body and resource.type != RESOURCE_GROUP and condition(resource),
    )


def _summary(resource: Resource, expand: list[str]) -> dict[str, Any]:
    shown = {key: value for key, value in resource.body.items() if key not in ("properties", "etag")}
    for name, kept_as in (("createdTime", "created"), ("changedTime", "changed")):
        if fold(name) in expand and kept_as in resource.internal:
            shown[name] = timestamp(datetime.fromtimestamp(resource.internal[kept_as], UTC))
    if "provisioningstate" in expand:
        shown["provisioningState"] = resource.properties.get("provisioningState", "Succeeded")
    return shown


def declare_effects(cloud: Cloud) -> None:
    """Say what completes the deletion of a group."""

    def delete(group_id: str) -> None:
        for resource in cloud.store.list(group_id):
            if resource.type in cloud.on_removal:
                cloud.on_removal[resource.type](resource)
        remove(cloud, group_id)

    cloud.long_operations.on("group.delete", delete)


def _new(cloud: Cloud, name: str, location: str) -> Resource:
    own = {"id": cloud.seed_data.group(name), "name": name, "type": RESOURCE_GROUP, "location": location}
    return Resource({**own, "properties": {"provisioningState": "Succeeded"}})


def _set_tags(resource: Resource, body: Fields) -> None:
    tags = body.tags()
    if tags is not None:
        resource.body["tags"] = tags


def _accepted(call: Call, operation_id: str) -> Answer:
    job = {"jobId": f"RESOURCEGROUPDELETIONJOB-{operation_id}", "jobLocation": "eastus"}
    token = base64.urlsafe_b64encode(json.dumps(job, separators=(",", ":")).encode()).decode().rstrip("=")
    url = f"{call.request.base_url}/subscriptions/{call['subscription']}/operationresults/{token}"
    return Answer(202, headers={"Location": f"{url}?api-version={call.api_version}", **pace(call, "15")})


def _operation_id(token: str) -> str:
    try:
        job = read_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return str(job["jobId"]).partition("-")[2]
    except (ValueError, TypeError, KeyError):
        return ""
