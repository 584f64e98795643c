"""Virtual machines, identities and networks at a desk: requests are good until a test changes something in them."""

from __future__ import annotations

from typing import Any

from sandbox.core.http import Answer
from sandbox.core.seed_data import LOCATION, RESOURCE_GROUP, VM_NAME
from sandbox.seeding import make_machine
from sandbox.state.store import Resource
from tests.support.desk import Desk

COMPUTE = "2026-04-01"
NETWORK = "2024-05-01"
IDENTITY = "2024-11-30"
PASSWORD = "Not-a-secret-1"
WINDOWS = {
    "publisher": "MicrosoftWindowsServer",
    "offer": "WindowsServer",
    "sku": "2022-datacenter-azure-edition",
    "version": "latest",
}
UBUNTU = {
    "publisher": "Canonical",
    "offer": "0001-com-ubuntu-server-jammy",
    "sku": "22_04-lts-gen2",
    "version": "latest",
}
SSH = {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [{"path": "/k", "keyData": "ssh-ed25519 AA"}]}}


class Machines:
    """The seeded ``myVM`` with its network, and ways to make more."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.do(lambda: make_machine(desk.cloud, desk.owner, RESOURCE_GROUP, VM_NAME))
        self.network = f"{desk.group}/providers/Microsoft.Network"
        self.subnet = f"{self.network}/virtualNetworks/{VM_NAME}VNET/subnets/{VM_NAME}Subnet"

    def path(self, name: str = VM_NAME) -> str:
        return f"{self.desk.group}/providers/Microsoft.Compute/virtualMachines/{name}"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.desk.ask(method, path, body, **{"version": COMPUTE, **options})

    def get(self, name: str = VM_NAME) -> dict[str, Any]:
        answer = self.ask("GET", self.path(name))
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    def stored(self, name: str = VM_NAME) -> Resource:
        found = self.desk.cloud.store.get(self.path(name))
        assert found is not None
        return found

    def power(self, name: str = VM_NAME) -> str:
        return str(self.stored(name).internal["power"])

    def patch(self, body: Any, name: str = VM_NAME, **options: Any) -> Answer:
        return self.ask("PATCH", self.path(name), body, **options)

    def identity(self, name: str, **body: Any) -> str:
        """Make an identity; return its id, with the lower-case ``/resourcegroups/`` it is answered with."""
        path = f"{self.desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        answer = self.desk.ask("PUT", path, {"location": LOCATION, **body}, version=IDENTITY)
        return str(answer.body["id"])

    def interface(self, name: str, **properties: Any) -> str:
        """Make a network interface in the seeded subnet; return its id."""
        given = {
            "ipConfigurations": [{"name": "ipconfig1", "properties": {"subnet": {"id": self.subnet}}}],
            **properties,
        }
        path = f"{self.network}/networkInterfaces/{name}"
        answer = self.ask("PUT", path, {"location": LOCATION, "properties": given}, version=NETWORK)
        assert answer.status in (200, 201), answer.body
        return str(answer.body["id"])

    def body(self, *interfaces: str, image: dict[str, Any] = WINDOWS, **os_profile: Any) -> dict[str, Any]:
        """A machine as it is asked for, with these interfaces."""
        profile = {"computerName": "vm2", "adminUsername": "azureuser", "adminPassword": PASSWORD, **os_profile}
        return {
            "location": LOCATION,
            "properties": {
                "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                "storageProfile": {"imageReference": dict(image), "osDisk": {"createOption": "FromImage"}},
                "osProfile": {key: value for key, value in profile.items() if value is not None},
                "networkProfile": {"networkInterfaces": [{"id": interface} for interface in interfaces]},
            },
        }

    def put(self, body: Any, name: str = "vm2", **options: Any) -> Answer:
        return self.ask("PUT", self.path(name), body, **options)
