"""Network interfaces: what connects a virtual machine to a subnet, with an address out of the subnet's range."""

import ipaddress
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.network import provider
from sandbox.arm.network.provider import INTERFACE, Kind, users_of
from sandbox.arm.network.virtual_networks import Range, ranges_of
from sandbox.arm.routing import Call
from sandbox.arm.tracked import remove
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

_ATTACHED = ("virtualMachine", "macAddress", "primary")  # what an interface has as long as a machine has it
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
        remove(cloud, interface.id)
        return
    _disconnect(interface)
    provider.keep(cloud, interface)


def _fill(call: Call, found: Resource, body: dict[str, Any]) -> None:
    given = body.get("properties", {})
    for number, configuration in enumerate(given.get("ipConfigurations", ())):
        _check_configuration(call.cloud, found, number, configuration.get("properties", {}))
    _set_configurations(call.cloud, found, given)


def _check_configuration(cloud: Cloud, found: Resource, number: int, given: dict[str, Any]) -> None:
    """Refuse a subnet that is missing or in another region, and an address that is taken."""
    if "subnet" in given:
        parent = cloud.store.get(given["subnet"]["id"].rpartition("/subnets/")[0])
        if parent is None or parent.body["location"] != found.body["location"]:
            raise provider.invalid_reference(given["subnet"]["id"], found.id)
    elif number == 0 or given.get("privateIPAddressVersion") != "IPv6":
        raise errors.refusal("InvalidRequestFormat.subnet", number, found.id)
    if "publicIPAddress" in given:
        _check_free(cloud, found, given["publicIPAddress"]["id"])


def _check_free(cloud: Cloud, found: Resource, address_id: str) -> None:
    for user in users_of(cloud, address_id, "publicIPAddress"):
        if canonical(user).rpartition("/ipconfigurations/")[0] != canonical(found.id):
            raise errors.refusal("PublicIPAddressInUse", found.id, address_id, user)


def _set_configurations(cloud: Cloud, found: Resource, given: dict[str, Any]) -> None:
    attached = {name: found.properties[name] for name in _ATTACHED if name in found.properties}
    before = {fold(entry["name"]): entry["properties"] for entry in found.properties.get("ipConfigurations", ())}
    entries = given.get("ipConfigurations")
    if not entries:
        raise errors.refusal("NetworkInterfaceMustHaveIPConfig", found.id)
    dns = {"dnsServers": [], **given.get("dnsSettings", {}), "appliedDnsServers": []}
    provider.set_properties(found, {**given, "ipConfigurations": [], "dnsSettings": dns, **attached})
    for number, entry in enumerate(entries):
        name = entry.get("name", f"ipconfig{number + 1}")
        provider.check_name(name)
        properties = entry.get("properties", {})
        configuration = _configuration(cloud, found, name, properties, before.get(fold(name), {}))
        configuration["properties"].setdefault("primary", number == 0)
        found.properties["ipConfigurations"].append(configuration)
        cloud.store.put(found)  # so that the next one gets another address


def _configuration(
    cloud: Cloud, found: Resource, name: str, given: dict[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    method, version = given.get("privateIPAllocationMethod", "Dynamic"), given.get("privateIPAddressVersion", "IPv4")
    resource_id = f"{found.id}/ipConfigurations/{name}"
    properties = {"provisioningState": "Succeeded", **given, "privateIPAllocationMethod": method}
    properties.pop("privateIPAddress", None)
    if "subnet" in given:
        subnet_id, wanted = given["subnet"]["id"], given.get("privateIPAddress") if method == "Static" else None
        stays = "subnet" in before and canonical(before["subnet"]["id"]) == canonical(subnet_id)
        if method == "Dynamic" and stays and before["privateIPAddressVersion"] == version:
            wanted = before["privateIPAddress"]
        properties["privateIPAddress"] = _allocate(cloud, subnet_id, resource_id, version, wanted)
    properties["privateIPAddressVersion"] = version
    return {"name": name, "id": resource_id, "properties": properties, "type": f"{INTERFACE}/ipConfigurations"}


def _allocate(cloud: Cloud, subnet_id: str, resource_id: str, version: str, wanted: str | None) -> str:
    """Return the ``wanted`` address of a subnet, or its first free one.

    ``resource_id`` is the ip configuration it is for; what that one has already does not count as taken.
    """
    subnet = cloud.store.get(subnet_id)
    if subnet is None:
        raise provider.invalid_reference(subnet_id, resource_id)
    addresses = next((range_ for range_ in ranges_of(subnet) if f"IPv{range_.version}" == version), None)
    if addresses is None:
        raise errors.refusal("InvalidRequestFormat.version", subnet.body["name"], version, resource_id)
    taken = _taken(cloud, subnet_id, resource_id)
    if wanted is not None:
        return _check_wanted(wanted, addresses, taken, resource_id)
    for position in range(_RESERVED, addresses.num_addresses - 1):
        if str(addresses[position]) not in taken:
            return str(addresses[position])
    raise errors.refusal("SubnetIsFull", subnet.body["name"], addresses)


def _taken(cloud: Cloud, subnet_id: str, but: str) -> dict[str, str]:
    """Return which address of a subnet belongs to which ip configuration, ``but`` one."""
    key = canonical(subnet_id)
    return {
        entry["properties"]["privateIPAddress"]: entry["id"]
        for interface in cloud.store.list(cloud.seed_data.subscription, INTERFACE)
        for entry in interface.properties["ipConfigurations"]
        if canonical(entry["properties"].get("subnet", {}).get("id", "")) == key
        and canonical(entry["id"]) != canonical(but)
    }


def _check_wanted(wanted: str, addresses: Range, taken: dict[str, str], resource_id: str) -> str:
    try:
        address = ipaddress.ip_address(wanted)
    except ValueError as error:
        raise errors.refusal("InvalidIPAddressFormat", wanted) from error
    if address not in addresses:
        raise errors.refusal("PrivateIPAddressNotInSubnet", wanted, addresses)
    position = int(address) - int(addresses.network_address)
    if position < _RESERVED or position >= addresses.num_addresses - 1:
        raise errors.refusal("PrivateIPAddressInReservedRange", wanted, addresses)
    if str(address) in taken:
        raise errors.refusal("PrivateIPAddressIsAllocated", resource_id, wanted, taken[str(address)])
    return str(address)


def _check_unused(cloud: Cloud, found: Resource) -> None:
    if _owner_of(cloud, found) is not None:
        raise _in_use(found)


def _owner_of(cloud: Cloud, interface: Resource) -> str | None:
    """Return the id of the machine that has an interface; None if there is none, or it went with its group."""
    reference = interface.properties.get("virtualMachine")
    return None if reference is None or cloud.store.get(reference["id"]) is None else str(reference["id"])


def _in_use(interface: Resource) -> errors.AzureError:
    return errors.refusal("NicInUse", interface.id, interface.properties["virtualMachine"]["id"])


def _disconnect(interface: Resource) -> None:
    for name in _ATTACHED:
        interface.properties.pop(name, None)


def _show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Return an interface as it is shown: free, once its machine is gone."""
    if _owner_of(cloud, found) is None:
        _disconnect(found)
    return found.body


operations = provider.declare_operations(
    Kind(INTERFACE, "NetworkInterface", fill=_fill, check_unused=_check_unused, show=_show)
)
