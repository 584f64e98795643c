"""What the services refuse: each has its own words for it, and its own shape of answer."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from sandbox.core.data_files import read_data


class Refusal(Exception):
    """A refusal: HTTP ``status``, what the service calls it by, what it says about it, and headers that go with it.

    ``more`` are the members that some have besides.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.more = more


Kind = TypeVar("Kind", bound=Refusal)


class Refusals(Generic[Kind]):
    """Makes refusals of a ``kind`` by their names in the file ``refusals.yaml`` beside a module.

    After a name come the status and the code with the text, then headers. Where a code is missing, it is the name as
    far as its dot. ``{}`` stands for what a refusal is about.
    """

    def __init__(self, module: str, kind: type[Kind]) -> None:
        self._known: dict[str, dict[Any, str]] = read_data(module, "refusals.yaml")
        self._kind = kind

    def __call__(self, name: str, *about: object, **more: object) -> Kind:
        """Return the refusal ``name`` of what it is ``about``."""
        (called, text), *headers = self._known[name].items()
        status, _, code = str(called).partition(" ")
        filled = {header: value.format(*about) for header, value in headers}
        return self._kind(int(status), code or name.partition(".")[0], text.format(*about), filled, **more)
