"""The metadata service's refusals; what they say stands in ``refusals.yaml``."""

from collections.abc import Mapping

from sandbox.core.data_files import Refusals
from sandbox.core.http import Answer

_REFUSALS = Refusals(__file__)


class MetadataError(Exception):
    """A refusal: HTTP ``status``, the ``code`` that the identity endpoints name it by, and a ``message``."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str], **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self._headers = headers
        self._more = more

    def answer(self, *, identity: bool) -> Answer:
        """Return the refusal in the shape of the ``identity`` endpoints: a code and a description; else a sentence."""
        described = {"error": self.code, "error_description": str(self)}
        body = described if identity else {"error": str(self), **self._more}
        return Answer(self.status, body, dict(self._headers))


def refusal(name: str, *about: object, **more: object) -> MetadataError:
    """Return the refusal ``name``; ``more`` are the members that it has besides."""
    (status, code), message, headers = _REFUSALS.fill(name, *about)
    return MetadataError(int(status), code, message, headers, **more)
