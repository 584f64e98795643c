"""Virtual machines: the identity block that they have, and making one in the sandbox."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from azure.mgmt.compute.models import (
    UserAssignedIdentitiesValue,
    VirtualMachine,
    VirtualMachineIdentity,
    VirtualMachineUpdate,
)
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResource

from helpers.errors import TutorialError
from helpers.marks import MADE_BY

if TYPE_CHECKING:
    from helpers.connection import Azure

NETWORK_VERSION = "2024-05-01"
COMPUTE_VERSION = "2024-11-01"


def attached(vm: VirtualMachine, identity: Identity) -> bool:
    """Tell whether the machine has the identity. Resource ids are compared without case: services differ in it."""
    return str(identity.id).casefold() in _user_assigned(vm)


def with_identity(vm: VirtualMachine, identity: Identity) -> VirtualMachineUpdate:
    """Return the change that gives the machine the identity beside what it has."""
    kind = "SystemAssigned, UserAssigned" if _has_own(vm) else "UserAssigned"
    added = {str(identity.id): UserAssignedIdentitiesValue()}
    return VirtualMachineUpdate(identity=VirtualMachineIdentity(type=kind, user_assigned_identities=added))


def without_identity(vm: VirtualMachine, identity: Identity) -> VirtualMachineUpdate:
    """Return the change that takes the identity from the machine and leaves the others."""
    own = _has_own(vm)
    if _user_assigned(vm) <= {str(identity.id).casefold()}:
        return VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned" if own else "None"))
    kind = "SystemAssigned, UserAssigned" if own else "UserAssigned"
    removed = {"type": kind, "userAssignedIdentities": {identity.id: None}}
    return VirtualMachineUpdate({"identity": removed})


def make_vm(azure: Azure, resource_group: str, vm_name: str, location: str) -> None:
    """Make a Windows machine with the network it needs, in the sandbox.

    Raises:
        TutorialError: This is Azure: a machine costs money there, and what size and image it should have is not
            for a tutorial to choose.
    """
    if azure.target != "sandbox":
        raise TutorialError(
            f"There is no virtual machine {vm_name} in {resource_group}. Make one in the Azure portal, or in a "
            f"terminal: az vm create --resource-group {resource_group} --name {vm_name} --image Win2022Datacenter "
            "--size Standard_B2s --admin-username azureuser. It costs money until it is deleted."
        )
    resources = ResourceManagementClient(azure.credential, azure.subscription_id, **azure.client_options).resources
    for resource_id, version, properties in parts_of(azure, resource_group, vm_name):
        resource = GenericResource(location=location, tags=MADE_BY, properties=properties)
        resources.begin_create_or_update_by_id(resource_id, resource, api_version=version).result()


def parts_of(azure: Azure, resource_group: str, vm_name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, api-version and properties of what a machine of the tutorial is made of, in the order of making."""
    providers = f"/subscriptions/{azure.subscription_id}/resourceGroups/{resource_group}/providers"
    network = f"{providers}/Microsoft.Network/virtualNetworks/{vm_name}VNET"
    interface = f"{providers}/Microsoft.Network/networkInterfaces/{vm_name}VMNic"
    machine = f"{providers}/Microsoft.Compute/virtualMachines/{vm_name}"
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    address = {
        "name": "ipconfig1",
        "properties": {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": f"{network}/subnets/default"}},
    }
    return [
        (network, NETWORK_VERSION, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}),
        (interface, NETWORK_VERSION, {"ipConfigurations": [address]}),
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


def _user_assigned(vm: VirtualMachine) -> set[str]:
    assigned = (vm.identity.user_assigned_identities if vm.identity else None) or {}
    return {identity_id.casefold() for identity_id in assigned}


def _has_own(vm: VirtualMachine) -> bool:
    """Tell whether the machine has an identity of its own; the kind is written in several ways."""
    return vm.identity is not None and "systemassigned" in str.lower(vm.identity.type or "")
