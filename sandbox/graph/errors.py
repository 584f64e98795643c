"""Graph's refusals, in its own words.

Codes: https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/graph/resolve-auth-errors
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sandbox.core.http import Answer


class GraphError(Exception):
    """A refusal: HTTP ``status``, Graph's ``code`` and ``message``."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def answer(self, now: datetime, ids: Mapping[str, str]) -> Answer:
        """Return the refusal as Graph answers it at ``now``; ``ids`` are those of the request."""
        inner = {"date": f"{now:%Y-%m-%dT%H:%M:%S}", **ids}
        return Answer(self.status, {"error": {"code": self.code, "message": self.message, "innerError": inner}})


def empty_token() -> GraphError:
    """No ``Authorization`` header."""
    return GraphError(401, "InvalidAuthenticationToken", "Access token is empty.")


def invalid_token() -> GraphError:
    """A token that is malformed, forged, or another tenant's."""
    return GraphError(401, "InvalidAuthenticationToken", "Access token validation failure.")


def wrong_audience() -> GraphError:
    """A token for another resource."""
    return GraphError(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")


def expired_token() -> GraphError:
    """A token whose time is over."""
    return GraphError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")


def denied() -> GraphError:
    """A caller without the permission."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def only_for_users() -> GraphError:
    """``/me``, asked by an application."""
    return GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")


def invalid_version(version: str) -> GraphError:
    """A path that does not start with a version."""
    return GraphError(400, "BadRequest", f"Invalid version: {version}.")


def unknown_segment(segment: str) -> GraphError:
    """A path that Graph, as far as it is here, does not have."""
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def method_not_allowed() -> GraphError:
    """A verb that the path does not take; nothing is written through Graph here."""
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def not_found(object_id: str) -> GraphError:
    """An object that is not in the directory."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not present.",
    )


def bad_request(message: str) -> GraphError:
    """A request that cannot be read."""
    return GraphError(400, "Request_BadRequest", message)


def invalid_filter(message: str) -> GraphError:
    """A ``$filter`` that is not an expression."""
    return GraphError(400, "BadRequest", f"Invalid filter clause: {message}")


def unsupported_filter(name: str, kind: str) -> GraphError:
    """A ``$filter`` on a property that cannot be compared this way; ``kind`` is the type of object."""
    return GraphError(
        400,
        "Request_UnsupportedQuery",
        f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{kind}'.",
    )


def unsupported_query(message: str) -> GraphError:
    """A query option that is not offered."""
    return GraphError(400, "Request_UnsupportedQuery", message)
