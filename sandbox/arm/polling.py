"""How clients follow a long-running operation: the links in its answer, and what they lead to."""

from collections.abc import Callable

from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.resource_ids import parse_resource_id
from sandbox.state.long_operations import LongOperation
from sandbox.state.store import Resource


def begin_operation(call: Call, effect: str, target: str, action: str = "", seconds: float | None = None) -> str:
    """Begin an operation on the resource id ``target``; return the operation's id.

    Besides the caller, whoever may do ``action`` on the target may follow it: without one, whoever may read it. It
    takes as many ``seconds`` as its effect does in this sandbox, unless told otherwise.
    """
    action = action or f"{parse_resource_id(target).type}/read"
    seconds = call.cloud.timing.seconds(effect) if seconds is None else seconds
    return call.cloud.long_operations.begin(effect, target, seconds, begun_by=call.caller.object_id, action=action)


def on_completion(cloud: Cloud, effect: str, state: str, complete: Callable[[Resource], None]) -> None:
    """Declare what completes ``effect`` on a resource, unless by then it is gone or its provisioning state another."""

    def act(resource_id: str) -> None:
        resource = cloud.store.get(resource_id)
        if resource is not None and resource.properties["provisioningState"] == state:
            complete(resource)

    cloud.long_operations.on(effect, act)


def operation_url(call: Call, path: str, query: str = "") -> str:
    """Return the absolute link to ``path`` below the subscription, for the api-version of the request."""
    subscription = call.cloud.seed_data.subscription
    return f"{call.request.base_url}{subscription}/{path}?{query}api-version={call.api_version}"


def pace(call: Call, retry_after: str = "") -> dict[str, str]:
    """Return the header that tells a client how soon to ask again.

    ``retry_after`` is what Azure says, in seconds; nothing where it leaves that to the client.
    """
    seconds = call.cloud.timing.poll_after
    if seconds is not None:
        return {"x-ms-retry-after-ms": str(int(seconds * 1000))}
    return {"Retry-After": retry_after} if retry_after else {}


def find_operation(call: Call) -> LongOperation:
    """Return the operation ``{operation}`` of the path, as ``follow_operation`` does."""
    operation_id = call["operation"]
    return follow_operation(call, operation_id, errors.refusal("NotFound.operation", operation_id))


def follow_operation(call: Call, operation_id: str, unknown: errors.AzureError) -> LongOperation:
    """Return an operation to who began it, or may do what it was begun with on what it is about.

    ``unknown`` is the refusal of one that never was.
    """
    operation = call.cloud.long_operations.get(operation_id)
    if operation is None:
        subscription = call.cloud.seed_data.subscription
        if not call.cloud.gate.reaches_into(call.caller, subscription):
            call.require("Microsoft.Resources/subscriptions/operationresults/read", subscription)
        raise unknown
    if operation.begun_by != call.caller.object_id:
        call.require(operation.action, operation.target)
    return operation
