"""What a template makes: its resources, each after those it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sandbox.arm.resources.templates.errors import TemplateError, evaluation_failed, validation_failed
from sandbox.arm.resources.templates.expressions import Call, Functions, calls_in, evaluate, value_of
from sandbox.arm.resources.templates.functions import PURE, relative_id

_MOST = 800  # resources in a template, and copies of one
_OF_THE_TEMPLATE = ("type", "name", "apiVersion", "dependsOn", "condition", "copy", "comments", "scope", "resources")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment is made: a resource group, and what ``deployment()`` and the like tell of it."""

    subscription: dict[str, Any]
    group: dict[str, Any]
    deployment: dict[str, Any]

    def functions(self) -> Functions:
        """Return the functions about the place."""
        return {
            **PURE,
            "deployment": lambda: self.deployment,
            "resourcegroup": lambda: self.group,
            "resourceid": self._resource_id,
            "subscription": lambda: self.subscription,
            "subscriptionresourceid": lambda *names: self.subscription["id"] + relative_id(*names),
        }

    def _resource_id(self, *names: Any) -> str:
        at = next((n for n, name in enumerate(names) if isinstance(name, str) and "/" in name), 0)
        if at == 0:
            return str(self.group["id"]) + relative_id(*names)
        subscription = f"/subscriptions/{names[0]}" if at > 1 else self.subscription["id"]
        return f"{subscription}/resourceGroups/{names[at - 1]}{relative_id(*names[at:])}"


@dataclass(slots=True)
class Planned:
    """One resource of a template: ``body`` is what is to be PUT at ``id``, its expressions not evaluated yet.

    ``wanted`` is what its condition says; one that is not wanted can still be depended on.
    """

    id: str
    type: str
    name: str
    api_version: str
    body: dict[str, Any]
    functions: Functions
    loop: str | None
    wanted: bool
    named: list[str] = field(default_factory=list)
    after: list[Planned] = field(default_factory=list)

    def content(self, reference: Callable[..., Any]) -> dict[str, Any]:
        """Return the body; ``reference`` looks up what is there by now."""
        content: dict[str, Any] = evaluate(self.body, {**self.functions, "reference": reference})
        return content


def plan_resources(resources: Any, place: Place, functions: Functions) -> list[Planned]:
    """Return the resources in an order in which they can be made.

    Raises:
        TemplateError: One cannot be read, or depends on what is not there or on itself.
    """
    planned = list(islice(_read_all(resources, place, functions, None), _MOST + 1))
    if len(planned) > _MOST:
        raise validation_failed(f"The template has more than {_MOST} resources")
    ids = [resource.id.casefold() for resource in planned]
    for resource_id in ids:
        if ids.count(resource_id) > 1:
            raise validation_failed(f"The resource '{resource_id}' is defined multiple times in a template")
    for resource in planned:
        for name in resource.named:
            resource.after += _find(planned, name)
        for call in calls_in(resource.body, "reference"):
            resource.after += _referred_to(planned, call, resource)
    return [resource for resource in _ordered(planned) if resource.wanted]


def _read_all(resources: Any, place: Place, functions: Functions, parent: Planned | None) -> Iterator[Planned]:
    if not isinstance(resources, list) or len(resources) > _MOST:
        raise validation_failed("The template's 'resources' is not a valid list of resources")
    for declared in resources:
        if not isinstance(declared, dict):
            raise validation_failed("A resource of the template is not an object")
        for index, loop in _copies(declared, functions):
            own = functions if index is None else {**functions, "copyindex": _copy_index(index, loop)}
            read = _read(declared, place, own, parent, loop)
            yield read
            yield from _read_all(declared.get("resources", []), place, own, read)


def _copies(declared: dict[str, Any], functions: Functions) -> Iterator[tuple[int | None, str | None]]:
    copy = declared.get("copy")
    if copy is None:
        yield None, None
        return
    count = evaluate(copy.get("count"), functions) if isinstance(copy, dict) else None
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST:
        raise validation_failed(
            f"The copy count of a resource must be a number from 0 to {_MOST}", "arm-resource-loops"
        )
    for index in range(count):
        yield index, str(copy.get("name"))


def _copy_index(index: int, loop: str | None) -> Callable[..., int]:
    def copy_index(*arguments: Any) -> int:
        """Take the loop's name, an offset, or both."""
        names = [argument for argument in arguments if isinstance(argument, str)]
        if names and names != [loop]:
            raise evaluation_failed(f"The copy loop '{names[0]}' is not defined in this resource")
        return index + sum(argument for argument in arguments if isinstance(argument, int))

    return copy_index


def _read(
    declared: dict[str, Any], place: Place, functions: Functions, parent: Planned | None, loop: str | None
) -> Planned:
    type_, name, version = (_text(declared, key, functions) for key in ("type", "name", "apiVersion"))
    if type_.casefold() == "microsoft.resources/deployments":
        raise validation_failed("A deployment within a template is not supported by the sandbox")
    if parent is not None:
        type_, name = f"{parent.type}/{type_}", f"{parent.name}/{name}"
    scope = evaluate(declared.get("scope"), functions) or place.group["id"]
    names = name.split("/")
    try:
        below = relative_id(type_, *names)
    except TemplateError as error:
        raise validation_failed(
            f"The template resource '{name}' of type '{type_}' has an invalid name: a name has as many segments as the "
            "type has after its namespace"
        ) from error
    named = declared.get("dependsOn", [])
    if not isinstance(named, list):
        raise validation_failed(f"The 'dependsOn' of the template resource '{name}' is not a list")
    return Planned(
        id=str(scope).rstrip("/") + below,
        type=type_,
        name=name,
        api_version=version,
        body={key: value for key, value in declared.items() if key not in _OF_THE_TEMPLATE},
        functions=functions,
        loop=loop,
        wanted=evaluate(declared.get("condition", True), functions) is True,
        named=[str(evaluate(each, functions)) for each in named],
    )


def _text(declared: dict[str, Any], key: str, functions: Functions) -> str:
    value = evaluate(declared.get(key), functions)
    if not isinstance(value, str) or not value:
        raise validation_failed(f"A resource of the template has no valid '{key}'")
    return value


def _find(planned: list[Planned], name: str) -> list[Planned]:
    """Return what ``dependsOn`` means by a resource id, the end of one, a resource's name, or a copy loop's."""
    folded = name.casefold()
    found = [
        resource
        for resource in planned
        if folded in (resource.name.casefold(), (resource.loop or "").casefold())
        or resource.id.casefold().endswith(folded if folded.startswith("/") else f"/providers/{folded}")
    ]
    if not found:
        raise validation_failed(f"The resource '{name}' is not defined in the template")
    return found


def _referred_to(planned: list[Planned], call: Call, resource: Planned) -> list[Planned]:
    """Return the resource of the template that ``reference`` is called on; none where it is on another one."""
    name = str(value_of(call.arguments[0], resource.functions)) if call.arguments else ""
    return [other for other in planned if name.casefold() in (other.name.casefold(), other.id.casefold())]


def _ordered(planned: list[Planned]) -> Iterator[Planned]:
    done: set[str] = set()
    waiting = planned
    while waiting:
        ready = [resource for resource in waiting if all(other.id in done for other in resource.after)]
        if not ready:
            raise validation_failed(
                f"Circular dependency detected on resource: '{waiting[0].id}'", "arm-syntax-resources"
            )
        yield from ready
        done |= {resource.id for resource in ready}
        waiting = [resource for resource in waiting if resource.id not in done]
