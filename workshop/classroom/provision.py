"""Giving each learner what they need: a sign-in, a group with their rights there, a machine, their notebooks."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.resource.resources.models import ResourceGroup

from helpers.errors import TutorialError
from helpers.settings import SandboxSettings, sandbox_settings
from rbac.roles import OWNER
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients
from workshop.classroom.folder import ClassFolder
from workshop.classroom.learner_notebooks import copy_notebooks, parameters_of
from workshop.classroom.machines import make_machine
from workshop.classroom.marks import grant_note, made_for, principal_name, tags_for
from workshop.classroom.parallel import Outcome, Tell, for_each
from workshop.classroom.principals import has_sign_in, make_principal, renew_addresses
from workshop.classroom.steps import held_by, is_of_role, principal_of
from workshop.classroom.survey import Survey
from workshop.errors import WorkshopError

SIGN_IN = "sign-in"
GROUP = "group"
RIGHTS = "Owner of it"
MACHINE = "virtual machine"
NOTEBOOKS = "notebooks"


@dataclass(frozen=True)
class Provisioning:
    """What a class gets, and where it is kept.

    Attributes:
        clients: the trainer's.
        classroom: the class.
        folder: the class's, on this computer.
        with_machines: whether virtual machines are made: always in the sandbox, only if asked for on Azure.
    """

    clients: Clients
    classroom: Classroom
    folder: ClassFolder
    with_machines: bool

    def missing(self, learner: Learner, survey: Survey) -> list[str]:
        """Return what a learner does not have yet."""
        group = survey.groups.get(learner.resource_group.casefold())
        machines = survey.machines_in(learner.resource_group)
        lacking = {
            SIGN_IN: self.classroom.in_sandbox and not self._has_sign_in(learner, survey),
            GROUP: group is None,
            RIGHTS: group is None or not self._is_owner(learner, survey),
            MACHINE: self.with_machines
            and learner.vm_name.casefold() not in {str(each.name).casefold() for each in machines},
            NOTEBOOKS: not self._has_notebooks(learner),
        }
        return [what for what, is_lacking in lacking.items() if is_lacking]

    def clash(self, learner: Learner, survey: Survey) -> str:
        """Return why a learner's group cannot be used: somebody else's has its name. Empty if that is not so."""
        group = survey.groups.get(learner.resource_group.casefold())
        if group is None or made_for(group, self.classroom.name, learner.handle):
            return ""
        return f"The resource group {group.name} is there already, and was not made for {learner.name} of this class."

    def provision(
        self, learners: Sequence[Learner], survey: Survey, jobs: int, tell: Tell[Learner]
    ) -> list[Outcome[Learner]]:
        """Make what is missing; what is there stays as it is.

        Args:
            learners: of the class.
            survey: what there is.
            jobs: how many learners at a time.
            tell: is told of each outcome as it comes.
        """
        if self.classroom.in_sandbox:
            _ = self._sandbox  # asked for once, before the threads need it
        return for_each(learners, lambda learner, done: self._provide(learner, survey, done), jobs, tell)

    def _provide(self, learner: Learner, survey: Survey, done: list[str]) -> None:
        if clash := self.clash(learner, survey):
            raise WorkshopError(clash)
        missing = self.missing(learner, survey)
        tags = tags_for(self.classroom.name, learner.handle, datetime.now(UTC))
        folder = self.folder.of(learner)
        principal_id = principal_of(self.classroom, learner, survey)
        if SIGN_IN in missing:
            name, renew = self._principal(learner), bool(principal_id)
            principal_id = make_principal(self.clients, self._sandbox, name, folder, renew=renew)
            done.append(SIGN_IN)
        elif self.classroom.in_sandbox:
            renew_addresses(self._sandbox, folder)
        if GROUP in missing:
            wanted = ResourceGroup(location=self.classroom.location, tags=tags)
            self.clients.resources.resource_groups.create_or_update(learner.resource_group, wanted)
            done.append(GROUP)
        if RIGHTS in missing:
            self._make_owner(learner, principal_id)
            done.append(RIGHTS)
        if MACHINE in missing:
            make_machine(self.clients, self.classroom, learner, tags)
            done.append(MACHINE)
        if NOTEBOOKS in missing and copy_notebooks(folder.notebooks, parameters_of(self.classroom, learner)):
            done.append(NOTEBOOKS)

    def _make_owner(self, learner: Learner, principal_id: str) -> None:
        scope = self.clients.group_id(learner.resource_group)
        definition = f"{self.clients.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {principal_id} {OWNER}".casefold())
        wanted = RoleAssignmentCreateParameters(
            role_definition_id=definition,
            principal_id=principal_id,
            principal_type=learner.principal_type,
            description=grant_note(self.classroom.name),
        )
        self.clients.authorization.role_assignments.create(scope, str(name), wanted)

    @cached_property
    def _sandbox(self) -> SandboxSettings:
        try:
            return sandbox_settings()
        except TutorialError as error:
            raise WorkshopError(str(error)) from error

    def _principal(self, learner: Learner) -> str:
        return principal_name(self.classroom.name, learner.handle)

    def _has_sign_in(self, learner: Learner, survey: Survey) -> bool:
        principal = survey.principals.get(self._principal(learner))
        return principal is not None and has_sign_in(self.folder.of(learner), principal.client_id)

    def _is_owner(self, learner: Learner, survey: Survey) -> bool:
        held = survey.assignments_at(self.clients.group_id(learner.resource_group))
        mine = held_by(principal_of(self.classroom, learner, survey), held)
        return any(is_of_role(each, OWNER) for each in mine)

    def _has_notebooks(self, learner: Learner) -> bool:
        folder = self.folder.of(learner).notebooks
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            return True  # the hub has handed it over to the learner
        return any(folder.glob("*.ipynb"))


def counted(missing: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return how often each thing is missing, the most fundamental first."""
    everything = [what for each in missing for what in each]
    return {what: everything.count(what) for what in (SIGN_IN, GROUP, RIGHTS, MACHINE, NOTEBOOKS) if what in everything}
