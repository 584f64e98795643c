"""Entra's refusals, in its own words.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sandbox.core.http import Answer, refusal
from sandbox.core.ids import new_request_id


class EntraError(Exception):
    """A refusal: HTTP ``status``, OAuth2's ``error``, Entra's own ``code`` and what it says about it.

    ``message`` never holds a secret: it is shown and logged.
    """

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        super().__init__(f"AADSTS{code}: {message}")
        self.status = status
        self.error = error
        self.code = code

    def answer(self, now: datetime, correlation_id: str) -> Answer:
        """Return the refusal as Entra answers it at ``now``, for the caller's ``correlation_id``."""
        trace_id = new_request_id()
        moment = f"{now:%Y-%m-%d %H:%M:%SZ}"
        description = f"{self} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {moment}"
        body = {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": moment,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        return Answer(self.status, body)


_refusal = partial(refusal, EntraError)

# --- where and how ----------------------------------------------------------------------------------------------------

unknown_tenant = _refusal(
    400,
    "invalid_request",
    90002,
    text="Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
    "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
    "tenant.",
)
invalid_tenant = _refusal(
    400,
    "invalid_request",
    900023,
    text="Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain.",
)
no_tenant = _refusal(  # an application signs in at ``common``, which stands for the tenant of a user
    400,
    "invalid_request",
    50059,
    text="No tenant-identifying information found in either the request or implied by any provided credentials.",
)
unknown_instance = _refusal(400, "invalid_instance", 50049, text="Unknown or invalid instance.")
unknown_endpoint = _refusal(404, "invalid_request", 90114, text="The requested endpoint does not exist.")
wrong_verb = _refusal(
    400, "invalid_request", 900561, text="The endpoint only accepts {} requests. Received a {} request."
)
malformed_request = _refusal(400, "invalid_request", 9002313, text="Invalid request. Request is malformed or invalid.")
duplicate_parameter = _refusal(
    400,
    "invalid_request",
    9000411,
    text="The request is not properly formatted. The parameter '{}' is duplicated.",
)
missing_parameter = _refusal(
    400, "invalid_request", 900144, text="The request body must contain the following parameter: '{}'."
)
unsupported_grant = _refusal(
    400, "unsupported_grant_type", 70003, text="The app requested an unsupported grant type '{}'."
)

# --- who --------------------------------------------------------------------------------------------------------------

unknown_application = _refusal(
    400,
    "unauthorized_client",
    700016,
    text="Application with identifier '{}' was not found in the directory '{}'. This can happen if the application has "
    "not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have "
    "sent your authentication request to the wrong tenant.",
)
missing_credential = _refusal(
    401,
    "invalid_client",
    7000216,
    text="'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
)
invalid_secret = _refusal(
    401,
    "invalid_client",
    7000215,
    text="Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
    "the client secret ID, for a secret added to app '{}'.",
)
unknown_certificate = _refusal(  # here no application has any
    401,
    "invalid_client",
    700027,
    text="The certificate with identifier used to sign the client assertion is not registered on application. "
    "[Reason - The key was not found.]",
)

# --- what for ---------------------------------------------------------------------------------------------------------

invalid_scope = _refusal(
    400,
    "invalid_scope",
    70011,
    text="The provided request must include a 'scope' input parameter. The provided value for the input parameter "
    "'scope' is not valid. The scope {} is not valid.",
)
scope_without_default = _refusal(  # by name, where an application gets all that it was granted
    400,
    "invalid_scope",
    1002012,
    text="The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default "
    "suffixed to the resource identifier (application ID URI).",
)
several_resources = _refusal(
    400,
    "invalid_request",
    28000,
    text="Provided value for the input parameter scope is not valid because it contains more than one resource. Scope "
    "{} is not valid.",
)
unknown_resource = _refusal(
    400,
    "invalid_resource",
    500011,
    text="The resource principal named {} was not found in the tenant named {}. This can happen if the application has "
    "not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have "
    "sent your authentication request to the wrong tenant.",
)
throttled = _refusal(429, "temporarily_unavailable", 90055, text="There are too many incoming requests.")
