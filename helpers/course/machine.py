"""Making a small virtual machine with its network."""

from __future__ import annotations

import re
import secrets
from typing import Any

from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResource, Sku

from helpers.connection import Connection

_IMAGES = {
    "Windows": ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition"),
    "Linux": ("Canonical", "ubuntu-24_04-lts", "server"),
}
_NETWORK_VERSION = "2024-05-01"
_COMPUTE_VERSION = "2024-11-01"


def make_vm(connection: Connection, resource_group: str, vm_name: str, location: str, vm_os: str) -> None:
    """Make a small machine with its network; what is there already, as after a crash, stays.

    Its public address lets requests out. Nothing gets in: the address is a standard one, which is shut unless a rule
    opens it. Nobody needs to sign in: the password is drawn at random and kept nowhere.
    """
    resources = connection.client(ResourceManagementClient).resources
    for resource_id, version, properties in parts_of(connection, resource_group, vm_name, vm_os, address=True):
        tags = connection.tags(resource_group, resource_id.rpartition("/")[2])
        sku = Sku(name="Standard") if "/publicIPAddresses/" in resource_id else None
        wanted = GenericResource(location=location, tags=tags, sku=sku, properties=properties)
        resources.begin_create_or_update_by_id(resource_id, wanted, api_version=version).result()


def parts_of(
    connection: Connection, resource_group: str, vm_name: str, vm_os: str = "Windows", *, address: bool = False
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, api-version and properties of what a machine is made of, in the order of making.

    It gets a public ``address`` if that is wanted.
    """
    providers = f"/subscriptions/{connection.subscription_id}/resourceGroups/{resource_group}/providers"
    network = f"{providers}/Microsoft.Network/virtualNetworks/{vm_name}VNET"
    public = f"{providers}/Microsoft.Network/publicIPAddresses/{vm_name}PublicIP"
    interface = f"{providers}/Microsoft.Network/networkInterfaces/{vm_name}VMNic"
    machine = f"{providers}/Microsoft.Compute/virtualMachines/{vm_name}"
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    configuration = {"privateIPAllocationMethod": "Dynamic", "subnet": {"id": f"{network}/subnets/default"}}
    if address:
        configuration["publicIPAddress"] = {"id": public}
    inside = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
    return [
        *([(public, _NETWORK_VERSION, {"publicIPAllocationMethod": "Static"})] if address else []),
        (network, _NETWORK_VERSION, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}),
        (interface, _NETWORK_VERSION, inside),
        (machine, _COMPUTE_VERSION, _machine(vm_name, interface, vm_os)),
    ]


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
