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
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResource

from helpers.connection import Connection
from helpers.errors import TutorialError
from helpers.names import MADE_BY

NETWORK_VERSION = "2024-05-01"
COMPUTE_VERSION = "2024-11-01"


def has_identity(vm: VirtualMachine, identity: Identity) -> bool:
    """Return whether the machine has this very identity, and not one of its name that was deleted since."""
    entry = assigned_entry(vm, identity)
    return entry is not None and entry.principal_id in (None, identity.principal_id)


def assigned_entry(vm: VirtualMachine, identity: Identity) -> UserAssignedIdentitiesValue | None:
    """Return the machine's entry for the identity's id. Ids are compared without case: services differ in it."""
    assigned = (vm.identity.user_assigned_identities if vm.identity else None) or {}
    wanted = str(identity.id).casefold()
    return next((entry for identity_id, entry in assigned.items() if identity_id.casefold() == wanted), None)


def with_identity(vm: VirtualMachine, identity: Identity) -> VirtualMachineUpdate:
    """Return the change that gives the machine the identity beside what it has."""
    has_own = vm.identity is not None and "systemassigned" in str.lower(vm.identity.type or "")
    kind = "SystemAssigned, UserAssigned" if has_own else "UserAssigned"
    added = {str(identity.id): UserAssignedIdentitiesValue()}
    return VirtualMachineUpdate(identity=VirtualMachineIdentity(type=kind, user_assigned_identities=added))


def make_vm(connection: Connection, resource_group: str, vm_name: str, location: str) -> None:
    """Make a Windows machine with the network it needs, in the sandbox.

    Raises:
        TutorialError: This is Azure: a machine costs money there, and what size and image it should have is not
            for a tutorial to choose.
    """
    if connection.target != "sandbox":
        raise TutorialError(
            f"There is no virtual machine {vm_name} in {resource_group}. Make one in the Azure portal, or in a "
            f"terminal: az vm create --resource-group {resource_group} --name {vm_name} --image Win2022Datacenter "
            "--size Standard_B2s --admin-username azureuser. It costs money until it is deleted."
        )
    client = ResourceManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    for resource_id, version, properties in parts_of(connection, resource_group, vm_name):
        resource = GenericResource(location=location, tags={"made-by": MADE_BY}, properties=properties)
        client.resources.begin_create_or_update_by_id(resource_id, resource, api_version=version).result()


def parts_of(connection: Connection, resource_group: str, vm_name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, api-version and properties of what a machine of the tutorial is made of, in the order of making."""
    providers = f"/subscriptions/{connection.subscription_id}/resourceGroups/{resource_group}/providers"
    network = f"{providers}/Microsoft.Network/virtualNetworks/{vm_name}VNET"
    interface = f"{providers}/Microsoft.Network/networkInterfaces/{vm_name}VMNic"
    machine = f"{providers}/Microsoft.Compute/virtualMachines/{vm_name}"
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    address = {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": f"{network}/subnets/default"}}
    return [
        (network, NETWORK_VERSION, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}),
        (interface, NETWORK_VERSION, {"ipConfigurations": [{"name": "ipconfig1", "properties": address}]}),
        (machine, COMPUTE_VERSION, _machine(vm_name, interface)),
    ]


def _machine(vm_name: str, interface: str) -> dict[str, Any]:
    return {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {
            "imageReference": {
                "publisher": "MicrosoftWindowsServer",
                "offer": "WindowsServer",
                "sku": "2022-datacenter-azure-edition",
                "version": "latest",
            },
            "osDisk": {"createOption": "FromImage", "osType": "Windows", "deleteOption": "Delete"},
        },
        "osProfile": {
            "computerName": _computer_name(vm_name),
            "adminUsername": "azureuser",
            "adminPassword": f"{secrets.token_urlsafe(24)}aA1-",  # nobody signs in to a machine of the sandbox
        },
        "networkProfile": {"networkInterfaces": [{"id": interface}]},
    }


def _computer_name(vm_name: str) -> str:
    """Return what Windows may call itself: up to 15 letters, digits and hyphens, and not digits alone."""
    name = re.sub(r"[^A-Za-z0-9]", "-", vm_name)[:15].rstrip("-")
    return f"vm{name[:13]}" if name.isdigit() else name
