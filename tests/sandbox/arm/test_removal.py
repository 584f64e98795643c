"""Whatever way a resource goes, what was granted on it goes with it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.machines import IDENTITY, NETWORK, Machines

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SPACE = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
SUBNET = {"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
CREDENTIAL = {"issuer": "https://contoso.com", "subject": "s", "audiences": ["a"]}


@pytest.fixture
def machines(desk: Desk) -> Machines:
    return Machines(desk)


def put(machines: Machines, path: str, properties: Any, version: str = NETWORK) -> str:
    answer = machines.ask("PUT", path, {"location": "eastus", "properties": properties}, version=version)
    assert answer.status in (200, 201), answer.body
    return path


def delete(machines: Machines, path: str, version: str = NETWORK) -> None:
    assert machines.ask("DELETE", path, version=version).status in (200, 202, 204)


def a_machine(machines: Machines) -> str:
    machines.desk.grant(machines.desk.caller("reader"), READER, machines.path())
    delete(machines, machines.path(), "2026-04-01")
    return machines.path()


def an_interface_with_its_machine(machines: Machines) -> str:
    interface = machines.interface("nic2")
    body = machines.body(interface)
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"] = {"deleteOption": "Delete"}
    assert machines.put(body).status == 201
    machines.desk.grant(machines.desk.caller("reader"), READER, interface)
    delete(machines, machines.path("vm2"), "2026-04-01")
    return interface


def a_subnet(machines: Machines) -> str:
    network = put(machines, f"{machines.network}/virtualNetworks/v", {**SPACE, "subnets": [SUBNET]})
    machines.desk.grant(machines.desk.caller("reader"), READER, f"{network}/subnets/s")
    delete(machines, f"{network}/subnets/s")
    return f"{network}/subnets/s"


def a_subnet_left_out(machines: Machines) -> str:
    network = put(machines, f"{machines.network}/virtualNetworks/v", {**SPACE, "subnets": [SUBNET]})
    machines.desk.grant(machines.desk.caller("reader"), READER, f"{network}/subnets/s")
    put(machines, network, {**SPACE, "subnets": []})
    return f"{network}/subnets/s"


def an_identity(machines: Machines) -> str:
    identity = machines.identity("ID1")
    machines.desk.grant(machines.desk.caller("reader"), READER, identity)
    delete(machines, identity, IDENTITY)
    return identity


def a_credential(machines: Machines) -> str:
    path = f"{machines.identity('ID1')}/federatedIdentityCredentials/fic"
    put(machines, path, CREDENTIAL, IDENTITY)
    machines.desk.grant(machines.desk.caller("reader"), READER, path)
    delete(machines, path, IDENTITY)
    return path


def a_deployment(machines: Machines) -> str:
    path = f"{machines.desk.group}/providers/Microsoft.Resources/deployments/d"
    body = {"properties": {"mode": "Incremental", "template": {"resources": []}}}
    assert machines.ask("PUT", path, body, version="2024-11-01").status == 201
    machines.desk.grant(machines.desk.caller("reader"), READER, path)
    delete(machines, path, "2024-11-01")
    return path


def a_group(machines: Machines) -> str:
    machines.desk.grant(machines.desk.caller("reader"), READER, machines.desk.group)
    delete(machines, machines.desk.group, "2024-11-01")
    return machines.desk.group


@pytest.mark.parametrize(
    "gone",
    [
        a_machine,
        an_interface_with_its_machine,
        a_subnet,
        a_subnet_left_out,
        an_identity,
        a_credential,
        a_deployment,
        a_group,
    ],
)
def test_what_was_granted_goes_with_it(machines: Machines, gone: Callable[[Machines], str]) -> None:
    path = gone(machines)
    assignments = machines.desk.cloud.assignments
    assert not [each for each in assignments.below("/") if each.properties["scope"] == path]
