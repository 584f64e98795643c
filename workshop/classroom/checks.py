"""What would go wrong on the day, found out before it: rights, providers, names that are taken, limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from azure.mgmt.authorization.v2022_04_01.models import Permission

from helpers import allows, explain
from workshop.classroom.classroom import Classroom
from workshop.classroom.clients import Clients
from workshop.classroom.marks import made_for
from workshop.classroom.survey import Survey

_PROVIDERS = ("Microsoft.Authorization", "Microsoft.Compute", "Microsoft.ManagedIdentity", "Microsoft.Network")
_PROVIDERS_VERSION = "2024-11-01"
_AUTHORIZATION_VERSION = "2022-04-01"
_NEEDED = {
    "Microsoft.Resources/subscriptions/resourceGroups/write": "make groups",
    "Microsoft.Resources/subscriptions/resourceGroups/delete": "delete groups",
    "Microsoft.Authorization/roleAssignments/write": "grant roles",
    "Microsoft.Authorization/roleAssignments/read": "see who has which role",
    "Microsoft.Compute/virtualMachines/write": "make machines",
    "Microsoft.Network/networkInterfaces/write": "connect machines",
}
_GROUP_LIMIT = 980
_ASSIGNMENT_LIMIT = 4000
_ASSIGNMENTS_EACH = 2  # the learner's own, and the one they are going to make
_LIMITS_SOURCE = "https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits"


class Verdict(StrEnum):
    """Of a check."""

    FINE = "fine"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        about: what was checked, in a word or two.
        verdict: on it.
        text: what there is to say, in a sentence.
    """

    about: str
    verdict: Verdict
    text: str


def check(clients: Clients, classroom: Classroom, survey: Survey) -> list[Finding]:
    """Check everything but machines.

    Args:
        clients: the trainer's.
        classroom: as it is planned.
        survey: what there is.
    """
    return [
        _rights(clients),
        _providers(clients),
        _names(classroom, survey),
        *_limits(classroom, survey),
    ]


def _rights(clients: Clients) -> Finding:
    about = "your rights"
    path = f"{clients.subscription}/providers/Microsoft.Authorization/permissions"
    answer = clients.arm("GET", path, _AUTHORIZATION_VERSION)
    if not answer.ok:
        return Finding(about, Verdict.UNKNOWN, f"Azure does not say what you may do: {explain(answer).message}")
    permissions = [
        Permission(actions=each.get("actions"), not_actions=each.get("notActions")) for each in answer.json()["value"]
    ]
    missing = [f"{why} ({action})" for action, why in _NEEDED.items() if not allows(permissions, action)]
    if missing:
        text = f"In the subscription you may not {'; '.join(missing)}. Ask for the role Owner there."
        return Finding(about, Verdict.PROBLEM, text)
    return Finding(about, Verdict.FINE, "You may do in the subscription whatever it takes.")


def _providers(clients: Clients) -> Finding:
    about = "resource providers"
    unregistered = []
    for namespace in _PROVIDERS:
        answer = clients.arm("GET", f"{clients.subscription}/providers/{namespace}", _PROVIDERS_VERSION)
        if not answer.ok:
            return Finding(about, Verdict.UNKNOWN, f"Azure does not say what is registered: {explain(answer).message}")
        if answer.json()["registrationState"] != "Registered":
            unregistered.append(namespace)
    if unregistered:
        commands = "; ".join(f"az provider register --namespace {namespace}" for namespace in unregistered)
        return Finding(about, Verdict.PROBLEM, f"Not registered yet: {', '.join(unregistered)}. {commands}")
    return Finding(about, Verdict.FINE, "All that the course uses are registered.")


def _names(classroom: Classroom, survey: Survey) -> Finding:
    taken = []
    for learner in classroom.learners:
        group = survey.groups.get(learner.resource_group.casefold())
        if group is not None and not made_for(group, classroom.name, learner.handle):
            taken.append(str(group.name))
    if taken:
        shown = ", ".join(taken[:10]) + (" and others" if len(taken) > 10 else "")
        text = f"{len(taken)} resource groups are there already, and not this class's: {shown}. Choose another --name."
        return Finding("names", Verdict.PROBLEM, text)
    return Finding("names", Verdict.FINE, "None is taken.")


def _limits(classroom: Classroom, survey: Survey) -> Iterator[Finding]:
    there = set(survey.groups)
    new = [each for each in classroom.learners if each.resource_group.casefold() not in there]
    yield _limit("resource groups", len(there), len(new), _GROUP_LIMIT)
    held = sum(map(len, survey.assignments.values()))
    yield _limit("role assignments", held, _ASSIGNMENTS_EACH * len(new), _ASSIGNMENT_LIMIT)


def _limit(what: str, there: int, wanted: int, limit: int) -> Finding:
    text = f"{there} are there, {wanted} more are to come, and a subscription can have {limit}."
    if there + wanted > limit:
        return Finding(what, Verdict.PROBLEM, f"{text} Use another subscription for a part. {_LIMITS_SOURCE}")
    return Finding(what, Verdict.FINE, text)
