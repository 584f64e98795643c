"""Graph's refusals, in its own words.

Codes: https://learn.microsoft.com/graph/errors and https://learn.microsoft.com/graph/resolve-auth-errors
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sandbox.core.http import Answer, refusal


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


_refusal = partial(refusal, GraphError)

empty_token = _refusal(401, "InvalidAuthenticationToken", text="Access token is empty.")
invalid_token = _refusal(401, "InvalidAuthenticationToken", text="Access token validation failure.")
wrong_audience = _refusal(401, "InvalidAuthenticationToken", text="Access token validation failure. Invalid audience.")
expired_token = _refusal(401, "InvalidAuthenticationToken", text="Lifetime validation failed, the token is expired.")
denied = _refusal(403, "Authorization_RequestDenied", text="Insufficient privileges to complete the operation.")
only_for_users = _refusal(400, "BadRequest", text="/me request is only valid with delegated authentication flow.")
invalid_version = _refusal(400, "BadRequest", text="Invalid version: {}.")
unknown_segment = _refusal(400, "BadRequest", text="Resource not found for the segment '{}'.")
method_not_allowed = _refusal(
    405, "Request_BadRequest", text="Specified HTTP method is not allowed for the request target."
)
not_found = _refusal(
    404,
    "Request_ResourceNotFound",
    text="Resource '{}' does not exist or one of its queried reference-property objects are not present.",
)
bad_request = _refusal(400, "Request_BadRequest", text="{}")
invalid_filter = _refusal(400, "BadRequest", text="Invalid filter clause: {}")
unsupported_filter = _refusal(
    400,
    "Request_UnsupportedQuery",
    text="Unsupported or invalid query filter clause specified for property '{}' of resource '{}'.",
)
unsupported_query = _refusal(400, "Request_UnsupportedQuery", text="{}")
