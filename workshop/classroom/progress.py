"""How far each learner is, as Azure has it, never as somebody says.

Azure keeps what was made, assigned and granted. It keeps no record of a token that was handed out or of a group that
was read, so whether a learner has done that is not known, and is said not to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients
from workshop.classroom.inventory import STOPPED, Identity, Inventory, Machine, held_by, made_for, take_inventory


class Status(StrEnum):
    """Of one milestone."""

    DONE = "done"
    OPEN = "open"
    UNKNOWN = "unknown"
    WRONG = "wrong"


@dataclass(frozen=True)
class Milestone:
    """Something that has to be there in the end."""

    title: str  # short, for the head of a column
    notebook: str  # the number of the notebook that brings it about; empty for what the trainer provides
    what: str  # in a sentence's words


@dataclass(frozen=True)
class Reading:
    """What was found out about one milestone."""

    status: Status
    note: str = ""  # what is peculiar about it; often empty


@dataclass(frozen=True)
class LearnerProgress:
    """How far one learner is: a reading for each of `MILESTONES`."""

    learner: Learner
    readings: Sequence[Reading]

    @property
    def notes(self) -> list[str]:
        """What is peculiar, in order."""
        return [reading.note for reading in self.readings if reading.note]

    @property
    def next_milestone(self) -> Milestone | None:
        """The first milestone that is open or wrong; None if there is none to be seen."""
        unfinished = (Status.OPEN, Status.WRONG)
        pairs = zip(MILESTONES, self.readings, strict=True)
        return next((milestone for milestone, reading in pairs if reading.status in unfinished), None)


MILESTONES = (
    Milestone("Group", "", "their resource group is there"),
    Milestone("Rights", "", "they are its Owner"),
    Milestone("VM", "", "their virtual machine is there"),
    Milestone("Identity", "01", "they have made their identity"),
    Milestone("Assigned", "02", "the virtual machine has the identity"),
    Milestone("Granted", "03", "the identity has a role at the group"),
    Milestone("Token", "04", "a program on the machine has got a token"),
    Milestone("Read", "05", "it has read the group with the token"),
)
_DONE, _OPEN, _UNKNOWN = Reading(Status.DONE), Reading(Status.OPEN), Reading(Status.UNKNOWN)
_NOT_OURS = Reading(Status.WRONG, "the group is not marked as made for this learner")

_OUTDATED = Reading(Status.WRONG, "the identity was deleted and made again since it was assigned: assign it again")


def progress_of(classroom: Classroom, learner: Learner, inventory: Inventory, subscription: str) -> LearnerProgress:
    """Return how far a learner is, by what Azure has; ``subscription`` is its whole id."""
    group = inventory.group_of(learner)
    if group is None:
        return LearnerProgress(learner, [*[_OPEN] * (len(MILESTONES) - 2), _UNKNOWN, _UNKNOWN])
    scope = f"{subscription}/resourceGroups/{learner.resource_group}"
    machine, identity = inventory.machine_of(learner), inventory.identity_of(learner)
    principal_id = inventory.principal_of(classroom, learner)
    readings = [
        _DONE if made_for(group, classroom, learner) else _NOT_OURS,
        _DONE if principal_id and inventory.is_owner(principal_id, scope) else _OPEN,
        _machine(machine, learner),
        _identity(identity, learner, inventory),
        _assigned(machine, identity),
        _granted(identity, scope, inventory),
        _UNKNOWN,
        _UNKNOWN,
    ]
    return LearnerProgress(learner, readings)


def _machine(machine: Machine | None, learner: Learner) -> Reading:
    if machine is None:
        return _OPEN
    if machine.state == "Failed":
        return Reading(Status.WRONG, f"{learner.vm_name} could not be made or changed: its state is Failed")
    if machine.state == "Creating":
        return Reading(Status.OPEN, f"{learner.vm_name} is in the state Creating")
    if machine.power in STOPPED:
        return Reading(Status.WRONG, f"{learner.vm_name} does not run: {machine.power}")
    return _DONE


def _identity(identity: Identity | None, learner: Learner, inventory: Inventory) -> Reading:
    if identity is not None:
        return _DONE
    others = sorted(each.name for each in inventory.identities_of(learner))
    return Reading(Status.OPEN, f"there is {', '.join(others)}, but no {learner.identity_name}") if others else _OPEN


def _assigned(machine: Machine | None, identity: Identity | None) -> Reading:
    if machine is None or not machine.assigned:
        return _OPEN
    if identity is None:
        return Reading(Status.WRONG, f"{machine.name} refers to an identity that is not theirs or is gone")
    if identity.id.casefold() not in machine.assigned:
        return _OPEN
    principal_id = machine.assigned[identity.id.casefold()]
    return _DONE if principal_id in (None, identity.principal_id) else _OUTDATED


def _granted(identity: Identity | None, scope: str, inventory: Inventory) -> Reading:
    if identity is None:
        return _OPEN
    within = inventory.assignments_within(scope)
    held = held_by(identity.principal_id, within)
    if any(each.scope.casefold() == scope.casefold() for each in held):
        return _DONE
    if held:
        return Reading(Status.WRONG, f"the role was granted at {held[0].scope}, which is not the group")
    if held_by(identity.client_id, within):
        return Reading(Status.WRONG, "the role was granted to the client id; it has to be the principal id")
    return _OPEN


def take_snapshot(clients: Clients, classroom: Classroom) -> list[LearnerProgress]:
    """Return how far everybody in the class is."""
    inventory = take_inventory(clients)
    return [progress_of(classroom, each, inventory, clients.subscription) for each in classroom.learners]
