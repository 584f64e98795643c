"""How clients follow a long-running operation: the links in its answer, and what they lead to."""

from __future__ import annotations

from sandbox.arm.routing import Call
from sandbox.core import errors
from sandbox.state.long_operations import LongOperation


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
    """Return the operation ``{operation}`` of the path.

    Its link is known to whoever began it, so any role in the subscription is enough to follow it.

    Raises:
        AzureError: 403 for a caller without any role; 404 for an operation that never was.
    """
    cloud = call.cloud
    if not cloud.gate.reaches_into(call.caller, cloud.seed_data.subscription):
        raise errors.authorization_failed(
            call.caller.client_id, call.caller.object_id, "Microsoft.Resources/subscriptions/read", call.scope
        )
    operation = cloud.long_operations.get(call["operation"])
    if operation is None:
        raise errors.AzureError(404, "NotFound", f"The operation '{call['operation']}' could not be found.")
    return operation
