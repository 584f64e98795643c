"""How far a learner is, told by what Azure has: never by what somebody says.

Azure keeps what was made, assigned and granted. It keeps no record of a token that was handed out or of a group that
was read, so whether a learner has done that is not known, and is said not to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi.models import Identity

from rbac.roles import OWNER
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.marks import made_for, principal_name
from workshop.classroom.survey import Survey

Named = TypeVar("Named", VirtualMachine, Identity)


class State(StrEnum):
    """Of one step."""

    DONE = "done"
    OPEN = "open"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclass(frozen=True)
class Step:
    """Something that has to be there in the end.

    Attributes:
        title: short, for the head of a column.
        notebook: the number of the notebook that brings it about; empty for what the trainer provides.
        what: in a sentence's words.
    """

    title: str
    notebook: str
    what: str


@dataclass(frozen=True)
class Standing:
    """How it is with one step.

    Attributes:
        state: of the step.
        note: what is peculiar about it; often empty.
    """

    state: State
    note: str = ""


@dataclass(frozen=True)
class Position:
    """How far one learner is: a standing for each of `STEPS`."""

    learner: Learner
    standings: Sequence[Standing]

    @property
    def notes(self) -> list[str]:
        """What is peculiar, in order."""
        return [standing.note for standing in self.standings if standing.note]

    @property
    def next_step(self) -> Step | None:
        """The first step that is open or wrong; None if there is none to be seen."""
        return next(
            (step for step, at in zip(STEPS, self.standings, strict=True) if at.state in (State.OPEN, State.WRONG)),
            None,
        )


GROUP = Step("Group", "", "their resource group is there")
RIGHTS = Step("Rights", "", "they are its Owner")
MACHINE = Step("VM", "", "their virtual machine is there")
IDENTITY = Step("Identity", "01", "they have made their identity")
ASSIGNED = Step("Assigned", "02", "the virtual machine has the identity")
GRANTED = Step("Granted", "03", "the identity has a role at the group")
TOKEN = Step("Token", "04", "a program on the machine has got a token")
READ = Step("Read", "05", "it has read the group with the token")
STEPS = (GROUP, RIGHTS, MACHINE, IDENTITY, ASSIGNED, GRANTED, TOKEN, READ)

_DONE, _OPEN = Standing(State.DONE), Standing(State.OPEN)
_UNKNOWN = Standing(State.UNKNOWN)


def position_of(classroom: Classroom, learner: Learner, survey: Survey, subscription: str) -> Position:
    """Return how far a learner is.

    Args:
        classroom: the class.
        learner: of the class.
        survey: what Azure has.
        subscription: the id of the subscription.
    """
    group = survey.groups.get(learner.resource_group.casefold())
    if group is None:
        return Position(learner, [*[_OPEN] * (len(STEPS) - 2), _UNKNOWN, _UNKNOWN])
    scope = f"{subscription}/resourceGroups/{learner.resource_group}"
    machine = _named(survey.machines_in(learner.resource_group), learner.vm_name)
    identity = _named(survey.identities_in(learner.resource_group), learner.identity_name)
    standings = [
        _DONE if made_for(group, classroom.name, learner.handle) else Standing(State.WRONG, _NOT_OURS),
        _rights(principal_of(classroom, learner, survey), scope, survey),
        _machine(machine, learner),
        _identity(identity, learner, survey),
        _assigned(machine, identity),
        _granted(identity, scope, survey),
        _UNKNOWN,
        _UNKNOWN,
    ]
    return Position(learner, standings)


def principal_of(classroom: Classroom, learner: Learner, survey: Survey) -> str:
    """Return the object id of the learner's principal; empty if there is none (yet)."""
    made = survey.principals.get(principal_name(classroom.name, learner.handle))
    return learner.object_id or (made.object_id if made else "")


def held_by(principal_id: str, assignments: Sequence[RoleAssignment]) -> list[RoleAssignment]:
    """Return those of ``assignments`` that are the principal's."""
    return [each for each in assignments if str(each.principal_id).casefold() == principal_id.casefold()]


def is_of_role(assignment: RoleAssignment, role: str) -> bool:
    """Tell whether an assignment is of the role with this GUID."""
    return str(assignment.role_definition_id).casefold().endswith(f"/{role}")


_NOT_OURS = "the group is not marked as made for this learner"


def _rights(principal_id: str, scope: str, survey: Survey) -> Standing:
    if not principal_id:
        return _OPEN
    held = held_by(principal_id, survey.assignments_at(scope))
    return _DONE if any(is_of_role(each, OWNER) for each in held) else _OPEN


def _machine(machine: VirtualMachine | None, learner: Learner) -> Standing:
    if machine is None:
        return _OPEN
    state = str(machine.provisioning_state)
    if state == "Failed":
        return Standing(State.WRONG, f"{learner.vm_name} could not be made or changed: its state is Failed")
    return Standing(State.OPEN, f"{learner.vm_name} is in the state {state}") if state == "Creating" else _DONE


def _identity(identity: Identity | None, learner: Learner, survey: Survey) -> Standing:
    if identity is not None:
        return _DONE
    others = sorted(str(each.name) for each in survey.identities_in(learner.resource_group))
    return Standing(State.OPEN, f"there is {', '.join(others)}, but no {learner.identity_name}") if others else _OPEN


def _assigned(machine: VirtualMachine | None, identity: Identity | None) -> Standing:
    if machine is None or machine.identity is None:
        return _OPEN
    has = {each.casefold() for each in machine.identity.user_assigned_identities or {}}
    if identity is None:
        return (
            Standing(State.WRONG, f"{machine.name} refers to an identity that is not theirs or is gone")
            if has
            else _OPEN
        )
    return _DONE if str(identity.id).casefold() in has else _OPEN


def _granted(identity: Identity | None, scope: str, survey: Survey) -> Standing:
    if identity is None:
        return _OPEN
    within = survey.assignments_within(scope)
    held = held_by(str(identity.principal_id), within)
    if any(str(each.scope).casefold() == scope.casefold() for each in held):
        return _DONE
    if held:
        return Standing(State.WRONG, f"the role was granted at {held[0].scope}, which is not the group")
    if held_by(str(identity.client_id), within):
        return Standing(State.WRONG, "the role was granted to the client id; it has to be the principal id")
    return _OPEN


def _named(found: Sequence[Named], name: str) -> Named | None:
    return next((each for each in found if str(each.name).casefold() == name.casefold()), None)
