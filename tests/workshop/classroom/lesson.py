"""A class held in a sandbox under test, by the commands that a trainer types."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from tests.support.sandbox import RunningSandbox
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.folder import ClassFolder
from workshop.classroom.inventory import take_inventory
from workshop.classroom.progress import LearnerProgress, progress_of
from workshop.cli import main

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
Client = TypeVar("Client")
ROSTER = "name,email\nAda Lovelace,ada@contoso.com\nGrace Hopper,grace@contoso.com\nJosé Álvarez,jose@contoso.com\n"
NAMES = ("ada", "grace", "jose")


@dataclass
class Lesson:
    """The class, its sandbox and its folder."""

    sandbox: RunningSandbox
    path: Path

    @property
    def folder(self) -> ClassFolder:
        return ClassFolder(self.path / "class")

    @property
    def classroom(self) -> Classroom:
        return self.folder.load()

    def run(self, command: str, *words: str) -> int:
        """One command of the trainer's; the exit status."""
        return main([command, "--folder", str(self.folder.path), *words])

    def learner(self, who: str) -> Learner:
        return self.classroom.search(who)

    def clients(self) -> Clients:
        """The trainer's own, as long as the environment points to the sandbox."""
        return sign_in(self.classroom)

    def credential_of(self, who: str) -> TokenCredential:
        """What a learner signs in with, read from their folder as their programs do."""
        kept = self.folder.of(self.learner(who)).read_environment()
        assert kept is not None
        return ClientSecretCredential(
            kept["AZURE_TENANT_ID"],
            kept["AZURE_CLIENT_ID"],
            kept["AZURE_CLIENT_SECRET"],
            authority=kept["AZURE_AUTHORITY_HOST"],
            disable_instance_discovery=True,
            connection_verify=kept["REQUESTS_CA_BUNDLE"],
        )

    def client_of(self, who: str, kind: type[Client]) -> Client:
        """A client of the Azure SDK with a learner's credential."""
        return self.sandbox.client(kind, self.credential_of(who))


def class_of(learners: Sequence[Learner], name: str = "friday") -> Classroom:
    """A class with these learners."""
    return Classroom(name, "4f6a1c", "sandbox", "", "eastus", learners=tuple(learners))


def learner(number: int = 1, handle: str = "ada-lovelace", name: str = "Ada Lovelace") -> Learner:
    return Learner(number, name, handle, f"friday-{handle}", f"vm-{handle}", f"id-{handle}")


@dataclass
class Grace:
    """Grace, working through the course by hand."""

    lesson: Lesson

    def __post_init__(self) -> None:
        self.me = self.lesson.learner("grace")
        self.group = self.me.resource_group
        self.scope = self.lesson.sandbox.seed_data.group(self.group)
        self.compute = self.lesson.client_of("grace", ComputeManagementClient).virtual_machines
        self.identities = self.lesson.client_of("grace", ManagedServiceIdentityClient).user_assigned_identities
        self.roles = self.lesson.client_of("grace", AuthorizationManagementClient).role_assignments

    def position(self) -> LearnerProgress:
        clients = self.lesson.clients()
        return progress_of(self.lesson.classroom, self.me, take_inventory(clients), clients.subscription)

    def states(self) -> str:
        return " ".join(reading.status for reading in self.position().readings[:6])

    def make(self, name: str = "") -> Identity:
        made: Identity = self.identities.create_or_update(
            self.group, name or self.me.identity_name, Identity(location="eastus")
        )
        return made

    def assign(self, identity: Identity) -> None:
        block = VirtualMachineIdentity(
            type="UserAssigned", user_assigned_identities={str(identity.id): UserAssignedIdentitiesValue()}
        )
        self.compute.begin_update(self.group, self.me.vm_name, VirtualMachineUpdate(identity=block)).result()

    def grant(self, principal_id: str, scope: str = "") -> None:
        definition = (
            f"{self.lesson.sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        )
        wanted = RoleAssignmentCreateParameters(
            role_definition_id=definition, principal_id=principal_id, principal_type="ServicePrincipal"
        )
        self.roles.create(scope or self.scope, str(uuid.uuid4()), wanted)
