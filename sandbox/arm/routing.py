"""Which operation a request is for: every route is declared together with the action it needs.

A template is a path such as ``/subscriptions/{subscription}/resourceGroups/{resource_group}``. One that starts with
``{scope}`` belongs to an extension resource, which hangs below any other resource:
``{scope}/providers/Microsoft.Authorization/roleAssignments/{name}``. Literals match without regard to case, and
come before parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from rbac.folding import fold

if TYPE_CHECKING:
    from sandbox.arm.call import Call
    from sandbox.core.http import Answer
    from sandbox.core.quota import Quota

Handler = Callable[["Call"], "Answer"]

_REMEMBERED = 1024  # paths


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
        """Tell whether any operation belongs to this provider."""
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
