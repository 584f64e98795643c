"""The sandbox that the tests of a machine's inside run against, and the command line on it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests
from azure.identity import ClientSecretCredential

from sandbox.client import OperatorClient
from sandbox.process import running
from sandbox.state import StateDirectory
from tests.support.machines import COMPUTE, IDENTITY, NETWORK, SSH, UBUNTU

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GROUP = "myResourceGroupVM"


class Lab:
    """A sandbox that was started, and what is done with it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.run("start")
        state = StateDirectory(data)
        runtime = running(state)
        assert runtime is not None
        self._operator = OperatorClient(state, runtime)
        self.world = self._operator.world
        self.group = self.world.group(GROUP)
        self.endpoint = f"https://localhost:{runtime.port}"
        self.ca = str(data / "ca.pem")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sandbox", "--data", str(self.data), *words]

    def run(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60, **options)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def inside(self, machine: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside a machine, whatever comes of it."""
        return self.run("shell", machine, "--", *command, check=False, **options)

    def python(self, machine: str, program: str) -> Any:
        """Run a Python program inside a machine; return the JSON value that it prints."""
        done = self.inside(machine, sys.executable, "-c", program)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_inside(self, machine: str, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command inside a machine, with pipes to talk to it."""
        return subprocess.Popen(
            self.command("shell", *options.pop("flags", ()), machine, "--", *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            **options,
        )

    def arm(self, method: str, path: str, body: Any = None, *, version: str = COMPUTE) -> Any:
        """A request as the operator, followed to its end."""
        credential = ClientSecretCredential(
            self.world.tenant_id,
            self.world.operator_client_id,
            self._operator.secret,
            authority=self.endpoint,
            disable_instance_discovery=True,
            connection_verify=self.ca,
        )
        token = credential.get_token("https://management.azure.com/.default").token
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self.ca
            session.headers["Authorization"] = f"Bearer {token}"
            answer = session.request(
                method, f"{self.endpoint}{path}", params={"api-version": version}, json=body, timeout=10
            )
            assert answer.ok, answer.text
            link = answer.headers.get("azure-asyncoperation")
            while link and session.get(link, timeout=10).json()["status"] == "InProgress":
                time.sleep(0.02)
            return answer.json() if answer.content else None

    def machine(self, name: str) -> str:
        return f"{self.group}/providers/Microsoft.Compute/virtualMachines/{name}"

    def identity(self, name: str) -> dict[str, Any]:
        path = f"{self.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        made: dict[str, Any] = self.arm("PUT", path, {"location": "eastus"}, version=IDENTITY)
        return made

    def attach(self, machine: str, identity: dict[str, Any]) -> None:
        block = {"type": "UserAssigned", "userAssignedIdentities": {identity["id"]: {}}}
        self.arm("PATCH", self.machine(machine), {"identity": block})

    def let_read(self, identity: dict[str, Any]) -> None:
        """Make the identity a Reader of the group."""
        role = f"{self.world.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        principal = identity["properties"]["principalId"]
        name = self.world.ids.guid("test", principal)
        path = f"{self.group}/providers/Microsoft.Authorization/roleAssignments/{name}"
        body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
        self.arm("PUT", path, body, version="2022-04-01")

    def add_linux_machine(self, name: str) -> None:
        network = f"{self.group}/providers/Microsoft.Network"
        subnet = f"{network}/virtualNetworks/myVMVNET/subnets/myVMSubnet"
        address = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
        interface = self.arm(
            "PUT",
            f"{network}/networkInterfaces/{name}VMNic",
            {"location": "eastus", "properties": {"ipConfigurations": [address]}},
            version=NETWORK,
        )
        properties = {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {"imageReference": UBUNTU, "osDisk": {"createOption": "FromImage"}},
            "osProfile": {"computerName": name, "adminUsername": "azureuser", "linuxConfiguration": SSH},
            "networkProfile": {"networkInterfaces": [{"id": interface["id"]}]},
        }
        self.arm("PUT", self.machine(name), {"location": "eastus", "properties": properties})
