"""ARM's refusals, in its own words.

AzureError
    The one exception that becomes an answer; each function below makes one of ARM's documented refusals.
    Codes and messages follow what the real service answers for the same mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sandbox.core.http import Answer, refusal

_TROUBLESHOOTING = "For more details please go to https://aka.ms/ARMResourceNotFoundFix"


class AzureError(Exception):
    """A refusal: HTTP ``status``, ARM's ``code`` and ``message``, and headers that go with them.

    ``more`` are the members that some errors have besides: ``target``, ``details`` and ``additionalInfo``.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.more = more

    def body(self) -> dict[str, Any]:
        """Return ARM's error shape."""
        return {"error": {"code": self.code, "message": self.message, **self.more}}

    def answer(self) -> Answer:
        """Return the refusal as an answer."""
        return Answer(self.status, self.body(), dict(self.headers))


_refusal = partial(refusal, AzureError)

# --- who ---------------------------------------------------------------------------------------------------------


def _challenge(tenant_id: str, description: str) -> dict[str, str]:
    return {
        "WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{tenant_id}", '
        f'error="invalid_token", error_description="{description}"'
    }


def authentication_failed(tenant_id: str) -> AzureError:
    """No ``Authorization`` header."""
    return AzureError(
        401,
        "AuthenticationFailed",
        "Authentication failed. The 'Authorization' header is missing.",
        _challenge(tenant_id, "The authentication failed because of missing 'Authorization' header."),
    )


def invalid_authentication_token(tenant_id: str) -> AzureError:
    """A token that is malformed, forged, or from another issuer."""
    message = "The access token is invalid."
    return AzureError(401, "InvalidAuthenticationToken", message, _challenge(tenant_id, message))


def expired_authentication_token(tenant_id: str, expiry: str, now: str) -> AzureError:
    """A token whose time is over; ``expiry`` and ``now`` as text."""
    message = f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'."
    return AzureError(401, "ExpiredAuthenticationToken", message, _challenge(tenant_id, message))


def invalid_audience(tenant_id: str, audience: str, allowed: Iterable[str]) -> AzureError:
    """A token for another resource."""
    names = ",".join(f"'{name}'" for name in allowed)
    message = (
        f"The access token has been obtained for wrong audience or resource '{audience}'. "
        f"It should exactly match with one of the allowed audiences {names}."
    )
    return AzureError(401, "InvalidAuthenticationTokenAudience", message, _challenge(tenant_id, message))


# --- may they ----------------------------------------------------------------------------------------------------


def authorization_failed(client: str, object_id: str, action: str, scope: str) -> AzureError:
    """The caller has no role that allows ``action`` on ``scope``."""
    return AzureError(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials.",
    )


def linked_authorization_failed(
    client: str, object_id: str, action: str, scope: str, linked_action: str, linked_scope: str
) -> AzureError:
    """The caller may do ``action``, but not ``linked_action`` on what the request points to."""
    return AzureError(
        403,
        "LinkedAuthorizationFailed",
        f"The client '{client}' with object id '{object_id}' has permission to perform action '{action}' on scope "
        f"'{scope}'; however, it does not have permission to perform action '{linked_action}' on the linked "
        f"scope(s) '{linked_scope}' or the linked scope(s) are invalid.",
        {"x-ms-failure-cause": "gateway"},
    )


# --- what --------------------------------------------------------------------------------------------------------

missing_api_version = _refusal(
    400,
    "MissingApiVersionParameter",
    text="The api-version query parameter (?api-version=) is required for all requests.",
)
invalid_namespace = _refusal(404, "InvalidResourceNamespace", text="The resource namespace '{}' is invalid.")
invalid_resource_type = _refusal(
    404,
    "InvalidResourceType",
    text="The resource type could not be found in the namespace '{}' for api version '{}'.",
)
wrong_host = _refusal(  # perhaps a page of somebody's, rebound to this address
    421,
    "MisdirectedRequest",
    text="The host '{}' is not served here. Call https://localhost or https://management.azure.com.",
)
path_not_found = _refusal(404, "NotFound", text="The path '{}' is not an operation of Azure Resource Manager.")
invalid_request_content = _refusal(400, "InvalidRequestContent", text="{}")
request_too_large = _refusal(
    413, "RequestEntityTooLarge", text="The request content size exceeds the maximum size of {} bytes."
)
subscription_not_found = _refusal(404, "SubscriptionNotFound", text="The subscription '{}' could not be found.")
invalid_subscription_id = _refusal(
    400, "InvalidSubscriptionId", text="The provided subscription identifier '{}' is malformed or invalid."
)
parent_not_found = _refusal(
    404,
    "ParentResourceNotFound",
    text="Failed to perform 'write' on resource(s) of type '{}', because the parent resource '{}' could not be found.",
)


def invalid_api_version(version: str, supported: Iterable[str]) -> AzureError:
    """An api-version that ARM's own resources do not have."""
    names = ",".join(sorted(supported, reverse=True))
    return AzureError(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid. The supported versions are '{names}'.",
    )


def no_registered_provider(
    location: str, version: str, kind: str, supported: Iterable[str], locations: Iterable[str]
) -> AzureError:
    """An api-version or a location that a provider's resource type does not have."""
    versions = ", ".join(sorted(supported, reverse=True))
    return AzureError(
        400,
        "NoRegisteredProviderFound",
        f"No registered resource provider found for location '{location}' and API version '{version}' for type "
        f"'{kind}'. The supported api-versions are '{versions}'. The supported locations are "
        f"'{', '.join(locations)}'.",
    )


def location_not_available(location: str, kind: str, locations: Iterable[str]) -> AzureError:
    """A resource in a region where its type is not offered."""
    return AzureError(
        400,
        "LocationNotAvailableForResourceType",
        f"The provided location '{location}' is not available for resource type '{kind}'. "
        f"List of available regions for the resource type is '{','.join(locations)}'.",
    )


def method_not_allowed(method: str, path: str, allowed: Iterable[str]) -> AzureError:
    """A verb that the resource does not have."""
    names = ", ".join(sorted(allowed))
    return AzureError(
        405,
        "MethodNotAllowed",
        f"The request method '{method}' is not supported by '{path}'. It supports {names}.",
        {"Allow": names},
    )


def invalid_parameter(message: str, code: str = "InvalidParameter") -> AzureError:
    """A value that the provider refuses."""
    return AzureError(400, code, message)


def resource_group_not_found(group: str) -> AzureError:
    """A resource group that does not exist."""
    message = f"Resource group '{group}' could not be found."
    return AzureError(404, "ResourceGroupNotFound", message, {"x-ms-failure-cause": "gateway"})


def resource_not_found(kind: str, name: str, group: str) -> AzureError:
    """A resource that does not exist in its group; ``kind`` is its full type."""
    return AzureError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. {_TROUBLESHOOTING}",
        {"x-ms-failure-cause": "gateway"},
    )


def principal_not_found(principal_id: str, tenant_id: str) -> AzureError:
    """A role assignment to a principal that is not in the directory, or not yet everywhere."""
    return AzureError(
        400,
        "PrincipalNotFound",
        f"Principal {principal_id.replace('-', '')} does not exist in the directory {tenant_id}. Check that you have "
        "the correct principal ID. If you are creating this principal and then immediately assigning a role, this "
        "error might be related to a replication delay. In this case, set the role assignment principalType property "
        "to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
    )


def conflict(code: str, message: str) -> AzureError:
    """A request that does not go with the state things are in."""
    return AzureError(409, code, message)


def throttled(seconds: int) -> AzureError:
    """Too many requests; come again after ``seconds``."""
    return AzureError(
        429,
        "SubscriptionRequestsThrottled",
        "Number of requests for subscription exceeded the limit for the time interval. "
        f"Please try again after '{seconds}' seconds.",
        {"Retry-After": str(seconds)},
    )


def too_many_requests(seconds: int, headers: dict[str, str]) -> AzureError:
    """Too many requests for a provider's own quota; come again after ``seconds``."""
    return AzureError(
        429,
        "TooManyRequests",
        "The server rejected the request because too many requests have been received for this subscription.",
        {**headers, "Retry-After": str(seconds)},
    )
