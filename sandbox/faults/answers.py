"""What the services answer where something is wrong, each in its own words.

Texts that are marked (*) are ours: the real one's are not recorded.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.client import responses

from sandbox.core import errors
from sandbox.core.data_files import filled, read_data
from sandbox.core.errors import AzureError
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.core.resource_ids import parse_resource_id
from sandbox.core.seed_data import SeedData
from sandbox.entra import errors as entra_errors
from sandbox.entra.errors import EntraError
from sandbox.graph.errors import GraphError
from sandbox.imds import errors as metadata_errors
from sandbox.imds.errors import MetadataError

SERVICES = ("arm", "entra", "graph", "metadata")
_WRITES = ("PUT", "PATCH", "POST", "DELETE")
_MULTI_FACTOR = {"access_token": {"acrs": {"essential": True, "values": ["p1"]}}}
_POLICY = read_data(__file__, "policy.yaml")
_PASSING = "A transient error has occurred. Please try again."


@dataclass(frozen=True, slots=True)
class Named:
    """A fault with a name: for which requests it is, unless told otherwise, and what they are answered.

    ``refuse`` is None for what happens to the connection, at any service.
    """

    service: str | None = None
    methods: tuple[str, ...] = ()
    path: str = "*"
    refuse: Callable[[Request, SeedData], Answer] | None = None


def answer_status(status: int, service: str, request: Request, now: datetime, retry_after: int | None) -> Answer:
    """Return what ``service`` answers with ``status``."""
    reason = responses.get(status, "Error")
    code = reason.title().replace(" ", "").replace("-", "")
    answer: Answer
    match service:
        case "metadata":
            answer = _metadata_error(status, reason).answer(identity=request.path.startswith("/metadata/identity"))
        case "entra":
            answer = _entra_error(status).answer(now, new_request_id())
        case "graph":
            answer = GraphError(status, code, _PASSING if status >= 500 else reason).answer(now, {})  # (*)
        case _ if status == 429:
            answer = errors.refusal("SubscriptionRequestsThrottled", 1 if retry_after is None else retry_after).answer()
        case _:
            answer = AzureError(status, code, _arm_message(status, reason)).answer()
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _arm_message(status: int, reason: str) -> str:
    """(*)."""
    if status == 409:
        return "Another operation on this resource is in progress. Please try again later."
    return f"{reason}. Please try again later." if status >= 500 else f"{reason}."


def _entra_error(status: int) -> EntraError:
    if status == 429:
        return entra_errors.refusal("throttled")
    if status >= 500:
        return EntraError(status, "temporarily_unavailable 90033", _PASSING)
    return EntraError(status, "invalid_request 9002313", "Invalid request. Request is malformed or invalid.")


def _metadata_error(status: int, reason: str) -> MetadataError:
    match status:
        case 404:
            return metadata_errors.refusal("not_found")
        case 429:
            return metadata_errors.refusal("too_many_requests")
        case 410:
            return MetadataError(status, "gone", "The service is being updated")  # (*)
        case _:
            return MetadataError(status, "unknown" if status >= 500 else "invalid_request", reason)  # (*)


# --- by name ----------------------------------------------------------------------------------------------------------


def _principal_not_found(request: Request, seed: SeedData) -> Answer:
    try:
        principal_id = str(json.loads(request.body)["properties"]["principalId"])
    except (ValueError, KeyError, TypeError, RecursionError):
        principal_id = ""
    return errors.refusal("PrincipalNotFound", principal_id.replace("-", ""), seed.tenant_id).answer()


def _scope_locked(request: Request, seed: SeedData) -> Answer:
    operation = "delete" if request.method == "DELETE" else "write"
    group = parse_resource_id(request.path).group
    locked = seed.group(group) if group else seed.subscription
    return errors.refusal("ScopeLocked", request.path, operation, locked).answer()


def _disallowed_by_policy(request: Request, seed: SeedData) -> Answer:
    name = request.path.rpartition("/")[2]
    policy = filled(_POLICY, subscription=seed.subscription)
    identifiers = json.dumps(policy["identifiers"], separators=(",", ":"))
    more = {"target": name, "additionalInfo": policy["additionalInfo"]}
    return errors.refusal("RequestDisallowedByPolicy", name, identifiers, **more).answer()


def _subscription_disabled(request: Request, seed: SeedData) -> Answer:
    return errors.refusal("ReadOnlyDisabledSubscription", seed.subscription_id).answer()


def _claims_challenge(request: Request, seed: SeedData) -> Answer:
    claims = base64.b64encode(json.dumps(_MULTI_FACTOR, separators=(",", ":")).encode()).decode()
    challenge = (
        f'Bearer realm="", authorization_uri="https://login.microsoftonline.com/{seed.tenant_id}/oauth2/authorize", '
        f'error="insufficient_claims", claims="{claims}"'
    )
    return errors.refusal("InvalidAuthenticationToken.claims", challenge).answer()


def _identity_not_found(request: Request, seed: SeedData) -> Answer:
    return metadata_errors.refusal("identity_not_found").answer(identity=True)


NAMED = {
    "PrincipalNotFound": Named("arm", ("PUT",), "*/roleAssignments/*", _principal_not_found),
    "ScopeLocked": Named("arm", _WRITES, "*/resourceGroups/*", _scope_locked),
    "RequestDisallowedByPolicy": Named("arm", ("PUT", "PATCH"), "*", _disallowed_by_policy),
    "ReadOnlyDisabledSubscription": Named("arm", _WRITES, "/subscriptions/*", _subscription_disabled),
    "ClaimsChallenge": Named("arm", _WRITES, "*", _claims_challenge),
    "IdentityNotFound": Named("metadata", ("GET",), "/metadata/identity/oauth2/token", _identity_not_found),
    "reset": Named(),  # the connection is reset, and nothing is done
    "lost": Named(),  # it is done, and the connection reset before the answer
    "hang": Named(),  # nothing comes until the client gives up
}
