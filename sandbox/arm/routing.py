"""Which operation a request is for, and what the operation gets to work with.

Every route is declared together with the action it needs.

A template is a path such as ``/subscriptions/{subscription}/resourceGroups/{resource_group}``. One that starts with
``{scope}`` belongs to an extension resource, which hangs below any other resource:
``{scope}/providers/Microsoft.Authorization/roleAssignments/{name}``. Literals match without regard to case, and
come before parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rbac.folding import fold
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer, Request, read_json
from sandbox.core.quota import Quota
from sandbox.state.directory import Caller

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{resource_group}"
_REMEMBERED = 1024  # paths


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


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of ARM.

    ``action`` is what the caller's roles must allow on the scope of the path; None for what any signed-in caller may
    ask. With ``filtered`` the gate lets in whoever has any role at, above or below the scope, and the operation shows
    each caller only what they may read.
    ``versions`` are the api-versions it answers to; ``type`` is the resource type as error messages name it. ``quota``
    is the provider's own that its requests count against, beside Resource Manager's.
    """

    method: str
    template: str
    handler: Handler
    action: str | None
    versions: frozenset[str]
    type: str
    filtered: bool = False
    quota: Quota | None = None

    @property
    def in_group(self) -> bool:
        """Whether the path goes on below a resource group, which then has to exist."""
        return "{resource_group}/" in self.template


class Operations:
    """The operations that one module declares."""

    def __init__(self, type_: str, versions: Iterable[str]) -> None:
        self._type = type_
        self._versions = frozenset(versions)
        self._operations: list[Operation] = []

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def operation(
        self,
        method: str,
        template: str,
        *,
        action: str | None,
        filtered: bool = False,
        quota: Quota | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare the decorated function as the operation behind ``method`` and ``template``."""

        def declare(handler: Handler) -> Handler:
            self._operations.append(
                Operation(method, template, handler, action, self._versions, self._type, filtered, quota)
            )
            return handler

        return declare


@dataclass(frozen=True, slots=True)
class Match:
    """What the router found: the operations of a path by method, and the values of its parameters.

    ``scope`` is the path up to its last parameter: what the action is checked on.
    """

    operations: Mapping[str, Operation]
    parameters: Mapping[str, str]
    scope: str


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    names: tuple[str, ...] = ()
    scope_length: int = 0
    operations: dict[str, Operation] = field(default_factory=dict)


class Router:
    """Finds the operations of a path in time that depends on the path alone, and remembers what it found last."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._root = _Node()
        self._extensions = _Node()
        self._namespaces: set[str] = set()
        self._find = lru_cache(maxsize=_REMEMBERED)(self._search)
        for operation in operations:
            self.add(operation)

    def add(self, operation: Operation) -> None:
        """Declare ``operation``; raises ValueError where its method and path are taken already."""
        is_extension = operation.template.startswith("{scope}/")
        segments = _split(operation.template.removeprefix("{scope}"))
        node = self._extensions if is_extension else self._root
        names: list[str] = []
        for segment in segments:
            if segment.startswith("{"):
                names.append(segment.strip("{}"))
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(fold(segment), _Node())
        if operation.method in node.operations:
            raise ValueError(f"two operations for {operation.method} {operation.template}")
        node.operations[operation.method] = operation
        self._namespaces.add(fold(operation.type.partition("/")[0]))
        node.names = tuple(names)
        node.scope_length = max((i for i, s in enumerate(segments, 1) if s.startswith("{")), default=0)
        self._find.cache_clear()

    def knows(self, namespace: str) -> bool:
        """Return whether any operation belongs to this provider."""
        return fold(namespace) in self._namespaces

    def match(self, path: str) -> Match | None:
        """Return what stands at ``path``, or None."""
        return self._find(path)

    def _search(self, path: str) -> Match | None:
        segments = _split(path)
        found = _walk(self._root, segments, 0)
        if found is not None:
            node, values = found
            return _found(node, values, segments[: node.scope_length], "")
        for start in range(len(segments) - 1, -1, -1):
            if fold(segments[start]) != "providers":
                continue
            tail = segments[start:]
            found = _walk(self._extensions, tail, 0)
            if found is not None:
                node, values = found
                scope = _join(segments[:start])
                return _found(node, values, tail[: node.scope_length], scope)
        return None


def _found(node: _Node, values: tuple[str, ...], scope: list[str], extended: str) -> Match:
    parameters = dict(zip(node.names, values, strict=True))
    parameters["scope"] = extended or "/"
    return Match(node.operations, parameters, (extended + _join(scope)) or "/")


def _walk(node: _Node, segments: list[str], at: int) -> tuple[_Node, tuple[str, ...]] | None:
    if at == len(segments):
        return (node, ()) if node.operations else None
    segment = segments[at]
    literal = node.literals.get(fold(segment))
    if literal is not None:
        found = _walk(literal, segments, at + 1)
        if found is not None:
            return found
    if node.parameter is None or not segment:
        return None
    found = _walk(node.parameter, segments, at + 1)
    return None if found is None else (found[0], (segment, *found[1]))


def _split(path: str) -> list[str]:
    trimmed = path.strip("/")
    return trimmed.split("/") if trimmed else []


def _join(segments: list[str]) -> str:
    return "".join(f"/{segment}" for segment in segments)
