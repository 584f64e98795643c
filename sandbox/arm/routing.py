"""Which operation a request is for, and what the operation gets to work with.

Every route is declared together with the action it needs.

A template is a path such as ``/subscriptions/{subscription}/resourceGroups/{resource_group}``. One that starts with
``{scope}`` belongs to an extension resource, which hangs below any other resource:
``{scope}/providers/Microsoft.Authorization/roleAssignments/{name}``. Literals match without regard to case, and
come before parameters.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from rbac.folding import fold
from sandbox.arm.fields import Fields
from sandbox.arm.versions import versions_of
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer, Request, read_json
from sandbox.core.quota import Quota
from sandbox.state.directory import Caller

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = SUBSCRIPTION + "/resourceGroups/{resource_group}"
_REMEMBERED = 1024  # paths
_PARAMETER = re.compile(r"\{(\w+)\}")


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

    def body(self, read: Callable[[bytes], Any] = read_json) -> Fields:
        """Return the body, a JSON object; raises InvalidRequestContent where it is none.

        ``read`` raises ValueError at what it cannot read.
        """
        try:
            value = read(self.request.body)
        except ValueError as error:
            raise errors.refusal("InvalidRequestContent.unreadable", error) from error
        if not isinstance(value, dict):
            raise errors.refusal("InvalidRequestContent.noObject")
        return Fields(value, "")

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
    """The operations on one type that a module declares; ``more_versions`` are api-versions besides the type's."""

    def __init__(self, type_: str, more_versions: frozenset[str] = frozenset()) -> None:
        self._type = type_
        self._versions = versions_of(type_) | more_versions
        self._operations: list[Operation] = []

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def operation(
        self, method: str, template: str, *, action: str | None, filtered: bool = False, quota: Quota | None = None
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


class Router:
    """Finds the operations of a path, and remembers what it found last.

    Raises ValueError where two operations have one method and path.
    """

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._namespaces: set[str] = set()
        routes: dict[str, _Route] = {}
        for operation in operations:
            self._namespaces.add(fold(operation.type.partition("/")[0]))
            route = routes.setdefault(_PARAMETER.sub("{}", fold(operation.template)), _Route(operation.template))
            if operation.method in route.operations:
                raise ValueError(f"two operations for {operation.method} {operation.template}")
            route.operations[operation.method] = operation
        self._routes: dict[int | None, list[_Route]] = defaultdict(list)
        for route in sorted(routes.values(), key=lambda route: route.order):
            self._routes[route.length].append(route)
        self._find = lru_cache(maxsize=_REMEMBERED)(self._search)

    def knows(self, namespace: str) -> bool:
        """Return whether any operation belongs to this provider."""
        return fold(namespace) in self._namespaces

    def match(self, path: str) -> Match | None:
        """Return what stands at ``path``, or None."""
        return self._find(path)

    def _search(self, path: str) -> Match | None:
        path = "/" + path.strip("/")
        folded = fold(path)  # which is as long
        routes = chain(self._routes.get(path.count("/"), ()), self._routes[None])
        return next(filter(None, (route.match(path, folded) for route in routes)), None)


class _Route:
    """The operations at one template. ``length`` is the number of its segments, None where it is below any scope."""

    def __init__(self, template: str) -> None:
        self.operations: dict[str, Operation] = {}
        self.length = None if template.startswith("{scope}") else template.count("/")
        self.order = [segment.startswith("{") for segment in template.split("/")]  # literals come before parameters
        self._names = _PARAMETER.findall(template)
        pattern = re.escape(fold(template)).replace(r"\{scope\}", "(.*)")
        self._pattern = re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", pattern))

    def match(self, path: str, folded: str) -> Match | None:
        """Return what is found if the path, in its own case and ``folded``, is of this template."""
        found = self._pattern.fullmatch(folded)
        if found is None:
            return None
        values = [path[slice(*found.span(number))] for number in range(1, len(self._names) + 1)]
        parameters = {"scope": "/", **{name: value or "/" for name, value in zip(self._names, values, strict=True)}}
        return Match(self.operations, parameters, path[: found.end(found.lastindex or 0) if values else 0] or "/")
