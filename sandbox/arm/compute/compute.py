"""What all of Microsoft.Compute's answers share: quotas, etags, and operations to poll."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox.arm import versions
from sandbox.arm.polling import find_operation, operation_url, pace
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.core.quota import Limit, Quota
from sandbox.state.long_operations import LongOperation
from sandbox.state.store import Resource

NAMESPACE = "Microsoft.Compute"

# Documented: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
PUT = Quota(NAMESPACE + "/PutVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
UPDATE = Quota(NAMESPACE + "/UpdateVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
DELETE = Quota(NAMESPACE + "/DeleteVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
GET = Quota(NAMESPACE + "/LowCostGet", Limit(24000, 400, seconds=3), Limit(36, 1, seconds=5))
LIST = Quota(NAMESPACE + "/HighCostGet", Limit(900, 5, seconds=1))
POLL = Quota(NAMESPACE + "/GetOperation", Limit(15000, 250, seconds=3), Limit(45, 1, seconds=4))

operations = Operations(NAMESPACE + "/locations/operations", versions.COMPUTE)


@operations.operation(
    "GET",
    "/subscriptions/{subscription}/providers/" + NAMESPACE + "/locations/{location}/operations/{operation}",
    action=None,
    quota=POLL,
)
def poll(call: Call) -> Answer:
    """Answer how far an operation is; with ``monitor=true`` as its result: 202 while it goes on, then 200."""
    operation = find_operation(call)
    if (call.query("monitor") or "").casefold() == "true":
        if operation.ended is None:
            return Answer(202, headers={**_links(call, call["location"], operation.id), **pace(call)})
        return _result(operation)
    return Answer(200, _status(operation), {} if operation.ended else pace(call))


def _result(operation: LongOperation) -> Answer:
    if "error" in operation.outcome:
        return Answer(409, {"error": operation.outcome["error"]})
    return Answer(200, operation.outcome.get("output"))


def _status(operation: LongOperation) -> dict[str, Any]:
    body: dict[str, Any] = {"startTime": compute_time(operation.started)}
    if operation.ended is None:
        return body | {"status": "InProgress", "name": operation.id}
    body["endTime"] = compute_time(operation.ended)
    if "error" in operation.outcome:
        return body | {"status": "Failed", "error": operation.outcome["error"], "name": operation.id}
    body["status"] = "Succeeded"
    if "output" in operation.outcome:
        body["properties"] = {"output": operation.outcome["output"]}
    return body | {"name": operation.id}


def begin(call: Call, resource: Resource, what: str, *, with_location: bool) -> dict[str, str]:
    """Begin the operation ``what`` (the name of its effect and of its duration); return the headers to follow it.

    Args:
        call: The request.
        resource: What it is about, kept already as it is while the operation goes on.
        what: ``vm.create``, for instance.
        with_location: Whether the answer is a 202, which has a ``location`` too.
    """
    cloud = call.cloud
    operation_id = cloud.long_operations.begin(what, resource.id, cloud.timing.seconds(what))
    headers = follow(call, resource, operation_id)
    if not with_location:
        del headers["location"]
    return headers


def follow(call: Call, resource: Resource, operation_id: str) -> dict[str, str]:
    """Return the headers to follow an operation on ``resource`` that was begun."""
    links = _links(call, resource.body["location"], operation_id)
    return {**links, "azure-asyncnotification": "Enabled", **pace(call)}


def touch(resource: Resource) -> dict[str, str]:
    """Count up the etag of a resource that is written; return it as a header."""
    number = int(str(resource.body.get("etag", '"0"')).strip('"')) + 1
    resource.body["etag"] = f'"{number}"'
    return {"etag": resource.body["etag"]}


def check_conditions(call: Call, existing: Resource | None) -> None:
    """Refuse a write whose ``If-Match`` or ``If-None-Match`` does not go with what is there."""
    etag = None if existing is None else existing.body["etag"]
    match, none_match = (call.request.headers.get(name) for name in ("If-Match", "If-None-Match"))
    if (match and not _matches(match, etag)) or (none_match and _matches(none_match, etag)):
        raise errors.AzureError(
            412, "PreconditionFailed", "The condition of the request is not met by the resource's current etag."
        )


def compute_time(moment: datetime) -> str:
    """Return ``moment`` as Compute writes it: with the offset spelled out."""
    return timestamp(moment).removesuffix("Z") + "+00:00"


def _matches(condition: str, etag: str | None) -> bool:
    return etag is not None and (condition.strip() == "*" or etag in (part.strip() for part in condition.split(",")))


def _links(call: Call, location: str, operation_id: str) -> dict[str, str]:
    path = f"providers/{NAMESPACE}/locations/{location}/operations/{operation_id}"
    partition = f"p={call.cloud.ids.guid('partition', location)}&"
    return {
        "azure-asyncoperation": operation_url(call, path, partition),
        "location": operation_url(call, path, f"{partition}monitor=true&"),
    }
