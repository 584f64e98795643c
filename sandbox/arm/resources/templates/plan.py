"""What a template makes: its resources, each after those it depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Any

from rbac.folding import fold
from sandbox.arm.resources.templates import errors
from sandbox.arm.resources.templates.expressions import Evaluator, Function, FunctionCall
from sandbox.arm.resources.templates.functions import PURE, relative_id
from sandbox.arm.resources.templates.jsonc import named

_MOST = 800  # resources in a template, and copies of one, ARM's limit
_MOST_DEPENDENCIES = 100_000  # of all resources together, which the deployment shows
_OF_THE_TEMPLATE = ("type", "name", "apiVersion", "dependsOn", "condition", "copy", "comments", "scope", "resources")


@dataclass(frozen=True, slots=True)
class DeploymentScope:
    """Where a deployment is made: a resource group, and what ``deployment()`` and the like tell of it."""

    subscription: dict[str, Any]
    group: dict[str, Any]
    deployment: dict[str, Any]

    def functions(self) -> Mapping[str, Function]:
        """Return the functions about the target."""
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
    evaluator: Evaluator
    loop: str | None
    wanted: bool
    depends_on: list[str]
    references: list[FunctionCall]
    after: list[Planned] = field(default_factory=list)

    def content(self, reference: Callable[..., Any]) -> dict[str, Any]:
        """Return the body; ``reference`` looks up what is there by now."""
        content: dict[str, Any] = self.evaluator.extended(reference=reference).evaluate(self.body)
        return content


def plan_resources(resources: Any, target: DeploymentScope, evaluator: Evaluator) -> list[Planned]:
    """Return the resources in an order in which they can be made."""
    planned = list(islice(_read_all(resources, target, evaluator, None), _MOST + 1))
    if len(planned) > _MOST:
        raise errors.refusal("most_resources", _MOST)
    _find_dependencies(planned)
    return [resource for resource in _ordered(planned) if resource.wanted]


def _read_all(
    resources: Any, target: DeploymentScope, evaluator: Evaluator, parent: Planned | None
) -> Iterator[Planned]:
    if not isinstance(resources, list):
        raise errors.refusal("no_resources")
    for written in resources:
        if not isinstance(written, dict):
            raise errors.refusal("no_resource")
        declared = named(written, _OF_THE_TEMPLATE)
        references = list(evaluator.calls_in(_body(declared), "reference"))
        for index, loop in _copies(declared, evaluator):
            own = evaluator if index is None else evaluator.extended(copyindex=_copy_index(index, loop))
            read = _read(declared, target, own, parent, loop, references)
            yield read
            yield from _read_all(declared.get("resources", []), target, own, read)


def _body(declared: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in declared.items() if key not in _OF_THE_TEMPLATE}


def _copies(declared: dict[str, Any], evaluator: Evaluator) -> Iterator[tuple[int | None, str | None]]:
    copy = declared.get("copy")
    if copy is None:
        yield None, None
        return
    copy = named(copy, ("name", "count")) if isinstance(copy, dict) else {}
    count = evaluator.evaluate(copy.get("count"))
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST:
        raise errors.refusal("copy_count", _MOST)
    for index in range(count):
        yield index, str(copy.get("name"))


def _copy_index(index: int, loop: str | None) -> Callable[..., int]:
    def copy_index(*arguments: Any) -> int:
        """Take the loop's name, an offset, or both."""
        names = [argument for argument in arguments if isinstance(argument, str)]
        if names and list(map(fold, names)) != [fold(loop or "")]:
            raise errors.refusal("copy_loop", names[0])
        return index + sum(argument for argument in arguments if isinstance(argument, int))

    return copy_index


def _read(
    declared: dict[str, Any],
    target: DeploymentScope,
    evaluator: Evaluator,
    parent: Planned | None,
    loop: str | None,
    references: list[FunctionCall],
) -> Planned:
    type_, name, version = (_text(declared, key, evaluator) for key in ("type", "name", "apiVersion"))
    if fold(type_) == "microsoft.resources/deployments":
        raise errors.refusal("nested_deployment")
    if parent is not None:
        type_, name = f"{parent.type}/{type_}", f"{parent.name}/{name}"
    scope = evaluator.evaluate(declared.get("scope")) or target.group["id"]
    names = name.split("/")
    try:
        below = relative_id(type_, *names)
    except errors.TemplateError as error:
        raise errors.refusal("resource_name", name, type_) from error
    depends_on = declared.get("dependsOn", [])
    if not isinstance(depends_on, list):
        raise errors.refusal("depends_on", name)
    return Planned(
        id=str(scope).rstrip("/") + below,
        type=type_,
        name=name,
        api_version=version,
        body=_body(declared),
        evaluator=evaluator,
        loop=loop,
        wanted=evaluator.evaluate(declared.get("condition", True)) is True,
        depends_on=[str(evaluator.evaluate(each)) for each in depends_on],
        references=references,
    )


def _text(declared: dict[str, Any], key: str, evaluator: Evaluator) -> str:
    value = evaluator.evaluate(declared.get(key))
    if not isinstance(value, str) or not value:
        raise errors.refusal("resource_member", key)
    return value


class _Index:
    """Finds resources of a template by what they are called in it, without regard to case."""

    def __init__(self, planned: list[Planned]) -> None:
        self._by_id_or_name: dict[str, list[Planned]] = defaultdict(list)
        self._by_type_or_loop: dict[str, list[Planned]] = defaultdict(list)
        for resource in planned:
            if fold(resource.id) in self._by_id_or_name:
                raise errors.refusal("resource_twice", resource.id)
            self._by_id_or_name[fold(resource.id)].append(resource)
            self._by_id_or_name[fold(resource.name)].append(resource)
            self._by_type_or_loop[fold(resource.id).rpartition("/providers/")[2]].append(resource)
            if resource.loop:
                self._by_type_or_loop[fold(resource.loop)].append(resource)

    def before(self, resource: Planned) -> list[Planned]:
        """Return what ``resource`` comes after: what it says it depends on, and what it reads something of."""
        found: dict[str, Planned] = {}
        for name in dict.fromkeys(fold(each) for each in resource.depends_on):
            without_scope = name.removeprefix("/providers/")
            others = [*self._by_id_or_name.get(name, ()), *self._by_type_or_loop.get(without_scope, ())]
            if not others:
                raise errors.refusal("unknown_resource", name)
            found |= {other.id: other for other in others}
        called = (resource.evaluator.value_of(call.arguments[0]) for call in resource.references if call.arguments)
        for name in dict.fromkeys(fold(str(value)) for value in called):
            found |= {other.id: other for other in self._by_id_or_name.get(name, ())}
        return list(found.values())


def _find_dependencies(planned: list[Planned]) -> None:
    index, total = _Index(planned), 0
    for resource in planned:
        resource.after = index.before(resource)
        total += len(resource.after)
        if total > _MOST_DEPENDENCIES:
            raise errors.refusal("most_dependencies", _MOST_DEPENDENCIES)


def _ordered(planned: list[Planned]) -> Iterator[Planned]:
    """Yield the resources, each after those it depends on and else in the template's order."""
    numbers = {resource.id: number for number, resource in enumerate(planned)}
    sorter = TopologicalSorter(
        {number: [numbers[other.id] for other in each.after] for number, each in enumerate(planned)}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        raise errors.refusal("cycle", planned[min(error.args[1])].id) from error
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield from (planned[number] for number in ready)
        sorter.done(*ready)
