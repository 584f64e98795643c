"""Taking away what was made for a class: found by its marks, shown first, and nothing else touched.

One learner is put back to the beginning by deleting their group with all that is in it, and making it anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import GROUPS_VERSION, Clients, translate_azure_errors
from workshop.classroom.inventory import Group, Inventory, group_name, made_for, principal_prefix, take_inventory
from workshop.classroom.provision import OnOutcome, Provisioning, TaskOutcome, for_each
from workshop.errors import WorkshopError
from workshop.notebooks.learner_copies import set_aside


@dataclass(frozen=True)
class Removal:
    """What is to go, and what stays though it might be thought to be the class's."""

    groups: Sequence[Group] = ()  # resource groups, with all that is in them
    # Of each group, by its name in lowercase, how many resources of which type are in it.
    contents: Mapping[str, Counter[str]] = field(default_factory=dict)
    principals: Sequence[str] = ()  # names of service principals of the sandbox
    kept: Sequence[tuple[str, str]] = ()  # what stays, and why

    def __bool__(self) -> bool:
        """Return whether anything is to go."""
        return bool(self.groups or self.principals)

    def inside(self, group: Group) -> str:
        """Return what is in a group, in words."""
        found = self.contents.get(group.name.casefold(), Counter())
        return ", ".join(f"{number} {kind}" for kind, number in sorted(found.items())) or "nothing in it"


def plan_removal(clients: Clients, classroom: Classroom, inventory: Inventory) -> Removal:
    """Look for what was made for the class; nothing is changed."""
    groups = inventory.groups.values()
    going = [each for each in groups if made_for(each, classroom)]
    planned = {learner.resource_group.casefold() for learner in classroom.learners}
    kept = [
        (f"resource group {group.name}", "stays: it is not marked as made for this class")
        for group in groups
        if group.name.casefold() in planned and group not in going
    ]
    principals = [name for name in inventory.principals if name.startswith(principal_prefix(classroom))]
    return Removal(going, _contents(clients), principals, kept)


def remove(clients: Clients, removal: Removal, jobs: int, report: OnOutcome[str]) -> list[TaskOutcome[str]]:
    """Delete it, ``jobs`` groups at a time; return the outcomes, by the names of groups and principals."""

    def delete_group(name: str, done: list[str]) -> None:
        clients.resources.resource_groups.begin_delete(name).result()
        done.append("deleted")

    def delete_principal(name: str, done: list[str]) -> None:
        clients.local("DELETE", f"principals/{name}")
        done.append("deleted")

    groups = for_each([group.name for group in removal.groups], delete_group, jobs, report)
    return groups + for_each(removal.principals, delete_principal, jobs, report)


def reset(
    provisioning: Provisioning, learner: Learner, inventory: Inventory, *, notebooks: bool, sign_in: bool
) -> TaskOutcome[Learner]:
    """Delete what is the learner's, and provide it again; a machine, too, if there was one, on Azure as well.

    With ``notebooks`` they get other copies, too, and the old ones are set aside; with ``sign_in`` another credential
    of the sandbox.
    """
    if clash := provisioning.clash(learner, inventory):
        raise WorkshopError(clash)
    had_machine = bool(inventory.machines_of(learner))
    if inventory.group_of(learner) is not None:
        with translate_azure_errors():
            provisioning.clients.resources.resource_groups.begin_delete(learner.resource_group).result()
    folder = provisioning.folder.of(learner)
    if notebooks:
        set_aside(folder.notebooks)
    if sign_in:
        folder.forget_environment()
    again = replace(provisioning, with_machines=provisioning.with_machines or had_machine)
    return again.provision([learner], take_inventory(again.clients), 1, lambda *_: None)[0]


def _contents(clients: Clients) -> dict[str, Counter[str]]:
    contents: dict[str, Counter[str]] = {}
    for resource in clients.listed("resources", GROUPS_VERSION):
        kind = resource["type"].rpartition("/")[2]
        contents.setdefault(group_name(resource["id"]).casefold(), Counter())[kind] += 1
    return contents
