"""Entra's refusals, in its own words.

Codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from datetime import datetime

from sandbox.core.http import Answer
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


# --- where --------------------------------------------------------------------------------------------------


def unknown_tenant(tenant: str) -> EntraError:
    """A tenant that is not this one."""
    return EntraError(
        400,
        "invalid_request",
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing "
        "into the correct cloud. Check with your subscription administrator, this may happen if there are no "
        "active subscriptions for the tenant.",
    )


def invalid_tenant(tenant: str) -> EntraError:
    """Neither a GUID nor a domain."""
    return EntraError(
        400,
        "invalid_request",
        900023,
        f"Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
    )


def no_tenant() -> EntraError:
    """An application signing in at ``common``, which stands for the tenant of a user."""
    return EntraError(
        400,
        "invalid_request",
        50059,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    )


def unknown_instance() -> EntraError:
    """An authority at a host that is not Entra's."""
    return EntraError(400, "invalid_instance", 50049, "Unknown or invalid instance.")


def unknown_endpoint() -> EntraError:
    """A path that Entra, as far as it is here, does not have."""
    return EntraError(404, "invalid_request", 90114, "The requested endpoint does not exist.")


# --- how ----------------------------------------------------------------------------------------------------


def wrong_verb(valid: str, method: str) -> EntraError:
    """A ``method`` that is not the one the endpoint takes."""
    return EntraError(
        400,
        "invalid_request",
        900561,
        f"The endpoint only accepts {valid} requests. Received a {method} request.",
    )


def malformed_request() -> EntraError:
    """A body that is not a form, or one too large."""
    return EntraError(400, "invalid_request", 9002313, "Invalid request. Request is malformed or invalid.")


def duplicate_parameter(name: str) -> EntraError:
    """A parameter that is there twice."""
    return EntraError(
        400,
        "invalid_request",
        9000411,
        f"The request is not properly formatted. The parameter '{name}' is duplicated.",
    )


def missing_parameter(name: str) -> EntraError:
    """A parameter that is not there."""
    return EntraError(
        400, "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
    )


def unsupported_grant(grant: str) -> EntraError:
    """A way to sign in that is not offered."""
    return EntraError(400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")


# --- who ----------------------------------------------------------------------------------------------------


def unknown_application(client_id: str, directory: str) -> EntraError:
    """A client id that is nobody's in the tenant named ``directory``."""
    return EntraError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client_id}' was not found in the directory '{directory}'. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to "
        "by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
    )


def missing_credential() -> EntraError:
    """An application that does not prove itself."""
    return EntraError(
        401,
        "invalid_client",
        7000216,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )


def invalid_secret(client_id: str) -> EntraError:
    """A secret that is not the application's."""
    return EntraError(
        401,
        "invalid_client",
        7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        f"value, not the client secret ID, for a secret added to app '{client_id}'.",
    )


def unknown_certificate() -> EntraError:
    """An assertion signed with a certificate that the application does not have; here none has any."""
    return EntraError(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        "[Reason - The key was not found.]",
    )


# --- what for -----------------------------------------------------------------------------------------------


def invalid_scope(scope: str) -> EntraError:
    """A scope that names no resource."""
    return EntraError(
        400,
        "invalid_scope",
        70011,
        "The provided request must include a 'scope' input parameter. The provided value for the input "
        f"parameter 'scope' is not valid. The scope {scope} is not valid.",
    )


def scope_without_default(scope: str) -> EntraError:
    """A scope by name, where an application gets what it was granted: all of it or none."""
    return EntraError(
        400,
        "invalid_scope",
        1002012,
        f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
        "with /.default suffixed to the resource identifier (application ID URI).",
    )


def several_resources(scope: str) -> EntraError:
    """A scope for more than one resource."""
    return EntraError(
        400,
        "invalid_request",
        28000,
        "Provided value for the input parameter scope is not valid because it contains more than one "
        f"resource. Scope {scope} is not valid.",
    )


def unknown_resource(resource: str, directory: str) -> EntraError:
    """A resource that is not in the tenant named ``directory``."""
    return EntraError(
        400,
        "invalid_resource",
        500011,
        f"The resource principal named {resource} was not found in the tenant named {directory}. This can "
        "happen if the application has not been installed by the administrator of the tenant or consented to "
        "by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
    )
