"""Graph's refusals; what they say stands in ``refusals.yaml``."""

from collections.abc import Mapping
from datetime import datetime

from sandbox.core.data_files import Refusals
from sandbox.core.http import Answer

_REFUSALS = Refusals(__file__)


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


def refusal(name: str, *about: object) -> GraphError:
    """Return the refusal ``name``."""
    (status, code), message, _ = _REFUSALS.fill(name, *about)
    return GraphError(int(status), code, message)
