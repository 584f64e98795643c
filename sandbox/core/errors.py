"""The refusals of Resource Manager and its providers; what they say stands in ``refusals.yaml``."""

from typing import Any

from sandbox.core.http import Answer
from sandbox.core.refusals import Refusal, Refusals


class AzureError(Refusal):
    """A refusal of Resource Manager's; ``more`` may be ``target``, ``details`` and ``additionalInfo``."""

    def body(self) -> dict[str, Any]:
        """Return ARM's error shape."""
        return {"error": {"code": self.code, "message": self.message, **self.more}}

    def answer(self) -> Answer:
        """Return the refusal as an answer."""
        return Answer(self.status, self.body(), dict(self.headers))


refusal = Refusals(__file__, AzureError)
