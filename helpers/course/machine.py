"""Virtual machines: the identity block that they have, and making one in the sandbox."""

from __future__ import annotations

import re
import secrets
from typing import Any

from azure.mgmt.compute.models import (
    UserAssignedIdentitiesValue,
    VirtualMachine,
    VirtualMachineIdentity,
    VirtualMachineUpdate,
)
from azure.mgmt.core.tools import parse_resource_id
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResource, Sku

from helpers.connection import Connection

NETWORK_VERSION = "2024-05-01"
COMPUTE_VERSION = "2024-11-01"


def has_identity(vm: VirtualMachine, identity: Identity) -> bool:
    """Return whether the machine has this very identity, and not one of its name that was deleted since."""
    entry = assigned_entry(vm, identity)
    return entry is not None and entry.principal_id in (None, identity.principal_id)


def has_own_identity(vm: VirtualMachine) -> bool:
    """Return whether the machine has a system-assigned identity."""
    return vm.identity is not None and "systemassigned" in str.lower(vm.identity.type or "")


def assigned_entry(vm: VirtualMachine, identity: Identity) -> UserAssignedIdentitiesValue | None:
    """Return the machine's entry for the identity's id. Ids are compared without case: services differ in it."""
    assigned = (vm.identity.user_assigned_identities if vm.identity else None) or {}
    wanted = str(identity.id).casefold()
    return next((entry for identity_id, entry in assigned.items() if identity_id.casefold() == wanted), None)


def with_identity(vm: VirtualMachine, identity: Identity) -> VirtualMachineUpdate:
    """Return the change that gives the machine the identity beside what it has."""
    kind = "SystemAssigned, UserAssigned" if has_own_identity(vm) else "UserAssigned"
    added = {str(identity.id): UserAssignedIdentitiesValue()}
    return VirtualMachineUpdate(identity=VirtualMachineIdentity(type=kind, user_assigned_identities=added))


def make_vm(connection: Connection, resource_group: str, vm_name: str, location: str, vm_os: str = "Windows") -> None:
    """Make a small machine with its network; what is there already, as after a crash, stays.

    Its public address lets requests out. Nothing gets in: the address is a standard one, which is shut unless a rule
    opens it. Nobody needs to sign in: the password is drawn at random and kept nowhere.
    """
    client = ResourceManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    for resource_id, version, properties in parts_of(connection, resource_group, vm_name, vm_os, address=True):
        tags = connection.tags(resource_group, str(parse_resource_id(resource_id)["name"]))
        sku = Sku(name="Standard") if "/publicIPAddresses/" in resource_id else None
        resource = GenericResource(location=location, tags=tags, sku=sku, properties=properties)
        client.resources.begin_create_or_update_by_id(resource_id, resource, api_version=version).result()


def parts_of(
    connection: Connection, resource_group: str, vm_name: str, vm_os: str = "Windows", *, address: bool = False
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, api-version and properties of what a machine is made of, in the order of making.

    Args:
        connection: To what.
        resource_group: Where it is to be.
        vm_name: Its name.
        vm_os: ``"Windows"`` or ``"Linux"``.
        address: Whether it gets a public address.
    """
    providers = f"/subscriptions/{connection.subscription_id}/resourceGroups/{resource_group}/providers"
    network = f"{providers}/Microsoft.Network/virtualNetworks/{vm_name}VNET"
    public = f"{providers}/Microsoft.Network/publicIPAddresses/{vm_name}PublicIP"
    interface = f"{providers}/Microsoft.Network/networkInterfaces/{vm_name}VMNic"
    machine = f"{providers}/Microsoft.Compute/virtualMachines/{vm_name}"
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    inside = {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": f"{network}/subnets/default"}}
    outside = {"publicIPAddress": {"id": public}} if address else {}
    configuration = {"name": "ipconfig1", "properties": {**inside, **outside}}
    return [
        *([(public, NETWORK_VERSION, {"publicIPAllocationMethod": "Static"})] if address else []),
        (network, NETWORK_VERSION, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}),
        (interface, NETWORK_VERSION, {"ipConfigurations": [configuration]}),
        (machine, COMPUTE_VERSION, _machine(vm_name, interface, vm_os)),
    ]


_IMAGES = {
    "Windows": ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition"),
    "Linux": ("Canonical", "ubuntu-24_04-lts", "server"),
}


def _machine(vm_name: str, interface: str, vm_os: str) -> dict[str, Any]:
    publisher, offer, sku = _IMAGES[vm_os]
    return {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {
            "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
            "osDisk": {"createOption": "FromImage", "osType": vm_os, "deleteOption": "Delete"},
        },
        "osProfile": {
            "computerName": _computer_name(vm_name),
            "adminUsername": "azureuser",
            "adminPassword": f"{secrets.token_urlsafe(24)}aA1-",
        },
        "networkProfile": {"networkInterfaces": [{"id": interface}]},
    }


def _computer_name(vm_name: str) -> str:
    """Return what Windows may call itself: up to 15 letters, digits and hyphens, and not digits alone."""
    name = re.sub(r"[^A-Za-z0-9]", "-", vm_name)[:15].rstrip("-")
    return f"vm{name[:13]}" if name.isdigit() else name
