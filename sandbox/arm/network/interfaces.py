"""Network interfaces: what connects a virtual machine to a subnet, with an address out of the subnet's range."""

from __future__ import annotations

import ipaddress
from typing import Any

from rbac.scopes import canonical
from sandbox.arm.fields import Fields
from sandbox.arm.network import provider
from sandbox.arm.network.provider import INTERFACE, PUBLIC_ADDRESS, SECURITY_GROUP, SUBNET, join, users_of
from sandbox.arm.network.virtual_networks import Range, read_range
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

_RESERVED = 4  # addresses at the start of each subnet that Azure keeps for itself; the last one as well


def check_attachable(call: Call, interface_id: str, machine: Resource) -> None:
    """Refuse an interface that is not there or is elsewhere, is another machine's, or that the caller may not join."""
    found = provider.joined(call, machine, interface_id, INTERFACE)
    if found.body["location"] != machine.body["location"]:
        raise provider.invalid_reference(interface_id, machine.id)
    owner = _owner_of(call.cloud, found)
    if owner is not None and canonical(owner) != canonical(machine.id):
        raise _in_use(found)


def attach(cloud: Cloud, interface_id: str, machine_id: str, *, primary: bool) -> None:
    """Connect an interface, if it is there, to a machine; it gets its MAC address then."""
    interface = cloud.store.get(interface_id)
    if interface is None:
        return
    digits = cloud.ids.guid("mac", canonical(interface.id))[:6].upper()
    interface.properties.update(
        primary=primary,
        virtualMachine={"id": machine_id},
        macAddress=f"00-0D-3A-{digits[:2]}-{digits[2:4]}-{digits[4:]}",
    )
    provider.keep(cloud, interface)


def release(cloud: Cloud, interface_id: str, *, delete: bool = False) -> None:
    """Disconnect an interface, if it is there, from its machine; or ``delete`` it with it."""
    interface = cloud.store.get(interface_id)
    if interface is None:
        return
    if delete:
        cloud.store.delete(interface.id)
        return
    _disconnect(interface)
    provider.keep(cloud, interface)


def new_network_interface(cloud: Cloud, group: str, name: str, location: str, subnet: Resource) -> Resource:
    """Put an interface in ``subnet`` into an empty world."""
    found = provider.new_resource(cloud, INTERFACE, group, name, location)
    configuration = {"name": f"ipconfig{name}", "properties": {"subnet": {"id": subnet.id}}}
    _fill_interface(cloud, found, Fields({"ipConfigurations": [configuration]}, "properties"))
    provider.keep(cloud, found)
    return found


def _fill(call: Call, found: Resource, body: Fields) -> None:
    given = body.object("properties")
    _check_references(call, found, given)
    _fill_interface(call.cloud, found, given)


def _check_references(call: Call, found: Resource, given: Fields) -> None:
    """Refuse references to what is not there, is in another region, is taken, or the caller may not join."""
    join(call, found, given, "networkSecurityGroup", SECURITY_GROUP)
    for configuration in given.objects("ipConfigurations"):
        properties = configuration.object("properties")
        subnet = join(call, found, properties, "subnet", SUBNET)
        if subnet is None:
            raise errors.invalid_parameter(
                f"IP configuration at {configuration.path} of {found.id} has no subnet.", "InvalidRequestFormat"
            )
        parent = call.cloud.store.get(subnet.id.rpartition("/subnets/")[0])
        if parent is None or parent.body["location"] != found.body["location"]:
            raise provider.invalid_reference(subnet.id, found.id)
        address = join(call, found, properties, "publicIPAddress", PUBLIC_ADDRESS)
        if address is not None:
            _check_free(call.cloud, found, address)


def _check_free(cloud: Cloud, found: Resource, address: Resource) -> None:
    for user in users_of(cloud, address.id, "publicIPAddress"):
        if canonical(user).rpartition("/ipconfigurations/")[0] != canonical(found.id):
            raise errors.invalid_parameter(
                f"Resource {found.id} is referencing public IP address {address.id} that is already allocated to "
                f"resource {user}.",
                "PublicIPAddressInUse",
            )


def _fill_interface(cloud: Cloud, found: Resource, given: Fields) -> None:
    before = {entry["name"].casefold(): entry["properties"] for entry in found.properties.get("ipConfigurations", ())}
    entries = given.objects("ipConfigurations")
    if not entries:
        raise errors.invalid_parameter(
            f"Network interface {found.id} must have one or more IP configurations.", "NetworkInterfaceMustHaveIPConfig"
        )
    found.properties["ipConfigurations"] = []
    for number, entry in enumerate(entries):
        name = entry.text("name") or f"ipconfig{number + 1}"
        provider.check_name(name)
        configuration = _configuration(cloud, found, name, entry.object("properties"), before.get(name.casefold()))
        configuration["properties"].setdefault("primary", number == 0)
        found.properties["ipConfigurations"].append(configuration)
        cloud.store.put(found)  # so that the next one gets another address
    security_group = provider.read_reference(given, "networkSecurityGroup")
    found.properties.update(
        dnsSettings={"dnsServers": given.object("dnsSettings").texts("dnsServers"), "appliedDnsServers": []},
        enableAcceleratedNetworking=given.flag("enableAcceleratedNetworking") or False,
        enableIPForwarding=given.flag("enableIPForwarding") or False,
        hostedWorkloads=[],
        tapConfigurations=[],
        nicType="Standard",
    )
    found.properties.pop("networkSecurityGroup", None)
    if security_group is not None:
        found.properties["networkSecurityGroup"] = {"id": security_group}


def _configuration(
    cloud: Cloud, found: Resource, name: str, given: Fields, before: dict[str, Any] | None
) -> dict[str, Any]:
    subnet_id = provider.read_reference(given, "subnet") or ""
    method = given.text("privateIPAllocationMethod", ("Dynamic", "Static")) or "Dynamic"
    wanted = given.text("privateIPAddress") if method == "Static" else None
    if before and method == "Dynamic" and canonical(before["subnet"]["id"]) == canonical(subnet_id):
        wanted = before["privateIPAddress"]
    resource_id = f"{found.id}/ipConfigurations/{name}"
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "privateIPAddress": _allocate(cloud, subnet_id, resource_id, wanted),
        "privateIPAllocationMethod": method,
        "subnet": {"id": subnet_id},
        "privateIPAddressVersion": given.text("privateIPAddressVersion", ("IPv4", "IPv6")) or "IPv4",
    }
    address = provider.read_reference(given, "publicIPAddress")
    if address is not None:
        properties["publicIPAddress"] = {"id": address}
    primary = given.flag("primary")
    if primary is not None:
        properties["primary"] = primary
    return {"name": name, "id": resource_id, "properties": properties, "type": f"{INTERFACE}/ipConfigurations"}


def _allocate(cloud: Cloud, subnet_id: str, resource_id: str, wanted: str | None) -> str:
    """Return the ``wanted`` address of a subnet, or its first free one.

    ``resource_id`` is the ip configuration it is for; what that one has already does not count as taken.
    """
    subnet = cloud.store.get(subnet_id)
    if subnet is None:
        raise provider.invalid_reference(subnet_id, resource_id)
    prefix = subnet.properties["addressPrefix"]
    addresses = read_range(prefix, subnet_id)
    taken = _taken(cloud, subnet_id, resource_id)
    if wanted is not None:
        return _check_wanted(wanted, addresses, prefix, taken, resource_id)
    for position in range(_RESERVED, addresses.num_addresses - 1):
        if str(addresses[position]) not in taken:
            return str(addresses[position])
    raise errors.invalid_parameter(
        f"Subnet {subnet.body['name']} with address prefix {prefix} does not have enough capacity for 1 IP addresses.",
        "SubnetIsFull",
    )


def _taken(cloud: Cloud, subnet_id: str, but: str) -> dict[str, str]:
    """Return which address of a subnet belongs to which ip configuration, ``but`` one."""
    key = canonical(subnet_id)
    return {
        entry["properties"]["privateIPAddress"]: entry["id"]
        for interface in cloud.store.list(cloud.seed_data.subscription, INTERFACE)
        for entry in interface.properties["ipConfigurations"]
        if canonical(entry["properties"]["subnet"]["id"]) == key and canonical(entry["id"]) != canonical(but)
    }


def _check_wanted(wanted: str, addresses: Range, prefix: str, taken: dict[str, str], resource_id: str) -> str:
    try:
        address = ipaddress.ip_address(wanted)
    except ValueError as error:
        raise errors.invalid_parameter(f"The address {wanted} is not valid.", "InvalidIPAddressFormat") from error
    if address not in addresses:
        raise errors.invalid_parameter(
            f"Private static IP address {wanted} does not belong to the range of subnet prefix {prefix}.",
            "PrivateIPAddressNotInSubnet",
        )
    position = int(address) - int(addresses.network_address)
    if position < _RESERVED or position >= addresses.num_addresses - 1:
        raise errors.invalid_parameter(
            f"Private static IP address {wanted} falls within reserved IP range of subnet prefix {prefix}.",
            "PrivateIPAddressInReservedRange",
        )
    if str(address) in taken:
        raise errors.invalid_parameter(
            f"IP configuration {resource_id} is using the private IP address {wanted} which is already allocated to "
            f"resource {taken[str(address)]}.",
            "PrivateIPAddressIsAllocated",
        )
    return str(address)


def _check_unused(cloud: Cloud, found: Resource) -> None:
    if _owner_of(cloud, found) is not None:
        raise _in_use(found)


def _owner_of(cloud: Cloud, interface: Resource) -> str | None:
    """Return the id of the machine that has an interface; None if there is none, or it went with its group."""
    reference = interface.properties.get("virtualMachine")
    return None if reference is None or cloud.store.get(reference["id"]) is None else str(reference["id"])


def _in_use(interface: Resource) -> errors.AzureError:
    return errors.invalid_parameter(
        f"Network Interface {interface.id} is used by existing VM {interface.properties['virtualMachine']['id']}.",
        "NicInUse",
    )


def _disconnect(interface: Resource) -> None:
    for name in ("virtualMachine", "macAddress", "primary"):
        interface.properties.pop(name, None)


def _show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Return an interface as it is shown: free, once its machine is gone."""
    if _owner_of(cloud, found) is None:
        _disconnect(found)
    return found.body


operations = provider.declare_operations(INTERFACE, fill=_fill, check_unused=_check_unused, show=_show)
