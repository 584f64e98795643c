"""Taking away what was made for a class: found by its marks, shown first, and nothing else touched.

One learner is put back to the beginning by deleting their group with all that is in it, and making it anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from azure.mgmt.resource.resources.models import ResourceGroup

from workshop.classroom.clients import Clients, refusals_in_words
from workshop.classroom.inventory import (
    Inventory,
    applications,
    group_name,
    learner_of,
    made_at,
    made_for,
    principal_prefix,
    take_inventory,
)
from workshop.classroom.provision import Outcome, Provisioning, Reporter, for_each
from workshop.classroom.roster import Classroom, Learner
from workshop.errors import WorkshopError
from workshop.notebooks.learner_copies import set_aside


@dataclass(frozen=True)
class Removal:
    """What is to go, and what stays though it might be thought to be the class's.

    Attributes:
        groups: resource groups, with all that is in them.
        contents: for each group, by its name in lowercase, how many resources of which type are in it.
        principals: names of service principals of the sandbox.
        kept: what stays, and why.
    """

    groups: Sequence[ResourceGroup] = ()
    contents: Mapping[str, Counter[str]] = field(default_factory=dict)
    principals: Sequence[str] = ()
    kept: Sequence[tuple[str, str]] = ()

    def __bool__(self) -> bool:
        """Return whether anything is to go."""
        return bool(self.groups or self.principals)

    def inside(self, group: ResourceGroup) -> str:
        """Return what is in a group, in words."""
        found = self.contents.get(str(group.name).casefold(), Counter())
        return ", ".join(f"{number} {kind}" for kind, number in sorted(found.items())) or "nothing in it"


@dataclass(frozen=True)
class Reset:
    """What is to be done anew besides the group.

    Attributes:
        notebooks: the learner's copies; the old ones are set aside.
        sign_in: their credential of the sandbox.
    """

    notebooks: bool
    sign_in: bool


def plan_removal(clients: Clients, classroom: Classroom, now: datetime, older_than: timedelta | None = None) -> Removal:
    """Look for what was made for the class; nothing is changed. What is not older than ``older_than`` stays.

    Raises:
        RefusedError: Azure refused.
    """
    with refusals_in_words():
        groups = list(clients.resources.resource_groups.list())
        contents = _contents(clients)
    kept = dict(_kept(classroom, groups, now, older_than))
    going = [each for each in groups if made_for(each, classroom.name) and str(each.name) not in kept]
    staying = {learner_of(group) for group in groups if str(group.name) in kept}
    shown = [(f"resource group {name}", why) for name, why in kept.items()]
    principals = []
    for name, handle in _principals(clients, classroom):
        if handle in staying or (older_than is not None and handle not in map(learner_of, going)):
            shown.append((f"service principal {name}", "stays: its group does, or there is no telling how old it is"))
        else:
            principals.append(name)
    return Removal(going, contents, principals, shown)


def remove(clients: Clients, removal: Removal, jobs: int, report: Reporter[str]) -> list[Outcome[str]]:
    """Delete it, ``jobs`` groups at a time; return the outcomes, by the names of groups and principals."""

    def delete_group(name: str, done: list[str]) -> None:
        clients.resources.resource_groups.begin_delete(name).result()
        done.append("deleted")

    def delete_principal(name: str, done: list[str]) -> None:
        clients.local("DELETE", f"principals/{name}")
        done.append("deleted")

    groups = for_each([str(group.name) for group in removal.groups], delete_group, jobs, report)
    return groups + for_each(removal.principals, delete_principal, jobs, report)


def reset(provisioning: Provisioning, learner: Learner, inventory: Inventory, wanted: Reset) -> Outcome[Learner]:
    """Delete what is the learner's, and provide it again.

    A machine is made again if there was one, on Azure too.

    Raises:
        RefusedError: Azure refused to delete the group.
        WorkshopError: The group is not the learner's.
    """
    if clash := provisioning.clash(learner, inventory):
        raise WorkshopError(clash)
    had_machine = bool(inventory.machines_of(learner))
    if inventory.group_of(learner) is not None:
        with refusals_in_words():
            provisioning.clients.resources.resource_groups.begin_delete(learner.resource_group).result()
    folder = provisioning.folder.of(learner)
    if wanted.notebooks:
        set_aside(folder.notebooks)
    if wanted.sign_in:
        folder.forget_environment()
    again = replace(provisioning, with_machines=provisioning.with_machines or had_machine)
    return again.provision([learner], take_inventory(again.clients), 1, lambda *_: None)[0]


def _kept(
    classroom: Classroom, groups: Sequence[ResourceGroup], now: datetime, older_than: timedelta | None
) -> Iterator[tuple[str, str]]:
    """Yield the names of groups that stay, and why."""
    planned = {learner.resource_group.casefold() for learner in classroom.learners}
    for group in groups:
        if not made_for(group, classroom.name):
            if str(group.name).casefold() in planned:
                yield str(group.name), "stays: it is not marked as made for this class"
        elif older_than is not None:
            made = made_at(group)
            if made is None:
                yield str(group.name), "stays: its mark does not say when it was made"
            elif now - made <= older_than:
                yield str(group.name), f"stays: it was made on {made:%Y-%m-%d} at {made:%H:%M} UTC"


def _contents(clients: Clients) -> dict[str, Counter[str]]:
    contents: dict[str, Counter[str]] = {}
    for resource in clients.resources.resources.list():
        kind = str(resource.type).rpartition("/")[2]
        contents.setdefault(group_name(str(resource.id)).casefold(), Counter())[kind] += 1
    return contents


def _principals(clients: Clients, classroom: Classroom) -> list[tuple[str, str]]:
    """Return name and learner's handle of the principals that were made for the class."""
    prefix = principal_prefix(classroom.name)
    return [(name, name.removeprefix(prefix)) for name in applications(clients) if name.startswith(prefix)]
