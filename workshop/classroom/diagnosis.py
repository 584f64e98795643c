"""What is the matter with one learner: how far they are, and which call of the course would be refused, and why.

Whether a call would be let through is worked out from role assignments, by the rules in `rbac`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import HttpResponseError, ODataV4Format

import rbac.decisions
from helpers import explain
from rbac.decisions import Consideration, Decision
from rbac.roles import Permission, RoleDefinition, role_guid
from rbac.scopes import contains
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import AUTHORIZATION_VERSION, Clients, RefusedError
from workshop.classroom.inventory import Inventory, RoleAssignment, list_assignments
from workshop.classroom.progress import LearnerProgress, progress_of

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
class AccessCheck:
    """Whether somebody may do something that the course asks of them."""

    what: str  # it is for, in words
    who: str  # the object id of who makes it
    action: str
    scope: str


@dataclass(frozen=True)
class Diagnosis:
    """What there is to know about a learner."""

    progress: LearnerProgress
    machine: str  # how their virtual machine is, in Azure's words; empty if it is not there
    decisions: Sequence[tuple[AccessCheck, Decision]]  # on each call of the course that somebody is there to make


class AccessChecker:
    """Decides by role assignments; those of a principal, and the definition of a role, are asked for once."""

    def __init__(self, clients: Clients) -> None:
        self._held_by = cache(partial(list_assignments, clients))
        self._definition = cache(partial(_definition, clients))

    def decide(self, check: AccessCheck) -> Decision:
        """Return the decision, with what each assignment contributed; those that reach the scope come first."""
        held = sorted(self._held_by(check.who), key=lambda each: not contains(each.scope, check.scope))
        considered = tuple(self._consider(each, check) for each in held)
        allowed = any(each.grants for each in considered)
        return Decision(allowed, check.who, check.action, check.scope, considered)

    def _consider(self, held: RoleAssignment, check: AccessCheck) -> Consideration:
        role = self._role(held)
        decision = rbac.decisions.decide(
            principal_id=check.who,
            action=check.action,
            scope=check.scope,
            # Azure counts the assignments of the groups that the principal is in, and so they are the principal's here.
            assignments=[replace(held, principal_id=check.who)],
            roles={} if role is None else {role.id: role},
        )
        return decision.considered[0]

    def _role(self, held: RoleAssignment) -> RoleDefinition | None:
        """Return the role as the assignment gives it, under the assignment's condition; None if it is not there."""
        found = self._definition(held.role_definition_id)
        if found is None:
            return None
        permissions = tuple(_permission(each, held.condition) for each in found["permissions"])
        role = role_guid(held.role_definition_id)
        return RoleDefinition(role, found["roleName"], "", found["type"], (), permissions, None, None)


def _definition(clients: Clients, role_id: str) -> Mapping[str, Any] | None:
    """Return a role's definition as Azure writes it: the SDK leaves the conditions of permissions out."""
    answer = clients.arm("GET", role_id, AUTHORIZATION_VERSION)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    if not answer.ok:
        raise RefusedError(explain(answer).message)
    properties: Mapping[str, Any] = answer.json()["properties"]
    return properties


def diagnose(clients: Clients, classroom: Classroom, learner: Learner, inventory: Inventory) -> Diagnosis:
    """Look into one learner's case."""
    progress = progress_of(classroom, learner, inventory, clients.subscription)
    checker = AccessChecker(clients)
    checks = _checks_of(clients, classroom, learner, inventory)
    decisions = [(check, checker.decide(check)) for check in checks]
    machine = inventory.machine_of(learner)
    return Diagnosis(progress, (machine.power or "unknown") if machine else "", decisions)


def _checks_of(clients: Clients, classroom: Classroom, learner: Learner, inventory: Inventory) -> list[AccessCheck]:
    """Return the calls of the course: the learner's if they have a principal, the identity's if it is there."""
    group = clients.group_id(learner.resource_group)
    identity_id = f"{group}/providers/{_IDENTITIES}/{learner.identity_name}"
    machine_id = f"{group}/providers/{_MACHINES}/{learner.vm_name}"
    checks = []
    if who := inventory.principal_of(classroom, learner):
        checks += [
            AccessCheck("01: make the identity", who, f"{_IDENTITIES}/write", identity_id),
            AccessCheck("02: change the machine", who, f"{_MACHINES}/write", machine_id),
            AccessCheck("02: give it the identity", who, f"{_IDENTITIES}/assign/action", identity_id),
            AccessCheck("03: grant the role", who, f"{_ROLE_ASSIGNMENTS}/write", group),
        ]
    if identity := inventory.identity_of(learner):
        read = "Microsoft.Resources/subscriptions/resourceGroups/read"
        checks.append(AccessCheck("05: read the group, as the identity", str(identity.principal_id), read, group))
    return checks


def read_refusal(text: str) -> AccessCheck | None:
    """Return the call that was refused, from the message of a 403; None if it is another message."""
    found = _REFUSAL.search(text) or _LINKED_REFUSAL.search(text)
    return found and AccessCheck("the call that was refused", found["who"], found["action"], found["scope"])


def advice_on(text: str) -> str:
    """Return what to do about any other refusal, of Resource Manager, Entra or the metadata service; empty if unknown.

    It is known by its code, anywhere in the text, or by its sentence.
    """
    unknown = _advice("", "")
    advised = (_advice(code, text) for code in ("", *re.findall(r"\w+", text)))
    return next((advice for advice in advised if advice != unknown), "")


def _advice(code: str, message: str) -> str:
    refusal = HttpResponseError(message)
    refusal.error = ODataV4Format({"code": code or "unknown", "message": message})
    return explain(refusal).advice


def known_as(who: str, classroom: Classroom, inventory: Inventory) -> str:
    """Say whose object id that is, as far as the class knows."""
    wanted = who.casefold()
    for learner in classroom.learners:
        if inventory.principal_of(classroom, learner).casefold() == wanted:
            return f"{learner.name}, as the learner"
        for identity in inventory.identities_of(learner):
            if str(identity.principal_id).casefold() == wanted:
                return f"the identity {identity.name} of {learner.name}"
    return "nobody of this class; perhaps an identity that has been deleted since"


def _permission(given: Mapping[str, Any], condition: str) -> Permission:
    """Return a permission under its own condition, or that of the assignment that gives it."""
    lists = (given.get(name) for name in ("actions", "notActions", "dataActions", "notDataActions"))
    actions, not_actions, data_actions, not_data_actions = (tuple(each or ()) for each in lists)
    return Permission(actions, not_actions, data_actions, not_data_actions, given.get("condition") or condition or None)
