"""Entra's refusals; what they say stands in ``refusals.yaml``."""

from datetime import datetime

from sandbox.core.data_files import Refusals
from sandbox.core.http import Answer
from sandbox.core.ids import new_request_id

_REFUSALS = Refusals(__file__)


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


def refusal(name: str, *about: object) -> EntraError:
    """Return the refusal ``name``."""
    (status, error, code), message, _ = _REFUSALS.fill(name, *about)
    return EntraError(int(status), error, int(code), message)
