"""What Azure has of a class: read with a handful of lists however many learners there are, and known by its marks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from azure.mgmt.core.tools import parse_resource_id

from rbac.decisions import Assignment
from rbac.roles import OWNER, role_guid
from workshop.classroom.classroom import SANDBOX, Classroom, Learner
from workshop.classroom.clients import AUTHORIZATION_VERSION, GROUPS_VERSION, Clients

_MADE_BY = "managed-identity-class"
_APPLICATION = "Application"  # Graph's word for a service principal that is no managed identity
_CLASS_ID, _LEARNER = "class-id", "learner"
STOPPED = ("VM stopped", "VM deallocated", "VM stopping", "VM deallocating")
_MACHINES = "providers/Microsoft.Compute/virtualMachines"
_COMPUTE_VERSION = "2024-11-01"
_LISTS = {
    "groups": ("resourcegroups", GROUPS_VERSION),
    "machines": (_MACHINES, _COMPUTE_VERSION),
    "states": (f"{_MACHINES}?statusOnly=true", _COMPUTE_VERSION),
    "identities": ("providers/Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30"),
    "assignments": ("providers/Microsoft.Authorization/roleAssignments", AUTHORIZATION_VERSION),
}


Item = TypeVar("Item")
Named = TypeVar("Named", "Machine", "Identity")


@dataclass(frozen=True)
class Group:
    """A resource group."""

    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """A virtual machine."""

    id: str
    name: str
    state: str  # of its provisioning
    power: str  # what it is doing, in Azure's words; empty if that is not known
    assigned: Mapping[str, str | None]  # principal ids of the identities that it has, by their ids in lowercase


@dataclass(frozen=True)
class Identity:
    """A user-assigned identity."""

    id: str
    name: str
    principal_id: str
    client_id: str


@dataclass(frozen=True)
class RoleAssignment(Assignment):
    """Who has which role where; ``condition`` is empty for no condition."""

    condition: str


@dataclass(frozen=True)
class ServicePrincipal:
    """A service principal of the sandbox."""

    object_id: str
    client_id: str


@dataclass(frozen=True)
class Inventory:
    """What was found in a subscription.

    All keys are lowercase, since services of Azure differ in the case in which they write an id.
    """

    groups: Mapping[str, Group]  # by name
    machines: Mapping[str, Sequence[Machine]]  # those of each group, by the group's name
    identities: Mapping[str, Sequence[Identity]]  # likewise
    assignments: Mapping[str, Sequence[RoleAssignment]]  # of roles, by the scope they are made at
    principals: Mapping[str, ServicePrincipal]  # the sandbox's, by name as it is; none on Azure

    def group_of(self, learner: Learner) -> Group | None:
        """Return the learner's resource group, whoever it was made for; None if there is none."""
        return self.groups.get(learner.resource_group.casefold())

    def machines_of(self, learner: Learner) -> Sequence[Machine]:
        """Return the virtual machines in the learner's group."""
        return self.machines.get(learner.resource_group.casefold(), ())

    def machine_of(self, learner: Learner) -> Machine | None:
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
        return any(role_guid(each.role_definition_id) == OWNER for each in held)

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
    """Ask for everything at once."""
    with ThreadPoolExecutor(len(_LISTS) + 1, "inventory") as pool:
        asked = {what: pool.submit(clients.listed, *where) for what, where in _LISTS.items()}
        principals = pool.submit(_applications, clients)
        found = {what: answer.result() for what, answer in asked.items()}
    power = {each["id"].casefold(): _power(each) for each in found["states"]}
    return Inventory(
        groups={each["name"].casefold(): _group(each) for each in found["groups"]},
        machines=_by_key([_machine(each, power) for each in found["machines"]], lambda each: group_name(each.id)),
        identities=_by_key([_identity(each) for each in found["identities"]], lambda each: group_name(each.id)),
        assignments=_by_key([_assignment(each) for each in found["assignments"]], lambda each: each.scope),
        principals=principals.result(),
    )


def list_assignments(clients: Clients, principal_id: str) -> list[RoleAssignment]:
    """Return the role assignments of a principal and of its groups, at, above and below the subscription."""
    path, version = _LISTS["assignments"]
    # With atScope() in it Azure leaves out what is below; what the principal has elsewhere tells something, too.
    return [_assignment(each) for each in clients.listed(f"{path}?$filter=assignedTo('{principal_id}')", version)]


def _group(found: Mapping[str, Any]) -> Group:
    return Group(found["name"], found.get("tags") or {})


def _machine(found: Mapping[str, Any], power: Mapping[str, str]) -> Machine:
    assigned = (found.get("identity") or {}).get("userAssignedIdentities") or {}
    return Machine(
        found["id"],
        found["name"],
        found["properties"].get("provisioningState", ""),
        power.get(found["id"].casefold(), ""),
        {identity_id.casefold(): entry.get("principalId") for identity_id, entry in assigned.items()},
    )


def _power(found: Mapping[str, Any]) -> str:
    statuses = found["properties"].get("instanceView", {}).get("statuses", ())
    return next((each["displayStatus"] for each in statuses if each["code"].startswith("PowerState/")), "")


def _identity(found: Mapping[str, Any]) -> Identity:
    properties = found["properties"]  # which lack both as long as it is being made
    return Identity(found["id"], found["name"], properties.get("principalId", ""), properties.get("clientId", ""))


def _assignment(found: Mapping[str, Any]) -> RoleAssignment:
    properties = found["properties"]
    what = (properties["scope"], properties["principalId"], properties["roleDefinitionId"])
    return RoleAssignment(found["id"], *what, properties.get("condition") or "")


def _applications(clients: Clients) -> dict[str, ServicePrincipal]:
    """Return the sandbox's service principals by name; none on Azure.

    Managed identities are not among them: a learner names their own, and so might name one like another learner.
    """
    if clients.connection.target != SANDBOX:
        return {}
    listed = clients.local("GET", "principals")["value"]
    found = [each for each in listed if each["kind"] == _APPLICATION]
    return {each["name"]: ServicePrincipal(each["objectId"], each["clientId"]) for each in found}


def group_name(resource_id: str) -> str:
    """Return the name of the resource group in a resource's id; empty if the id has none."""
    return str(parse_resource_id(resource_id).get("resource_group", ""))


def held_by(principal_id: str, assignments: Iterable[RoleAssignment]) -> list[RoleAssignment]:
    """Return those of ``assignments`` that are the principal's."""
    return [each for each in assignments if each.principal_id.casefold() == principal_id.casefold()]


def tags_for(classroom: Classroom, learner: Learner) -> dict[str, str]:
    """Return the tags of what is made for a learner."""
    return {"made-by": _MADE_BY, "class": classroom.name, _CLASS_ID: classroom.id, _LEARNER: learner.handle}


def made_for(resource: Group, classroom: Classroom, learner: Learner | None = None) -> bool:
    """Return whether ``resource`` was made for a class, and not another of its name; or for one learner of it."""
    tags = resource.tags
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


def _by_key(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item).casefold()].append(item)
    return dict(found)


def _named(found: Sequence[Named], name: str) -> Named | None:
    return next((each for each in found if each.name.casefold() == name.casefold()), None)
