"""What surrounds every operation of Resource Manager: who asks, for what, may they; and an answer's headers."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial

from rbac.folding import fold
from rbac.roles import GUID
from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import LOCATIONS
from sandbox.arm.routing import Call, Match, Operation, Router
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.errors import AzureError
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.core.quota import Limit, TokenBuckets
from sandbox.core.resource_ids import has_dots
from sandbox.entra.validation import MANAGEMENT_AUDIENCES, ExpiredToken, InvalidToken, WrongAudience
from sandbox.state.directory import Caller

_ROOTS = frozenset({"", "providers", "subscriptions"})  # what a scope begins with
_SLASHES = re.compile("//+")
_READS, _WRITES, _DELETES = "reads", "writes", "deletes"
_COUNTED_AS = {"GET": _READS, "HEAD": _READS, "DELETE": _DELETES}
_LIMITS = {  # as documented for a principal in a subscription
    _READS: Limit(250, 25, seconds=1),
    _WRITES: Limit(200, 10, seconds=1),
    _DELETES: Limit(200, 10, seconds=1),
}
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


class ResourceManager:
    """Answers the requests to ``https://management.azure.com``."""

    def __init__(self, cloud: Cloud, router: Router) -> None:
        self._cloud = cloud
        self._router = router
        self._buckets = TokenBuckets()

    def handle(self, request: Request) -> Answer:
        """Return the answer of the operation the request is for; raises AzureError where it is refused."""
        caller = self._authenticate(request)
        quota = self._count(caller, request)
        try:
            operation, call = self._admit(caller, request)
        except AzureError as error:
            error.headers.setdefault("x-ms-failure-cause", "gateway")
            error.headers.update(quota)
            raise
        try:
            quota |= self._count_for_provider(operation, call)
            answer = operation.handler(call)
        except AzureError as error:
            error.headers.update(quota)
            raise
        answer.headers.update(quota)
        return answer

    def perform(self, caller: Caller, request: Request) -> Answer:
        """Answer a request that the sandbox itself makes as ``caller``; raises AzureError where that is refused."""
        operation, call = self._admit(caller, request)
        self._count_for_provider(operation, call)
        return operation.handler(call)

    def _authenticate(self, request: Request) -> Caller:
        tenant_id = self._cloud.seed_data.tenant_id
        header = request.headers.get("Authorization", "")
        if not header:
            raise errors.refusal("AuthenticationFailed", tenant_id)
        kind, _, token = header.partition(" ")
        if fold(kind) != "bearer":
            raise errors.refusal("InvalidAuthenticationToken", tenant_id)
        try:
            claims = self._cloud.validator.validate(token.strip())
        except ExpiredToken as error:
            now = self._cloud.clock.now()
            raise errors.refusal(
                "ExpiredAuthenticationToken", tenant_id, timestamp(error.expiry), timestamp(now)
            ) from error
        except WrongAudience as error:
            allowed = ",".join(f"'{audience}'" for audience in MANAGEMENT_AUDIENCES)
            raise errors.refusal("InvalidAuthenticationTokenAudience", tenant_id, error.audience, allowed) from error
        except InvalidToken as error:
            raise errors.refusal("InvalidAuthenticationToken", tenant_id) from error
        return Caller(claims.object_id, claims.client_id)

    def _count(self, caller: Caller, request: Request) -> dict[str, str]:
        kind = _COUNTED_AS.get(request.method, _WRITES)
        left, wait = self._buckets.take((caller.object_id, kind), _LIMITS[kind], self._cloud.clock.seconds())
        if wait and self._cloud.timing.enforces_quotas:
            raise errors.refusal("SubscriptionRequestsThrottled", wait)
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(left)}

    def _count_for_provider(self, operation: Operation, call: Call) -> dict[str, str]:
        """Count a request against the quota that its operation was declared with; return the header that tells it."""
        if operation.quota is None:
            return {}
        left, wait = self._buckets.take_quota(operation.quota, canonical(call.scope), self._cloud.clock.seconds())
        headers = {"x-ms-ratelimit-remaining-resource": left}
        if wait and self._cloud.timing.enforces_quotas:
            error = errors.refusal("TooManyRequests", wait)
            error.headers.update(headers)
            raise error
        return headers

    def _admit(self, caller: Caller, request: Request) -> tuple[Operation, Call]:
        request = _normalized(request)
        version = request.parameter("api-version")
        if not version:
            raise errors.refusal("MissingApiVersionParameter")
        match = self._router.match(request.path)
        if match is None:
            raise self._unknown(request.path, version)
        operation = match.operations.get(request.method)
        if operation is None:
            raise errors.refusal("MethodNotAllowed", request.method, request.path, ", ".join(sorted(match.operations)))
        self._check_version(operation, version)
        self._check_subscription(match)
        self._authorize(caller, operation, match.scope)
        self._check_group(operation, match)
        perform = partial(self.perform, caller)
        call = Call(self._cloud, caller, request, match.parameters, match.scope, operation.action, version, perform)
        return operation, call

    def _unknown(self, path: str, version: str) -> AzureError:
        segments = path.strip("/").split("/")
        if fold(segments[0]) not in _ROOTS:
            return errors.refusal("MissingSubscription")
        providers = [at for at, segment in enumerate(segments[:-1]) if fold(segment) == "providers"]
        if not providers:
            return errors.refusal("NotFound.path", path)
        namespace = segments[providers[-1] + 1]
        if self._router.knows(namespace):
            return errors.refusal("InvalidResourceType", namespace, version)
        return errors.refusal("InvalidResourceNamespace", namespace)

    def _check_version(self, operation: Operation, version: str) -> None:
        if versions.is_served(version, operation.versions):
            return
        if "/" not in operation.type or operation.type.startswith("Microsoft.Resources/"):
            supported = ",".join(sorted(operation.versions, reverse=True))
            raise errors.refusal("InvalidApiVersionParameter", version, supported)
        namespace, _, kind = operation.type.partition("/")
        locations = () if namespace == "Microsoft.Authorization" else LOCATIONS  # roles are nowhere
        supported = ", ".join(sorted(operation.versions, reverse=True))
        raise errors.refusal("NoRegisteredProviderFound", version, kind, supported, ", ".join(locations))

    def _check_subscription(self, match: Match) -> None:
        if f"{canonical(match.scope)}/".startswith(f"{self._cloud.seed_data.subscription}/"):
            return
        root, _, rest = match.scope.removeprefix("/").partition("/")
        if fold(root) not in _ROOTS or (fold(root) == "subscriptions" and not rest):
            raise errors.refusal("MissingSubscription")
        subscription = rest.partition("/")[0]
        if fold(root) != "subscriptions":
            return
        if not GUID.fullmatch(subscription):
            raise errors.refusal("InvalidSubscriptionId", subscription)
        raise errors.refusal("SubscriptionNotFound", subscription)

    def _authorize(self, caller: Caller, operation: Operation, scope: str) -> None:
        if operation.action is None or (operation.filtered and self._cloud.gate.reaches_into(caller, scope)):
            return
        self._cloud.gate.require(caller, operation.action, scope)

    def _check_group(self, operation: Operation, match: Match) -> None:
        if not operation.in_group:
            return
        group = match.parameters["resource_group"]
        if self._cloud.store.get(self._cloud.seed_data.group(group)) is None:
            raise errors.refusal("ResourceGroupNotFound", group)


def _normalized(request: Request) -> Request:
    """Return the request with one slash where its path has several; refuses ``.`` and ``..``, which lead nowhere."""
    path = request.path
    if has_dots(path):
        raise errors.refusal("NotFound.path", path)
    return replace(request, path=_SLASHES.sub("/", path)) if "//" in path else request


def add_response_headers(answer: Answer, request: Request, region: str, now: float) -> None:
    """Add the headers that every answer of Resource Manager has."""
    request_id = new_request_id()
    correlation = request.headers.get("x-ms-correlation-request-id", request_id)
    answer.headers.update(_ALWAYS)
    answer.headers["x-ms-request-id"] = request_id
    answer.headers["x-ms-correlation-request-id"] = correlation
    answer.headers["x-ms-routing-request-id"] = f"{region}:{_compact(int(now))}:{request_id}"
    if fold(request.headers.get("x-ms-return-client-request-id", "")) == "true":
        answer.headers["x-ms-client-request-id"] = request.headers.get("x-ms-client-request-id", "")


@lru_cache(maxsize=1)
def _compact(second: int) -> str:
    """The time as routing ids have it: ``20240528T120000Z``."""
    return f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}"
