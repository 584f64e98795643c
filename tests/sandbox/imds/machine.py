"""A virtual machine, seen from the desk of its owner and from its own inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from sandbox.core import seed_data
from sandbox.core.timing import Timing
from sandbox.entra.keys import SigningKey
from sandbox.imds.service import MetadataService
from sandbox.seeding import make_machine
from sandbox.state.directory import Principal
from tests.support.desk import Desk

COMPUTE = "2024-07-01"
IDENTITY = "2023-01-31"
TOKEN = "/metadata/identity/oauth2/token"
ARM = "https://management.azure.com/"


class Machine:
    """A machine without identities, and its metadata service behind real HTTP."""

    def __init__(self, key: SigningKey, serve: Callable[..., str], http: requests.Session, timing: Timing) -> None:
        self.desk = Desk(key, timing)
        self.cloud = self.desk.cloud
        self.clock = self.desk.clock
        self.desk.do(lambda: make_machine(self.cloud, self.desk.owner, seed_data.RESOURCE_GROUP, "myVM"))
        self.id = f"{self.desk.group}/providers/Microsoft.Compute/virtualMachines/myVM"
        self.address = serve(MetadataService(self.cloud, self.id).handle)
        self._http = http

    def identity(self, name: str) -> Principal:
        """Make a user-assigned identity."""
        path = f"{self.desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        made = self.desk.ask("PUT", path, {"location": "eastus"}, version=IDENTITY)
        assert made.status in {200, 201}
        found = self.cloud.directory.by_object_id(made.body["properties"]["principalId"])
        assert found is not None
        return found

    def delete(self, identity: Principal) -> None:
        """Delete an identity."""
        assert self.desk.ask("DELETE", identity.resource_id or "", version=IDENTITY).status == 200

    def assign(self, *identities: Principal, system: bool = False) -> None:
        """Let the machine have just these identities."""
        self.patch({"identity": {"type": "None"}})
        halves = ["SystemAssigned"] * system + ["UserAssigned"] * bool(identities)
        block: dict[str, Any] = {"type": ", ".join(halves) or "None"}
        if identities:
            block["userAssignedIdentities"] = {identity.resource_id: {} for identity in identities}
        self.patch({"identity": block})

    def patch(self, body: dict[str, Any]) -> None:
        """Change the machine."""
        answer = self.desk.ask("PATCH", self.id, body, version=COMPUTE)
        assert answer.status == 200, answer.body

    @property
    def system(self) -> Principal:
        """The machine's own identity."""
        body = self.desk.ask("GET", self.id, version=COMPUTE).body
        found = self.cloud.directory.by_object_id(body["identity"]["principalId"])
        assert found is not None
        return found

    def get(self, path: str, **query: str) -> requests.Response:
        """Ask the metadata service from inside."""
        return self.send("GET", path, headers={"Metadata": "true"}, params=query)

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask the metadata service anything."""
        return self._http.request(method, self.address + path, timeout=300, **options)

    def token(self, **query: str) -> requests.Response:
        """Ask for a token for Resource Manager, unless another resource is named."""
        return self.get(TOKEN, **({"api-version": "2018-02-01", "resource": ARM} | query))

    def object_id(self, **query: str) -> str:
        """Whose token is given."""
        answer = self.token(**query)
        assert answer.status_code == 200, answer.text
        return self.cloud.validator.validate(answer.json()["access_token"]).object_id
