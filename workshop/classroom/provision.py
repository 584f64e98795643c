"""Giving each learner what they need: a sign-in, a group with their rights there, a machine, their notebooks.

Several learners at a time, where one's failure is nobody else's. In the sandbox a learner signs in with a service
principal that is made for them; on Azure they are in Entra already.
"""

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from helpers.connection.settings import SandboxSettings, sandbox_settings
from helpers.errors import TutorialError
from rbac.roles import OWNER
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import AUTHORIZATION_VERSION, GROUPS_VERSION, Clients, translate_azure_errors
from workshop.classroom.folder import ClassFolder, LearnerFolder, parameters_of
from workshop.classroom.inventory import Inventory, grant_note, made_for, principal_name, tags_for
from workshop.errors import WorkshopError
from workshop.files import make_private_folder, write_private
from workshop.notebooks.learner_copies import copy_notebooks

SIGN_IN = "sign-in"
GROUP = "group"
RIGHTS = "Owner of it"
MACHINE = "virtual machine"
NOTEBOOKS = "notebooks"
_HARDWARE = "hardwareProfile"
_UNPROXIED = "127.0.0.1,localhost,169.254.169.254,management.azure.com,login.microsoftonline.com"
Subject = TypeVar("Subject")


@dataclass(frozen=True)
class TaskOutcome(Generic[Subject]):
    """What became of one of many."""

    subject: Subject
    done: Sequence[str] = ()  # what was done, in words
    error: str = ""  # why it went no further; empty if it did


Task = Callable[[Subject, list[str]], None]
OnOutcome = Callable[[TaskOutcome[Subject], int, int], None]


def for_each(
    subjects: Sequence[Subject], task: Task[Subject], jobs: int, report: OnOutcome[Subject]
) -> list[TaskOutcome[Subject]]:
    """Do ``task`` for each of ``subjects``, at most ``jobs`` at a time; return the outcomes in the same order.

    The task gets a subject, and a list to which it adds what it has done; ``report`` each outcome as it comes, how many
    there are now and how many there will be. A refusal of Azure's or a full disk ends the task of one subject; other
    exceptions end everything. After Ctrl-C what has begun is finished, and nothing more begun.
    """
    outcomes: dict[int, TaskOutcome[Subject]] = {}
    with ThreadPoolExecutor(min(jobs, max(1, len(subjects))), "class") as pool:
        running = {pool.submit(_run_task, subject, task): number for number, subject in enumerate(subjects)}
        try:
            for future in as_completed(running):
                outcome = future.result()
                outcomes[running[future]] = outcome
                report(outcome, len(outcomes), len(subjects))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [outcomes[number] for number in sorted(outcomes)]


def _run_task(subject: Subject, task: Task[Subject]) -> TaskOutcome[Subject]:
    done: list[str] = []
    try:
        with translate_azure_errors():
            task(subject, done)
    except (WorkshopError, OSError) as error:
        return TaskOutcome(subject, done, str(error))
    return TaskOutcome(subject, done)


@dataclass(frozen=True)
class Provisioning:
    """What a class gets, and where it is kept."""

    clients: Clients
    classroom: Classroom
    folder: ClassFolder
    with_machines: bool  # whether virtual machines are made: always in the sandbox, only if asked for on Azure

    def missing(self, learner: Learner, inventory: Inventory) -> list[str]:
        """Return what a learner does not have yet."""
        group = inventory.group_of(learner)
        lacking = {
            SIGN_IN: self.classroom.in_sandbox and not self._has_sign_in(learner, inventory),
            GROUP: group is None,
            RIGHTS: group is None or not self._is_owner(learner, inventory),
            MACHINE: self.with_machines and inventory.machine_of(learner) is None,
            NOTEBOOKS: not self._has_notebooks(learner),
        }
        return [what for what, is_lacking in lacking.items() if is_lacking]

    def clash(self, learner: Learner, inventory: Inventory) -> str:
        """Return why a learner's group cannot be used: somebody else's has its name. Empty if that is not so."""
        group = inventory.group_of(learner)
        if group is None or made_for(group, self.classroom, learner):
            return ""
        return f"The resource group {group.name} is there already, and was not made for {learner.name} of this class."

    def provision(
        self, learners: Sequence[Learner], inventory: Inventory, jobs: int, report: OnOutcome[Learner]
    ) -> list[TaskOutcome[Learner]]:
        """Make what is missing, for ``jobs`` learners at a time; what is there stays as it is."""
        if self.classroom.in_sandbox:
            _ = self._sandbox  # asked for once, before the threads need it
        return for_each(learners, lambda learner, done: self._provide(learner, inventory, done), jobs, report)

    def _provide(self, learner: Learner, inventory: Inventory, done: list[str]) -> None:
        if clash := self.clash(learner, inventory):
            raise WorkshopError(clash)
        missing = self.missing(learner, inventory)
        tags = tags_for(self.classroom, learner)
        folder = self.folder.of(learner)
        principal_id = inventory.principal_of(self.classroom, learner)
        if SIGN_IN in missing:
            principal_id = self._make_principal(learner, folder, renew=bool(principal_id))
            done.append(SIGN_IN)
        elif self.classroom.in_sandbox:
            self._write_environment(folder, folder.read_environment() or {})  # the sandbox may have been moved since
        if GROUP in missing:
            group = self.clients.group_id(learner.resource_group)
            self.clients.make(group, GROUPS_VERSION, location=self.classroom.location, tags=tags)
            done.append(GROUP)
        if RIGHTS in missing:
            self._make_owner(learner, principal_id)
            done.append(RIGHTS)
        if MACHINE in missing:
            self._make_machine(learner, tags)
            done.append(MACHINE)
        if NOTEBOOKS in missing and copy_notebooks(folder.notebooks, parameters_of(self.classroom, learner)):
            done.append(NOTEBOOKS)

    def _make_owner(self, learner: Learner, principal_id: str) -> None:
        scope = self.clients.group_id(learner.resource_group)
        definition = f"{self.clients.subscription}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {principal_id} {OWNER}".casefold())
        properties = {
            "roleDefinitionId": definition,
            "principalId": principal_id,
            "principalType": learner.principal_type,
            "description": grant_note(self.classroom),
        }
        assignment = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        self.clients.make(assignment, AUTHORIZATION_VERSION, polling=False, properties=properties)

    def _make_machine(self, learner: Learner, tags: Mapping[str, str]) -> None:
        """Make network, interface and machine; parts that are there stay as they are.

        The machine is the course's, a Windows server without a public address. Its password is drawn at random and
        kept nowhere. The tags are the class's and not the course's, so that 06_clean_up leaves it alone.
        """
        from helpers.course.machine import parts_of

        size, location = self.classroom.vm_size, self.classroom.location
        parts = parts_of(self.clients.connection, learner.resource_group, learner.vm_name)
        for resource_id, version, properties in parts:
            if size and _HARDWARE in properties:
                properties = {**properties, _HARDWARE: {"vmSize": size}}
            self.clients.make(resource_id, version, location=location, tags=tags, properties=properties)

    def _make_principal(self, learner: Learner, folder: LearnerFolder, *, renew: bool) -> str:
        """Make a service principal, or renew its secret, and keep that in the folder; return its object id."""
        path = f"principals/{principal_name(self.classroom, learner)}"
        principal = self.clients.local("POST", f"{path}/resetSecret") if renew else self.clients.local("PUT", path)
        credential = {
            "AZURE_TENANT_ID": self._sandbox.tenant_id,
            "AZURE_CLIENT_ID": principal["clientId"],
            "AZURE_CLIENT_SECRET": principal["clientSecret"],
            "AZURE_SUBSCRIPTION_ID": self.clients.connection.subscription_id,
        }
        self._write_environment(folder, credential)
        return str(principal["objectId"])

    def _write_environment(self, folder: LearnerFolder, credential: Mapping[str, str]) -> None:
        make_private_folder(folder.path)
        write_private(folder.authority, Path(self._sandbox.ca_file).read_text("utf-8"))
        folder.authority.chmod(0o644)  # it is no secret, and at the hub the learner is another user than the trainer
        authority = str(folder.authority.absolute())
        addresses = {
            "AZURE_AUTHORITY_HOST": self._sandbox.authority,
            "AZURE_RESOURCE_MANAGER_ENDPOINT": self._sandbox.endpoint,
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "NO_PROXY": _UNPROXIED,
            "no_proxy": _UNPROXIED,
        }
        folder.write_environment({**credential, **addresses})

    @cached_property
    def _sandbox(self) -> SandboxSettings:
        try:
            return sandbox_settings()
        except TutorialError as error:
            raise WorkshopError(str(error)) from error

    def _has_sign_in(self, learner: Learner, inventory: Inventory) -> bool:
        principal = inventory.principals.get(principal_name(self.classroom, learner))
        return principal is not None and self.folder.of(learner).has_credential(principal.client_id)

    def _is_owner(self, learner: Learner, inventory: Inventory) -> bool:
        principal_id = inventory.principal_of(self.classroom, learner)
        return inventory.is_owner(principal_id, self.clients.group_id(learner.resource_group))

    def _has_notebooks(self, learner: Learner) -> bool:
        folder = self.folder.of(learner).notebooks
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            return True  # the hub has handed it over to the learner
        return any(folder.glob("*.ipynb"))


def counted(missing: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return how often each thing is missing, the most fundamental first."""
    everything = [what for each in missing for what in each]
    return {what: everything.count(what) for what in (SIGN_IN, GROUP, RIGHTS, MACHINE, NOTEBOOKS) if what in everything}
