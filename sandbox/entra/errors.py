"""Entra's refusals; what they say stands in ``refusals.yaml``."""

from datetime import datetime

from sandbox.core.http import Answer
from sandbox.core.ids import new_request_id
from sandbox.core.refusals import Refusal, Refusals


class EntraError(Refusal):
    """A refusal of Entra's: its ``code`` is OAuth2's error and Entra's own number.

    ``message`` never holds a secret: it is shown and logged.
    """

    def answer(self, now: datetime, correlation_id: str) -> Answer:
        """Return the refusal as Entra answers it at ``now``, for the caller's ``correlation_id``."""
        error, number = self.code.split()
        trace_id = new_request_id()
        moment = f"{now:%Y-%m-%d %H:%M:%SZ}"
        ids = f"Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {moment}"
        body = {
            "error": error,
            "error_description": f"AADSTS{number}: {self.message} {ids}",
            "error_codes": [int(number)],
            "timestamp": moment,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        }
        return Answer(self.status, body)


refusal = Refusals(__file__, EntraError)
