"""A class held in a sandbox under test, by the commands that a trainer types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential

from tests.support.sandbox import RunningSandbox
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.folder import ClassFolder
from workshop.cli import main

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
        return self.classroom.find(who)

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


def hold(learners: Sequence[Learner], name: str = "friday") -> Classroom:
    """A class with these learners."""
    return Classroom(name, "sandbox", "", "eastus", learners=tuple(learners))


def learner(number: int = 1, handle: str = "ada-lovelace", name: str = "Ada Lovelace") -> Learner:
    return Learner(number, name, handle, f"friday-{handle}", f"vm-{handle}", f"id-{handle}")
