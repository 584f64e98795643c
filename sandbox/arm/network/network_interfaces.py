"""Network interfaces: what connects a virtual machine to a subnet, with an address out of the subnet's range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import Fields
from sandbox.arm.network import network
from sandbox.arm.network.network import PUBLIC_ADDRESS, SECURITY_GROUP, SUBNET
from sandbox.arm.network.private_addresses import allocate
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import find
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

TYPE = network.INTERFACE
_INTERFACE = network.GROUP + TYPE + "/{name}"

operations = Operations(TYPE, versions.NETWORK)


def show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Return an interface as it is shown: free, once its machine is gone."""
    if owner_of(cloud, found) is None:
        _release(found)
    return found.body


network.declare_reads(operations, TYPE, show)


@operations.operation("PUT", _INTERFACE, action=TYPE + "/write")
def put_interface(call: Call) -> Answer:
    """Make an interface, or change one."""
    found, given, is_new = network.read_tracked(call, TYPE)
    _check_references(call, found, given)
    _fill(call.cloud, found, given)
    return network.accept_write(call, found, found.body["location"], is_new, show)


@operations.operation("DELETE", _INTERFACE, action=TYPE + "/delete")
def delete_interface(call: Call) -> Answer:
    """Begin to delete an interface, unless a machine has it."""
    found = find(call, TYPE)
    if found is None:
        return Answer(204)
    if owner_of(call.cloud, found) is not None:
        raise in_use(found)
    return network.accept_delete(call, found, found.body["location"])


def owner_of(cloud: Cloud, interface: Resource) -> str | None:
    """Return the id of the machine that has an interface; None if there is none, or it went with its group."""
    reference = interface.properties.get("virtualMachine")
    return None if reference is None or cloud.store.get(reference["id"]) is None else str(reference["id"])


def in_use(interface: Resource) -> errors.AzureError:
    """Return the refusal of what cannot be done to an interface while a machine has it."""
    return errors.invalid_parameter(
        f"Network Interface {interface.id} is used by existing VM {interface.properties['virtualMachine']['id']}.",
        "NicInUse",
    )


def attach(cloud: Cloud, interface: Resource, machine_id: str, *, primary: bool) -> None:
    """Connect an interface to a machine; it gets its MAC address then."""
    digits = cloud.ids.guid("mac", canonical(interface.id))[:6].upper()
    interface.properties.update(
        primary=primary,
        virtualMachine={"id": machine_id},
        macAddress=f"00-0D-3A-{digits[:2]}-{digits[2:4]}-{digits[4:]}",
    )
    network.keep(cloud, interface)


def detach(cloud: Cloud, interface: Resource) -> None:
    """Disconnect an interface from its machine."""
    _release(interface)
    network.keep(cloud, interface)


def new_network_interface(cloud: Cloud, group: str, name: str, location: str, subnet: Resource) -> Resource:
    """Put an interface in ``subnet`` into an empty world."""
    found = network.new_resource(cloud, TYPE, group, name, location)
    configuration = {"name": f"ipconfig{name}", "properties": {"subnet": {"id": subnet.id}}}
    _fill(cloud, found, Fields({"ipConfigurations": [configuration]}, "properties"))
    network.keep(cloud, found)
    return found


def _release(interface: Resource) -> None:
    for name in ("virtualMachine", "macAddress", "primary"):
        interface.properties.pop(name, None)


def _check_references(call: Call, found: Resource, given: Fields) -> None:
    """Refuse references to what is not there, is in another region, is taken, or the caller may not join."""
    _join(call, found, given, "networkSecurityGroup", SECURITY_GROUP)
    for configuration in given.objects("ipConfigurations"):
        properties = configuration.object("properties")
        subnet = _join(call, found, properties, "subnet", SUBNET)
        if subnet is None:
            raise errors.invalid_parameter(
                f"IP configuration at {configuration.path} of {found.id} has no subnet.", "InvalidRequestFormat"
            )
        parent = call.cloud.store.get(subnet.id.rpartition("/subnets/")[0])
        if parent is None or parent.body["location"] != found.body["location"]:
            raise network.invalid_reference(subnet.id, found.id)
        address = _join(call, found, properties, "publicIPAddress", PUBLIC_ADDRESS)
        if address is not None:
            _check_free(call.cloud, found, address)


def _join(call: Call, found: Resource, given: Fields, name: str, type_: str) -> Resource | None:
    reference = network.read_reference(given, name)
    if reference is None:
        return None
    network.require_join(call, type_, reference)
    return network.referenced(call.cloud, reference, type_, found.id)


def _check_free(cloud: Cloud, found: Resource, address: Resource) -> None:
    for user in users_of(cloud, address.id, "publicIPAddress"):
        if canonical(user).rpartition("/ipconfigurations/")[0] != canonical(found.id):
            raise errors.invalid_parameter(
                f"Resource {found.id} is referencing public IP address {address.id} that is already allocated to "
                f"resource {user}.",
                "PublicIPAddressInUse",
            )


def users_of(cloud: Cloud, resource_id: str, name: str) -> Iterator[str]:
    """Yield the ids of the ip configurations whose ``name`` (``publicIPAddress``, ``subnet``) is this resource."""
    key = canonical(resource_id)
    for interface in cloud.store.list(cloud.seed_data.subscription, TYPE):
        for configuration in interface.properties["ipConfigurations"]:
            reference = configuration["properties"].get(name)
            if reference and canonical(reference["id"]) == key:
                yield configuration["id"]


def _fill(cloud: Cloud, found: Resource, given: Fields) -> None:
    before = {entry["name"].casefold(): entry for entry in found.properties.get("ipConfigurations", ())}
    entries = given.objects("ipConfigurations")
    if not entries:
        raise errors.invalid_parameter(
            f"Network interface {found.id} must have one or more IP configurations.", "NetworkInterfaceMustHaveIPConfig"
        )
    found.properties["ipConfigurations"] = []
    for number, entry in enumerate(entries):
        name = entry.text("name") or f"ipconfig{number + 1}"
        network.check_name(name)
        configuration = _configuration(cloud, found, name, entry.object("properties"), before.get(name.casefold()))
        configuration["properties"].setdefault("primary", number == 0)
        found.properties["ipConfigurations"].append(configuration)
        cloud.store.put(found)  # so that the next one gets another address
    _fill_rest(found, given)


def _fill_rest(found: Resource, given: Fields) -> None:
    servers = given.object("dnsSettings").texts("dnsServers")
    security_group = network.read_reference(given, "networkSecurityGroup")
    found.properties.update(
        dnsSettings={"dnsServers": servers, "appliedDnsServers": []},
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
    subnet_id = network.read_reference(given, "subnet") or ""
    method = given.text("privateIPAllocationMethod", ("Dynamic", "Static")) or "Dynamic"
    had = before["properties"] if before else None
    wanted = given.text("privateIPAddress") if method == "Static" else None
    if had and method == "Dynamic" and canonical(had["subnet"]["id"]) == canonical(subnet_id):
        wanted = had["privateIPAddress"]
    resource_id = f"{found.id}/ipConfigurations/{name}"
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "privateIPAddress": allocate(cloud, subnet_id, resource_id, wanted),
        "privateIPAllocationMethod": method,
        "subnet": {"id": subnet_id},
        "privateIPAddressVersion": given.text("privateIPAddressVersion", ("IPv4", "IPv6")) or "IPv4",
    }
    address = network.read_reference(given, "publicIPAddress")
    if address is not None:
        properties["publicIPAddress"] = {"id": address}
    primary = given.flag("primary")
    if primary is not None:
        properties["primary"] = primary
    return {"name": name, "id": resource_id, "properties": properties, "type": f"{TYPE}/ipConfigurations"}
