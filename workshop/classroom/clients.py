"""The sign-in of the trainer, and the Azure SDK's clients made with it: for the sandbox and Azure alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import AzureError

from helpers import connect, explain
from helpers.connection import Connection
from helpers.errors import TutorialError
from workshop.classroom.classroom import Classroom
from workshop.errors import WorkshopError

if TYPE_CHECKING:
    from azure.mgmt.resource.resources import ResourceManagementClient

AUTHORIZATION_VERSION = "2022-04-01"
GROUPS_VERSION = "2024-11-01"
_LOCAL_VERSION = "2024-05-28"  # of Sandbox.Local, the sandbox's own provider


class RefusedError(WorkshopError):
    """Azure refused a request or could not be reached; the message says why. Whatever asks Azure may raise it."""


@dataclass(frozen=True)
class Clients:
    """What a class is managed with; several threads may use it at a time."""

    connection: Connection

    @property
    def subscription(self) -> str:
        """The id of the subscription."""
        return f"/subscriptions/{self.connection.subscription_id}"

    def group_id(self, name: str) -> str:
        """Return the id of a resource group."""
        return f"{self.subscription}/resourceGroups/{name}"

    @cached_property
    def resources(self) -> ResourceManagementClient:
        """Groups, and resources of any kind."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return self.connection.client(ResourceManagementClient)

    def make(self, resource_id: str, version: str, *, polling: bool = True, **content: Any) -> None:
        """Make a group, a resource or a role assignment, of what it holds, and wait until it is there.

        The last is there at once, but does not say so: without ``polling`` the SDK does not ask for it again.
        """
        from azure.mgmt.resource.resources.models import GenericResource

        make = self.resources.resources.begin_create_or_update_by_id
        make(resource_id, GenericResource(**content), api_version=version, polling=polling).result()

    def local(self, method: str, path: str) -> Any:
        """Ask the sandbox's own provider; ``path`` is what follows its name."""
        return self._answer(method, f"{self.subscription}/providers/Sandbox.Local/{path}", _LOCAL_VERSION)

    def listed(self, path: str, version: str) -> list[Any]:
        """Return all items of a list, as Azure writes them; ``path`` is what follows the subscription's id.

        The SDK makes an object of each, which takes ten times as long as the rest, and leaves some fields out.
        """
        items: list[Any] = []
        page = f"{self.subscription}/{path}"
        while page:
            answer = self._answer("GET", page, version)
            items += answer["value"]
            page = urlsplit(answer.get("nextLink") or "")._replace(scheme="", netloc="").geturl()
            version = ""  # the link has it
        return items

    def _answer(self, method: str, path: str, version: str) -> Any:
        answer = self.arm(method, path, version)
        if not answer.ok:
            raise RefusedError(explain(answer).message)
        return answer.json() if answer.content else None

    def arm(self, method: str, path: str, version: str) -> requests.Response:
        """Send one request to Resource Manager; refusals are answers too."""
        try:
            return self.connection.arm(method, path, version)
        except (TutorialError, requests.RequestException) as error:
            raise RefusedError(str(error)) from error


def sign_in(classroom: Classroom) -> Clients:
    """Sign in where the class is held."""
    try:
        return Clients(connect(classroom.target, classroom.subscription_id))
    except (TutorialError, ValueError) as error:
        raise WorkshopError(str(error)) from error
    except requests.RequestException as error:
        raise WorkshopError(f"The {classroom.target} does not answer: {error}") from error


@contextmanager
def translate_azure_errors() -> Iterator[None]:
    """Turn an exception of the Azure SDK within the block into a RefusedError that says what to do about it."""
    try:
        yield
    except AzureError as error:
        explanation = explain(error)
        raise RefusedError(f"{explanation.message} {explanation.advice}") from error
