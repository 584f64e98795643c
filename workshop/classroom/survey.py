"""What Azure has of a class, read with a handful of lists however many learners there are."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from azure.core.exceptions import AzureError
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources.models import ResourceGroup

from helpers import explain
from workshop.classroom.classroom import SANDBOX
from workshop.classroom.clients import Clients, RefusedError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Principal:
    """A service principal of the sandbox."""

    object_id: str
    client_id: str


@dataclass(frozen=True)
class Survey:
    """A look at a subscription.

    All keys are in small letters, since services of Azure differ in the case in which they write an id.

    Attributes:
        groups: by name.
        machines: those of each group, by the group's name.
        identities: likewise.
        assignments: of roles, by the scope they are made at.
        principals: the sandbox's, by name as it is; none on Azure.
        taken_at: when it was asked for.
        seconds: how long it took.
    """

    groups: Mapping[str, ResourceGroup]
    machines: Mapping[str, Sequence[VirtualMachine]]
    identities: Mapping[str, Sequence[Identity]]
    assignments: Mapping[str, Sequence[RoleAssignment]]
    principals: Mapping[str, Principal]
    taken_at: datetime
    seconds: float

    def machines_in(self, group: str) -> Sequence[VirtualMachine]:
        """Return the virtual machines of a group."""
        return self.machines.get(group.casefold(), ())

    def identities_in(self, group: str) -> Sequence[Identity]:
        """Return the user-assigned identities of a group."""
        return self.identities.get(group.casefold(), ())

    def assignments_at(self, scope: str) -> Sequence[RoleAssignment]:
        """Return the role assignments made at just this scope."""
        return self.assignments.get(scope.casefold(), ())

    def assignments_within(self, scope: str) -> list[RoleAssignment]:
        """Return the role assignments made at this scope or below it."""
        outer = scope.casefold()
        return [
            assignment
            for inner, found in self.assignments.items()
            if inner == outer or inner.startswith(f"{outer}/")
            for assignment in found
        ]


def take_survey(clients: Clients) -> Survey:
    """Ask for everything at once.

    Raises:
        RefusedError: Azure refused one of the lists.
    """
    began, taken_at = time.perf_counter(), datetime.now(UTC)
    lists: dict[str, Callable[[], Iterable[Any]]] = {
        "groups": clients.resources.resource_groups.list,
        "machines": clients.compute.virtual_machines.list_all,
        "identities": clients.identities.user_assigned_identities.list_by_subscription,
        "assignments": clients.authorization.role_assignments.list_for_subscription,
        "principals": lambda: _principals(clients),
    }
    with ThreadPoolExecutor(len(lists), "survey") as pool:
        asked = {what: pool.submit(_listed, ask) for what, ask in lists.items()}
        found = {what: answer.result() for what, answer in asked.items()}
    return Survey(
        groups={str(group.name).casefold(): group for group in found["groups"]},
        machines=_by_key(found["machines"], lambda machine: group_of(str(machine.id))),
        identities=_by_key(found["identities"], lambda identity: group_of(str(identity.id))),
        assignments=_by_key(found["assignments"], lambda assignment: str(assignment.scope)),
        principals=dict(found["principals"]),
        taken_at=taken_at,
        seconds=time.perf_counter() - began,
    )


def group_of(resource_id: str) -> str:
    """Return the name of the resource group in a resource's id; empty if the id has none."""
    parts = resource_id.split("/")
    return parts[4] if len(parts) > 4 and parts[3].casefold() == "resourcegroups" else ""


def _listed(ask: Callable[[], Iterable[Item]]) -> list[Item]:
    try:
        return list(ask())
    except AzureError as error:
        explanation = explain(error)
        raise RefusedError(f"{explanation.message} {explanation.advice}") from error


def _by_key(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item).casefold()].append(item)
    return dict(found)


def _principals(clients: Clients) -> list[tuple[str, Principal]]:
    if clients.azure.target != SANDBOX:
        return []
    listed = clients.local("GET", "principals")["value"]
    return [(each["name"], Principal(each["objectId"], each["clientId"])) for each in listed]
