"""Whatever JSON a client sends: an answer or one of Azure's refusals, never a failure of the sandbox."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.arm.compute.properties import change, fill
from sandbox.arm.compute.schema import read
from sandbox.arm.fields import Fields
from sandbox.core.ids import Ids
from sandbox.entra.keys import SigningKey
from tests.support.desk import Desk
from tests.support.machines import COMPUTE, IDENTITY, NETWORK, SSH, UBUNTU, WINDOWS, Machines

FINE = frozenset({200, 201, 202, 204, 400, 403, 404, 409, 412})
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"

texts = st.text(max_size=8) | st.sampled_from(["Windows", "Attach", "\ud800", "10.0.0.0/24", "/a/b", "UserAssigned"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def machines(key: SigningKey) -> Machines:
    found = Machines(Desk(key))
    found.interface("nic2")
    found.identity("ID1")
    return found


@pytest.fixture(scope="module")
def requests(machines: Machines) -> dict[str, tuple[str, Any, str]]:
    return requests_to(machines)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places within a JSON value, itself included."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, member in members for place in places(member, (*path, name)))]


@st.composite
def spoiled(draw: st.DrawFn, good: Any) -> Any:
    """A good body with something else in one or two of its places."""
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(body)))
        new = draw(anything)
        if not path:
            return new
        place = body
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = new
    return body


def requests_to(machines: Machines) -> dict[str, tuple[str, Any, str]]:
    """A good request for each thing that takes a body: path, body, api-version."""
    interface, group = f"{machines.network}/networkInterfaces/nic2", machines.desk.group
    identity = f"{group}/providers/{IDENTITIES}/ID1"
    machine = machines.body(interface, windowsConfiguration={"patchSettings": {"patchMode": "Manual"}})
    machine["identity"] = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}}
    machine["tags"] = {"a": "b"}
    machine["properties"]["storageProfile"]["dataDisks"] = [{"lun": 0, "createOption": "Empty", "diskSizeGB": 4}]
    linux = machines.body(interface, image=UBUNTU, linuxConfiguration=SSH)
    configuration = {"name": "c", "properties": {"subnet": {"id": machines.subnet}, "primary": True}}
    subnet: dict[str, Any] = {
        "name": "s",
        "properties": {"addressPrefix": "10.0.0.0/24", "delegations": [{"name": "d"}]},
    }
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "dhcpOptions": {"dnsServers": ["10.0.0.4"]}}
    rule = {"name": "r", "properties": {"priority": 100, "access": "Allow", "direction": "Inbound"}}
    here = {"location": "eastus"}
    credential = {"issuer": "https://contoso.com", "subject": "s", "audiences": ["a"]}
    return {
        "identity": (f"{group}/providers/{IDENTITIES}/ID2", {**here, "tags": {}, "properties": {}}, IDENTITY),
        "credential": (f"{identity}/federatedIdentityCredentials/fic", {"properties": credential}, IDENTITY),
        "machine": (machines.path("vm2"), machine, COMPUTE),
        "linux": (machines.path("vm3"), linux, COMPUTE),
        "seeded": (machines.path(), machines.get(), COMPUTE),
        "vnet": (
            f"{machines.network}/virtualNetworks/v",
            {**here, "properties": {**space, "subnets": [subnet]}},
            NETWORK,
        ),
        "subnet": (
            f"{machines.network}/virtualNetworks/myVMVNET/subnets/s",
            {"properties": {**subnet["properties"], "addressPrefix": "10.0.5.0/24"}},
            NETWORK,
        ),
        "interface": (
            f"{machines.network}/networkInterfaces/n",
            {**here, "properties": {"ipConfigurations": [configuration]}},
            NETWORK,
        ),
        "address": (
            f"{machines.network}/publicIPAddresses/p",
            {**here, "sku": {"name": "Basic"}, "properties": {"ipTags": [{}]}},
            NETWORK,
        ),
        "security": (
            f"{machines.network}/networkSecurityGroups/g",
            {**here, "properties": {"securityRules": [rule]}},
            NETWORK,
        ),
    }


KINDS = (
    "identity",
    "credential",
    "machine",
    "linux",
    "seeded",
    "vnet",
    "subnet",
    "interface",
    "address",
    "security",
)


@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_body_is_answered(
    machines: Machines, requests: dict[str, tuple[str, Any, str]], kind: str, data: st.DataObject
) -> None:
    path, good, version = requests[kind]
    method = data.draw(st.sampled_from(["PUT", "PATCH"] if "virtualMachines" in path else ["PUT"]))
    answer = machines.ask(method, path, data.draw(spoiled(good)), version=version)
    assert answer.status in FINE, answer.body
    json.dumps(answer.body, allow_nan=False)
    if answer.status < 300:
        assert machines.ask("GET", path, version=version).status == 200
        if "virtualMachines" in path:
            assert machines.ask("GET", f"{path}/instanceView", version=version).status == 200
    machines.ask("DELETE", path if kind != "seeded" else machines.path("nowhere"), version=version)


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_bodies_are_good(key: SigningKey, kind: str) -> None:
    machines = Machines(Desk(key))
    machines.interface("nic2")
    machines.identity("ID1")
    path, good, version = requests_to(machines)[kind]
    expected = 200 if kind == "seeded" else 201
    assert machines.ask("PUT", path, good, version=version).status == expected


# --- what is filled in ---------------------------------------------------------------------------------------------

_VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
_INTERFACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/n"


@st.composite
def properties(draw: st.DrawFn) -> dict[str, Any]:
    linux = draw(st.booleans())
    disk: dict[str, Any] = {"createOption": "FromImage"}
    disk |= draw(st.fixed_dictionaries({}, optional={"name": st.just("d"), "diskSizeGB": st.integers(1, 999)}))
    profile = {"adminUsername": "azureuser", "adminPassword": "x"}
    extra = draw(st.fixed_dictionaries({}, optional={"computerName": st.just("c"), "customData": st.just("x")}))
    configuration = {"linuxConfiguration": SSH} if linux else {}
    size = draw(st.sampled_from(["Standard_B2s", "Standard_A2_v2"]))
    luns = draw(st.lists(st.integers(0, 63), unique=True, max_size=3))
    return {
        "hardwareProfile": {"vmSize": size},
        "storageProfile": {
            "imageReference": UBUNTU if linux else WINDOWS,
            "osDisk": disk,
            "dataDisks": [{"lun": lun, "createOption": "Empty", "diskSizeGB": 4} for lun in luns],
        },
        "osProfile": {**profile, **extra, **configuration},
        "networkProfile": {"networkInterfaces": [{"id": _INTERFACE}]},
    }


@given(properties())
def test_filling_in_what_is_filled_in_changes_nothing(given_properties: dict[str, Any]) -> None:
    def filled(value: dict[str, Any]) -> dict[str, Any]:
        return fill(Ids(1), _VM, read(Fields({"properties": value}, ""))["properties"])

    once = filled(given_properties)
    assert filled(once) == once
    changed = change(Ids(1), _VM, once, read(Fields({"properties": once}, ""))["properties"])
    assert changed == once
