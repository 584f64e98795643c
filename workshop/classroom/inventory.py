"""What Azure has of a class: read with a handful of lists however many learners there are, and known by its marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment
from azure.mgmt.compute.models import VirtualMachine, VirtualMachineInstanceView
from azure.mgmt.core.tools import parse_resource_id
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources.models import ResourceGroup

from rbac.roles import OWNER, role_guid
from workshop.classroom.classroom import SANDBOX, Classroom, Learner
from workshop.classroom.clients import Clients, refusals_in_words

_MADE_BY = "managed-identity-class"
_APPLICATION = "Application"  # Graph's word for a service principal that is no managed identity
_CLASS_ID, _LEARNER = "class-id", "learner"
STOPPED = ("VM stopped", "VM deallocated", "VM stopping", "VM deallocating")
Item = TypeVar("Item")
Named = TypeVar("Named", VirtualMachine, Identity)


class Tagged(Protocol):
    """A resource as the management clients have it."""

    tags: dict[str, str] | None


@dataclass(frozen=True)
class Principal:
    """A service principal of the sandbox."""

    object_id: str
    client_id: str


@dataclass(frozen=True)
class Inventory:
    """What was found in a subscription.

    All keys are lowercase, since services of Azure differ in the case in which they write an id.

    Attributes:
        groups: by name.
        machines: those of each group, by the group's name.
        identities: likewise.
        assignments: of roles, by the scope they are made at.
        principals: the sandbox's, by name as it is; none on Azure.
        power: what machines are doing, in Azure's words, by the machine's id.
    """

    groups: Mapping[str, ResourceGroup]
    machines: Mapping[str, Sequence[VirtualMachine]]
    identities: Mapping[str, Sequence[Identity]]
    assignments: Mapping[str, Sequence[RoleAssignment]]
    principals: Mapping[str, Principal]
    power: Mapping[str, str] = field(default_factory=dict)

    def group_of(self, learner: Learner) -> ResourceGroup | None:
        """Return the learner's resource group, whoever it was made for; None if there is none."""
        return self.groups.get(learner.resource_group.casefold())

    def machines_of(self, learner: Learner) -> Sequence[VirtualMachine]:
        """Return the virtual machines in the learner's group."""
        return self.machines.get(learner.resource_group.casefold(), ())

    def machine_of(self, learner: Learner) -> VirtualMachine | None:
        """Return the virtual machine that is planned for the learner; None if it is not there."""
        return _named(self.machines_of(learner), learner.vm_name)

    def identities_of(self, learner: Learner) -> Sequence[Identity]:
        """Return the user-assigned identities in the learner's group."""
        return self.identities.get(learner.resource_group.casefold(), ())

    def identity_of(self, learner: Learner) -> Identity | None:
        """Return the identity that the learner was to make; None if it is not there."""
        return _named(self.identities_of(learner), learner.identity_name)

    def principal_of(self, classroom: Classroom, learner: Learner) -> str:
        """Return the object id of the learner's principal; empty if there is none (yet)."""
        made = self.principals.get(principal_name(classroom, learner))
        return learner.object_id or (made.object_id if made else "")

    def is_owner(self, principal_id: str, scope: str) -> bool:
        """Return whether the principal was made Owner at just this scope."""
        held = held_by(principal_id, self.assignments.get(scope.casefold(), ()))
        return any(role_guid(str(each.role_definition_id)) == OWNER for each in held)

    def assignments_within(self, scope: str) -> list[RoleAssignment]:
        """Return the role assignments made at this scope or below it."""
        outer = scope.casefold()
        return [
            assignment
            for inner, found in self.assignments.items()
            if inner == outer or inner.startswith(f"{outer}/")
            for assignment in found
        ]


def take_inventory(clients: Clients) -> Inventory:
    """Ask for everything at once.

    Raises:
        RefusedError: Azure refused one of the lists.
    """
    lists: dict[str, Callable[[], Iterable[Any]]] = {
        "groups": clients.resources.resource_groups.list,
        "machines": clients.compute.virtual_machines.list_all,
        "identities": clients.identities.user_assigned_identities.list_by_subscription,
        "assignments": clients.authorization.role_assignments.list_for_subscription,
        "principals": lambda: applications(clients).items(),
        "states": lambda: clients.compute.virtual_machines.list_all(status_only="true"),
    }
    with ThreadPoolExecutor(len(lists), "inventory") as pool:
        asked = {what: pool.submit(_listed, ask) for what, ask in lists.items()}
        found = {what: answer.result() for what, answer in asked.items()}
    return Inventory(
        groups={str(group.name).casefold(): group for group in found["groups"]},
        machines=_by_key(found["machines"], lambda machine: group_name(str(machine.id))),
        identities=_by_key(found["identities"], lambda identity: group_name(str(identity.id))),
        assignments=_by_key(found["assignments"], lambda assignment: str(assignment.scope)),
        principals=dict(found["principals"]),
        power={str(machine.id).casefold(): power_of(machine.instance_view) for machine in found["states"]},
    )


def applications(clients: Clients) -> dict[str, Principal]:
    """Return the sandbox's service principals by name; none on Azure.

    Managed identities are not among them: a learner names their own, and so might name one like another learner.

    Raises:
        RefusedError: The sandbox refused.
    """
    if clients.connection.target != SANDBOX:
        return {}
    listed = clients.local("GET", "principals")["value"]
    return {
        each["name"]: Principal(each["objectId"], each["clientId"]) for each in listed if each["kind"] == _APPLICATION
    }


def power_of(view: VirtualMachineInstanceView | None) -> str:
    """Return what a machine is doing, in Azure's words; empty if the view does not say."""
    statuses = (view and view.statuses) or ()
    return next((str(each.display_status) for each in statuses if str(each.code).startswith("PowerState/")), "")


def group_name(resource_id: str) -> str:
    """Return the name of the resource group in a resource's id; empty if the id has none."""
    return str(parse_resource_id(resource_id).get("resource_group", ""))


def held_by(principal_id: str, assignments: Iterable[RoleAssignment]) -> list[RoleAssignment]:
    """Return those of ``assignments`` that are the principal's."""
    return [each for each in assignments if str(each.principal_id).casefold() == principal_id.casefold()]


def tags_for(classroom: Classroom, learner: Learner) -> dict[str, str]:
    """Return the tags of what is made for a learner."""
    return {"made-by": _MADE_BY, "class": classroom.name, _CLASS_ID: classroom.id, _LEARNER: learner.handle}


def made_for(resource: Tagged, classroom: Classroom, learner: Learner | None = None) -> bool:
    """Return whether ``resource`` was made for a class, and not another of its name; or for one learner of it."""
    tags = resource.tags or {}
    mine = tags.get("made-by") == _MADE_BY and tags.get(_CLASS_ID) == classroom.id
    return mine and (learner is None or tags.get(_LEARNER) == learner.handle)


def principal_name(classroom: Classroom, learner: Learner) -> str:
    """Return the name of the service principal that is made for a learner in the sandbox."""
    return f"{principal_prefix(classroom)}{learner.handle}"


def principal_prefix(classroom: Classroom) -> str:
    """Return what the names of the class's principals begin with, and those of no other class."""
    return f"class.{classroom.name}.{classroom.id}."


def grant_note(classroom: Classroom) -> str:
    """Return the description of a learner's role assignment: assignments cannot have tags."""
    return f"{_MADE_BY}: {classroom.name} {classroom.id}"


def _listed(ask: Callable[[], Iterable[Any]]) -> list[Any]:
    with refusals_in_words():
        return list(ask())


def _by_key(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item).casefold()].append(item)
    return dict(found)


def _named(found: Sequence[Named], name: str) -> Named | None:
    return next((each for each in found if str(each.name).casefold() == name.casefold()), None)
