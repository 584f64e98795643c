"""One call of one operation: what the operation gets to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.core import errors
from sandbox.core.http import Answer, Request
from sandbox.core.json_body import read_json

if TYPE_CHECKING:
    from sandbox.cloud import Cloud
    from sandbox.state.directory import Caller


@dataclass(slots=True)
class Call:
    """An authenticated, authorized request.

    ``parameters`` are the values in the path by the names of the template; ``scope`` is the path as far as the
    resource the call is about, in the caller's case; ``action`` is what the gate has let the caller do there.
    ``perform`` answers another request as the same caller, through the same gate, in the same transaction.
    """

    cloud: Cloud
    caller: Caller
    request: Request
    parameters: Mapping[str, str]
    scope: str
    action: str | None
    api_version: str
    perform: Callable[[Request], Answer]

    def __getitem__(self, name: str) -> str:
        """Return the value of the path parameter ``name``."""
        return self.parameters[name]

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None; names compare without regard to case."""
        return self.request.parameter(name)

    def json(self, *, required: bool = True, read: Callable[[bytes], Any] = read_json) -> dict[str, Any]:
        """Return the body, a JSON object; raises InvalidRequestContent where it is none.

        An empty body is an error if ``required``, else an empty object. ``read`` raises ValueError at what it cannot
        read.
        """
        if not self.request.body.strip() and not required:
            return {}
        try:
            value = read(self.request.body)
        except ValueError as error:
            raise errors.invalid_request_content(
                f"The request content was invalid and could not be deserialized: '{error}'."
            ) from error
        if not isinstance(value, dict):
            raise errors.invalid_request_content(
                "The request content was invalid and could not be deserialized: a JSON object is expected."
            )
        return value

    def require(self, action: str, scope: str) -> None:
        """Refuse the call unless the caller may do ``action`` on ``scope`` too."""
        self.cloud.gate.require(self.caller, action, scope)
