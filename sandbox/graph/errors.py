"""Graph's refusals; what they say stands in ``refusals.yaml``."""

from collections.abc import Mapping
from datetime import datetime

from sandbox.core.http import Answer
from sandbox.core.refusals import Refusal, Refusals


class GraphError(Refusal):
    """A refusal of Graph's."""

    def answer(self, now: datetime, ids: Mapping[str, str]) -> Answer:
        """Return the refusal as Graph answers it at ``now``; ``ids`` are those of the request."""
        inner = {"date": f"{now:%Y-%m-%dT%H:%M:%S}", **ids}
        return Answer(self.status, {"error": {"code": self.code, "message": self.message, "innerError": inner}})


refusal = Refusals(__file__, GraphError)
