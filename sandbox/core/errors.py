"""The refusals of Resource Manager and its providers; what they say stands in ``refusals.yaml``."""

from typing import Any

from sandbox.core.data_files import Refusals
from sandbox.core.http import Answer

_REFUSALS = Refusals(__file__)


class AzureError(Exception):
    """A refusal: HTTP ``status``, ARM's ``code`` and ``message``, and headers that go with them.

    ``more`` are the members that some errors have besides: ``target``, ``details`` and ``additionalInfo``.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.more = more

    def body(self) -> dict[str, Any]:
        """Return ARM's error shape."""
        return {"error": {"code": self.code, "message": self.message, **self.more}}

    def answer(self) -> Answer:
        """Return the refusal as an answer."""
        return Answer(self.status, self.body(), dict(self.headers))


def refusal(name: str, *about: object, **more: object) -> AzureError:
    """Return the refusal ``name``, which is its code and, where that has several texts, after a dot which of them."""
    [status], message, headers = _REFUSALS.fill(name, *about)
    return AzureError(int(status), name.partition(".")[0], message, headers, **more)
