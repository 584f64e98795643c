"""Making a small virtual machine with its network."""

import re
import secrets
from typing import Any

from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResource, Sku

from helpers.connection import Connection
from helpers.data_files import read_data


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
    described = read_data(
        __package__,
        "machine.yaml",
        providers=f"/subscriptions/{connection.subscription_id}/resourceGroups/{resource_group}/providers",
        vm=vm_name,
        vm_os=vm_os,
        computer=_computer_name(vm_name),
        password=f"{secrets.token_urlsafe(24)}aA1-",
    )
    public, network, interface, machine = described["parts"]
    machine["properties"]["storageProfile"]["imageReference"] = described["images"][vm_os]
    if not address:
        del interface["properties"]["ipConfigurations"][0]["properties"]["publicIPAddress"]
    parts = [*([public] if address else []), network, interface, machine]
    return [(each["id"], each["version"], each["properties"]) for each in parts]


def _computer_name(vm_name: str) -> str:
    """Return what Windows may call itself: up to 15 letters, digits and hyphens, and not digits alone."""
    name = re.sub(r"[^A-Za-z0-9]", "-", vm_name)[:15].rstrip("-")
    return f"vm{name[:13]}" if name.isdigit() else name
