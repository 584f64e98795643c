"""What is the matter with one learner: how far they are, and which call of the course would be refused, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients
from workshop.classroom.decisions import Decide, Decision
from workshop.classroom.steps import Position, position_of, principal_of
from workshop.classroom.survey import Survey
from workshop.errors import UsageError

_ROLE_ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_MACHINES = "Microsoft.Compute/virtualMachines"
_REFUSAL = re.compile(
    r"object id '(?P<who>[0-9a-fA-F-]{36})' does not have authorization to perform action '(?P<action>[^']+)' "
    r"over scope '(?P<scope>[^']+)'"
)
_LINKED_REFUSAL = re.compile(
    r"object id '(?P<who>[0-9a-fA-F-]{36})' has permission .*?; however, it does not have permission to perform "
    r"action '(?P<action>[^']+)' on the linked scope\(s\) '(?P<scope>[^',]+)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Call:
    """A call that somebody makes in the course, as authorization sees it.

    Attributes:
        what: it is for, in words.
        who: the object id of who makes it.
        action: it takes.
        scope: what it is about.
    """

    what: str
    who: str
    action: str
    scope: str


@dataclass(frozen=True)
class Diagnosis:
    """What there is to know about a learner.

    Attributes:
        position: how far they are.
        machine: how their virtual machine is, in Azure's words; empty if it is not there.
        decisions: on each call of the course that somebody is there to make.
    """

    position: Position
    machine: str
    decisions: Sequence[tuple[Call, Decision]]


def diagnose(clients: Clients, classroom: Classroom, learner: Learner, survey: Survey, decide: Decide) -> Diagnosis:
    """Look into one learner's case.

    Raises:
        RefusedError: Azure refused.
    """
    position = position_of(classroom, learner, survey, clients.subscription)
    calls = calls_of(clients, classroom, learner, survey)
    decisions = [(call, decide(call.who, call.action, call.scope)) for call in calls]
    return Diagnosis(position, _power(clients, learner, survey), decisions)


def calls_of(clients: Clients, classroom: Classroom, learner: Learner, survey: Survey) -> list[Call]:
    """Return the calls of the course: the learner's if they have a principal, the identity's if it is there."""
    group = clients.group_id(learner.resource_group)
    identity_id = f"{group}/providers/{_IDENTITIES}/{learner.identity_name}"
    machine_id = f"{group}/providers/{_MACHINES}/{learner.vm_name}"
    calls = []
    if who := principal_of(classroom, learner, survey):
        calls += [
            Call("01: make the identity", who, f"{_IDENTITIES}/write", identity_id),
            Call("02: change the machine", who, f"{_MACHINES}/write", machine_id),
            Call("02: give it the identity", who, f"{_IDENTITIES}/assign/action", identity_id),
            Call("03: grant the role", who, f"{_ROLE_ASSIGNMENTS}/write", group),
        ]
    for identity in survey.identities_in(learner.resource_group):
        if str(identity.name).casefold() == learner.identity_name.casefold():
            read = "Microsoft.Resources/subscriptions/resourceGroups/read"
            calls.append(Call("05: read the group, as the identity", str(identity.principal_id), read, group))
    return calls


def call_of_refusal(text: str) -> Call:
    """Return the call that was refused, from the message of a 403.

    Raises:
        UsageError: It is no such message.
    """
    found = _REFUSAL.search(text) or _LINKED_REFUSAL.search(text)
    if found is None:
        raise UsageError(
            "That is not the message of a refusal. It begins with: The client '…' with object id '…' does not have "
            "authorization to perform action '…'"
        )
    return Call("the call that was refused", found["who"], found["action"], found["scope"])


def known_as(who: str, classroom: Classroom, survey: Survey) -> str:
    """Say whose object id that is, as far as the class knows."""
    wanted = who.casefold()
    for learner in classroom.learners:
        if principal_of(classroom, learner, survey).casefold() == wanted:
            return f"{learner.name}, as the learner"
        for identity in survey.identities_in(learner.resource_group):
            if str(identity.principal_id).casefold() == wanted:
                return f"the identity {identity.name} of {learner.name}"
    return "nobody of this class; perhaps an identity that has been deleted since"


def _power(clients: Clients, learner: Learner, survey: Survey) -> str:
    names = {str(each.name).casefold() for each in survey.machines_in(learner.resource_group)}
    if learner.vm_name.casefold() not in names:
        return ""
    try:
        view = clients.compute.virtual_machines.instance_view(learner.resource_group, learner.vm_name)
    except AzureError:
        return "not to be seen"
    shown = [str(each.display_status) for each in view.statuses or () if str(each.code).startswith("PowerState/")]
    return shown[0] if shown else "unknown"
