"""The sandbox that the tests of a machine's inside run against, and the command line on it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential

from sandbox.process.background import running
from sandbox.process.operator_client import OperatorClient
from sandbox.state.state_directory import StateDirectory
from tests.support.command import sandbox_command
from tests.support.machines import COMPUTE, IDENTITY, NETWORK, SSH, UBUNTU
from tests.support.needs import do_without

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GROUP = "myResourceGroupVM"
_PATIENCE = 300.0  # seconds


@contextmanager
def running_lab(data: Path, *flags: str) -> Iterator[Lab]:
    """Start a sandbox for as long as the block runs; skip the test where one cannot be inside of a machine."""
    if sys.platform != "linux":
        pytest.skip("the inside of a machine needs Linux")
    lab = Lab(data, *flags)
    try:
        probe = lab.inside("myVM", "true")
        if probe.returncode:
            do_without(f"this system does not permit namespaces: {probe.stderr.strip()}")
        yield lab
    finally:
        lab.run("stop")


class Lab:
    """A sandbox that was started, and what is done with it."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.run("start", *flags)
        self.find()

    def find(self) -> None:
        """Find the sandbox that is running now."""
        state = StateDirectory(self.data)
        runtime = running(state)
        assert runtime is not None
        self.process = runtime.pid
        self._operator = OperatorClient(state, runtime)
        self.seed_data = self._operator.seed_data
        self.group = self.seed_data.group(GROUP)
        self.endpoint = f"https://localhost:{runtime.port}"
        self.ca = str(self.data / "ca.pem")
        self._session = requests.Session()
        self._session.verify = self.ca
        self._session.trust_env = False
        token = self.credential().get_token("https://management.azure.com/.default").token
        self._session.headers["Authorization"] = f"Bearer {token}"

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sandbox", "--data", str(self.data), *words]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the sandbox's that does not go inside."""
        done = sandbox_command("--data", str(self.data), *words)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def inside(self, machine: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside a machine, whatever comes of it."""
        words = self.command("shell", machine, "--", *command)
        return subprocess.run(words, capture_output=True, text=True, timeout=600, **options)

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

    def credential(self) -> ClientSecretCredential:
        """The operator's."""
        return ClientSecretCredential(
            self.seed_data.tenant_id,
            self.seed_data.operator_client_id,
            self._operator.secret,
            authority=self.endpoint,
            disable_instance_discovery=True,
            connection_verify=self.ca,
        )

    def ask(self, method: str, path: str, body: Any = None, *, version: str = COMPUTE) -> requests.Response:
        """One request as the operator, to a path or a link."""
        url = path if path.startswith("https:") else f"{self.endpoint}{path}?api-version={version}"
        return self._session.request(method, url, json=body, timeout=300)

    def wait(self, answer: requests.Response) -> Any:
        """Follow the operation that an answer began; return its last status."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            found = self.ask("GET", answer.headers["azure-asyncoperation"]).json()
            if found["status"] != "InProgress":
                return found
            time.sleep(0.02)
        raise TimeoutError(answer.headers["azure-asyncoperation"])

    def arm(self, method: str, path: str, body: Any = None, *, version: str = COMPUTE) -> Any:
        """A request that succeeds, followed to its end."""
        answer = self.ask(method, path, body, version=version)
        assert answer.ok, answer.text
        if "azure-asyncoperation" in answer.headers:
            assert self.wait(answer)["status"] == "Succeeded"
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
        role = f"{self.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
        principal = identity["properties"]["principalId"]
        name = uuid.uuid5(uuid.NAMESPACE_OID, principal)
        path = f"{self.group}/providers/Microsoft.Authorization/roleAssignments/{name}"
        body = {"properties": {"roleDefinitionId": role, "principalId": principal}}
        self.arm("PUT", path, body, version="2022-04-01")

    def add_linux_machine(self, name: str, group: str | None = None) -> None:
        """Add a machine to a group, by default the seeded one, with an interface in the seeded network."""
        group = group or self.group
        subnet = f"{self.group}/providers/Microsoft.Network/virtualNetworks/myVMVNET/subnets/myVMSubnet"
        address = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
        interface = self.arm(
            "PUT",
            f"{group}/providers/Microsoft.Network/networkInterfaces/{name}VMNic",
            {"location": "eastus", "properties": {"ipConfigurations": [address]}},
            version=NETWORK,
        )
        properties = {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {"imageReference": UBUNTU, "osDisk": {"createOption": "FromImage"}},
            "osProfile": {"computerName": name, "adminUsername": "azureuser", "linuxConfiguration": SSH},
            "networkProfile": {"networkInterfaces": [{"id": interface["id"]}]},
        }
        path = f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"
        self.arm("PUT", path, {"location": "eastus", "properties": properties})
