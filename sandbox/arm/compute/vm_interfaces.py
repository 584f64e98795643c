"""Which network interfaces a virtual machine has: checked, connected and let go of."""

from __future__ import annotations

from typing import Any

from rbac.scopes import canonical
from sandbox.arm.network import network, network_interfaces
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource


def interface_ids(properties: dict[str, Any]) -> list[str]:
    """Return the ids of the interfaces in a machine's ``properties``."""
    return [interface["id"] for interface in properties["networkProfile"]["networkInterfaces"]]


def check_interfaces(call: Call, machine: Resource) -> None:
    """Refuse a machine with interfaces that are not there, are another's, or that the caller may not join."""
    for interface_id in interface_ids(machine.properties):
        network.require_join(call, network.INTERFACE, interface_id)
        found = network.referenced(call.cloud, interface_id, network.INTERFACE, machine.id)
        if found.body["location"] != machine.body["location"]:
            raise network.invalid_reference(interface_id, machine.id)
        owner = network_interfaces.owner_of(call.cloud, found)
        if owner is not None and canonical(owner) != canonical(machine.id):
            raise network_interfaces.in_use(found)


def check_change(machine: Resource, properties: dict[str, Any]) -> None:
    """Refuse to change the interfaces of a machine that is not deallocated."""
    before, after = (set(map(canonical, interface_ids(found))) for found in (machine.properties, properties))
    if before != after and machine.internal["power"] != "deallocated":
        raise errors.invalid_parameter(
            f"Virtual machine {machine.id} must be stop-deallocated before its network interfaces can be changed.",
            "AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported",
        )


def connect(cloud: Cloud, machine: Resource, before: list[str]) -> None:
    """Connect a machine's interfaces, and let go of those of ``before`` that it has no longer."""
    entries = machine.properties["networkProfile"]["networkInterfaces"]
    for entry in entries:
        found = cloud.store.get(entry["id"])
        if found is not None:
            primary = len(entries) == 1 or bool(entry.get("properties", {}).get("primary"))
            network_interfaces.attach(cloud, found, machine.id, primary=primary)
    kept = {canonical(entry["id"]) for entry in entries}
    for interface_id in before:
        found = None if canonical(interface_id) in kept else cloud.store.get(interface_id)
        if found is not None:
            network_interfaces.detach(cloud, found)


def disconnect(cloud: Cloud, machine: Resource) -> None:
    """Let go of the interfaces of a machine that is deleted; those to be deleted with it are."""
    for entry in machine.properties["networkProfile"]["networkInterfaces"]:
        found = cloud.store.get(entry["id"])
        if found is None:
            continue
        if str(entry.get("properties", {}).get("deleteOption", "")).casefold() == "delete":
            cloud.store.delete(found.id)
        else:
            network_interfaces.detach(cloud, found)
