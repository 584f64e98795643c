"""What all of Microsoft.Compute's operations share: quotas, etags, and what goes on after the answer."""

from datetime import datetime
from typing import Any

from rbac.folding import fold
from sandbox.arm.polling import begin_operation, find_operation, operation_url, pace
from sandbox.arm.routing import GROUP, SUBSCRIPTION, Call, Operations
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.core.quota import Limit, Quota
from sandbox.core.resource_ids import VIRTUAL_MACHINE
from sandbox.state.long_operations import LongOperation
from sandbox.state.store import Resource

NAMESPACE = "Microsoft.Compute"
LOCATION = f"{SUBSCRIPTION}/providers/{NAMESPACE}/locations/{{location}}"
MACHINES = f"{GROUP}/providers/{VIRTUAL_MACHINE}"
MACHINE = MACHINES + "/{name}"

# Documented: https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits
PUT = Quota(NAMESPACE + "/PutVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
UPDATE = Quota(NAMESPACE + "/UpdateVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
DELETE = Quota(NAMESPACE + "/DeleteVM", Limit(1500, 25, seconds=3), Limit(12, 1, seconds=15))
GET = Quota(NAMESPACE + "/LowCostGet", Limit(24000, 400, seconds=3), Limit(36, 1, seconds=5))
LIST = Quota(NAMESPACE + "/HighCostGet", Limit(900, 5, seconds=1))
POLL = Quota(NAMESPACE + "/GetOperation", Limit(15000, 250, seconds=3), Limit(45, 1, seconds=4))

operations = Operations(NAMESPACE + "/locations/operations")


@operations.operation("GET", LOCATION + "/operations/{operation}", action=None, quota=POLL)
def _poll(call: Call) -> Answer:
    """Answer how far an operation is; with ``monitor=true`` as its result: 202 while it goes on, then 200."""
    operation = find_operation(call)
    if fold(call.query("monitor") or "") == "true":
        if operation.ended is None:
            return Answer(202, headers={**_links(call, call["location"], operation.id), **pace(call)})
        if "error" in operation.outcome:
            return Answer(409, {"error": operation.outcome["error"]})
        return Answer(200, operation.outcome.get("output"))
    return Answer(200, _status(operation), {} if operation.ended else pace(call))


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


def accept(call: Call, machine: Resource, what: str) -> Answer:
    """Keep a machine and begin the operation ``what`` on it; return the 202 with the links to follow it.

    ``what`` is the name of the operation's effect and of its duration: ``vm.delete``, for instance.
    """
    write(call, machine)
    return Answer(202, headers=follow(call, machine, begin_operation(call, what, machine.id)))


def write(call: Call, machine: Resource) -> dict[str, str]:
    """Keep a machine under its next etag, which is returned as a header."""
    number = int(str(machine.body.get("etag", '"0"')).strip('"')) + 1
    machine.body["etag"] = f'"{number}"'
    call.cloud.store.put(machine)
    return {"etag": machine.body["etag"]}


def follow(call: Call, machine: Resource, operation_id: str) -> dict[str, str]:
    """Return the headers to follow an operation on ``machine`` that was begun."""
    links = _links(call, machine.body["location"], operation_id)
    return {**links, "azure-asyncnotification": "Enabled", **pace(call)}


def check_allowed(machine: Resource, operation: str) -> None:
    """Refuse an operation on a machine that is being made or deleted."""
    state, name = machine.properties["provisioningState"], machine.body["name"]
    if state == "Creating":
        raise errors.refusal("OperationNotAllowed.beingMade", operation, name)
    if state == "Deleting":
        raise errors.refusal("OperationNotAllowed.beingDeleted", operation, name)


def missing(name: str) -> errors.AzureError:
    """Return Compute's refusal of a request without ``name``."""
    return errors.refusal("InvalidParameter.missing", name)


def compute_time(moment: datetime) -> str:
    """Return ``moment`` as Compute writes it: with the offset spelled out."""
    return timestamp(moment).removesuffix("Z") + "+00:00"


def _links(call: Call, location: str, operation_id: str) -> dict[str, str]:
    path = f"providers/{NAMESPACE}/locations/{location}/operations/{operation_id}"
    partition = f"p={call.cloud.ids.guid('partition', location)}&"
    return {
        "azure-asyncoperation": operation_url(call, path, partition),
        "location": operation_url(call, path, f"{partition}monitor=true&"),
    }
