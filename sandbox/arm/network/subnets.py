"""Subnets: kept as resources of their own below a virtual network, and shown within it too."""

from __future__ import annotations

import ipaddress
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import Fields
from sandbox.arm.listing import list_resources
from sandbox.arm.network import network
from sandbox.arm.network.network import INTERFACE, SECURITY_GROUP, VIRTUAL_NETWORK
from sandbox.arm.routing import Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

TYPE = network.SUBNET
Range = ipaddress.IPv4Network | ipaddress.IPv6Network
_SUBNETS = network.GROUP + VIRTUAL_NETWORK + "/{name}/subnets"
_SUBNET = _SUBNETS + "/{subnet}"

operations = Operations(TYPE, versions.NETWORK)


def show(cloud: Cloud, subnet: Resource) -> dict[str, Any]:
    """Return a subnet as it is shown: with what is connected to it."""
    users = [{"id": user} for user in ip_configurations(cloud, subnet.id)]
    connected = {"ipConfigurations": users} if users else {}
    return {**subnet.body, "properties": {**subnet.properties, **connected}}


@operations.operation("PUT", _SUBNET, action=TYPE + "/write")
def put_subnet(call: Call) -> Answer:
    """Make a subnet, or change one."""
    parent = _parent(call)
    given = Fields(call.json(), "").object("properties")
    is_new = call.cloud.store.get(call.scope) is None
    subnet = keep_subnet(call, parent, call["subnet"], given)
    check_ranges(call.cloud, parent)
    return network.accept_write(call, subnet, parent.body["location"], is_new, show)


@operations.operation("GET", _SUBNET, action=TYPE + "/read")
def get_subnet(call: Call) -> Answer:
    """Answer one subnet."""
    found = call.cloud.store.get(call.scope)
    if found is None:
        raise errors.resource_not_found(TYPE, f"{call['name']}/{call['subnet']}", call["resource_group"])
    return Answer(200, show(call.cloud, found), {"ETag": found.body["etag"]})


@operations.operation("GET", _SUBNETS, action=TYPE + "/read")
def list_subnets(call: Call) -> Answer:
    """Answer the subnets of a network."""
    return list_resources(call, _parent(call).id, TYPE, show=lambda subnet: show(call.cloud, subnet))


@operations.operation("DELETE", _SUBNET, action=TYPE + "/delete")
def delete_subnet(call: Call) -> Answer:
    """Begin to delete a subnet, unless something is connected to it."""
    found = call.cloud.store.get(call.scope)
    if found is None:
        return Answer(204)
    check_unused(call.cloud, found)
    return network.accept_delete(call, found, _parent(call).body["location"])


def ip_configurations(cloud: Cloud, subnet_id: str) -> list[str]:
    """Return the ids of the network interfaces' ip configurations that are in a subnet."""
    key = canonical(subnet_id)
    return [
        configuration["id"]
        for interface in cloud.store.list(cloud.seed_data.subscription, INTERFACE)
        for configuration in interface.properties["ipConfigurations"]
        if canonical(configuration["properties"]["subnet"]["id"]) == key
    ]


def keep_subnet(call: Call, parent: Resource, name: str, given: Fields) -> Resource:
    """Keep a subnet as a request gives it, and return it."""
    network.check_name(name)
    subnet = call.cloud.store.get(f"{parent.id}/subnets/{name}") or _new(parent, name)
    before = subnet.properties.get("addressPrefix")
    reference = network.read_reference(given, "networkSecurityGroup")
    if reference is not None:
        network.referenced(call.cloud, reference, SECURITY_GROUP, subnet.id)
        network.require_join(call, SECURITY_GROUP, reference)
    _fill(subnet, given)
    if before not in (None, subnet.properties["addressPrefix"]) and ip_configurations(call.cloud, subnet.id):
        raise errors.invalid_parameter(
            f"IpPrefix {before} on Subnet {name} has active allocations and cannot be deleted.",
            "InUsePrefixCannotBeDeleted",
        )
    network.keep(call.cloud, subnet)
    return subnet


def new_subnet(cloud: Cloud, parent: Resource, name: str, prefix: str) -> Resource:
    """Put a subnet into an empty world."""
    subnet = _new(parent, name)
    _fill(subnet, Fields({"addressPrefix": prefix}, ""))
    network.keep(cloud, subnet)
    return subnet


def check_ranges(cloud: Cloud, parent: Resource) -> None:
    """Refuse subnets that are outside their network's address space, or that overlap."""
    spaces = [read_range(text, parent.id) for text in parent.properties["addressSpace"]["addressPrefixes"]]
    seen: list[Range] = []
    for subnet in cloud.store.list(parent.id, TYPE):
        found = read_range(subnet.properties["addressPrefix"], subnet.id)
        name, owner = subnet.body["name"], parent.body["name"]
        if not any(_contains(space, found) for space in spaces):
            raise errors.invalid_parameter(
                f"Subnet '{name}' is not valid in virtual network '{owner}'.", "NetcfgInvalidSubnet"
            )
        if any(found.overlaps(other) for other in seen):
            raise errors.invalid_parameter(
                f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing "
                f"subnet in virtual network '{owner}'.",
                "NetcfgSubnetRangesOverlap",
            )
        seen.append(found)


def check_unused(cloud: Cloud, subnet: Resource) -> None:
    """Refuse to delete a subnet that something is connected to."""
    users = ip_configurations(cloud, subnet.id)
    if users:
        raise errors.invalid_parameter(
            f"Subnet {subnet.body['name']} is in use by {users[0]} and cannot be deleted. In order to delete the "
            "subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            "InUseSubnetCannotBeDeleted",
        )


def read_range(text: str, owner: str) -> Range:
    """Return the range of addresses written as ``text``; raises InvalidAddressPrefixFormat."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise errors.invalid_parameter(
            f"Address prefix {text} of resource {owner} is not formatted correctly. It should follow CIDR notation, "
            "for example 10.0.0.0/24.",
            "InvalidAddressPrefixFormat",
        ) from error


def _contains(outer: Range, inner: Range) -> bool:
    return outer.version == inner.version and inner[0] in outer and inner[-1] in outer


def _new(parent: Resource, name: str) -> Resource:
    subnet_id = f"{parent.id}/subnets/{name}"
    return Resource({"name": name, "id": subnet_id, "etag": "", "properties": {}, "type": TYPE})


def _fill(subnet: Resource, given: Fields) -> None:
    prefix = given.text("addressPrefix") or next(iter(given.texts("addressPrefixes")), None)
    if prefix is None:
        raise errors.invalid_parameter(f"The subnet {subnet.id} has no address prefix.", "InvalidRequestFormat")
    read_range(prefix, subnet.id)
    properties: dict[str, Any] = {"provisioningState": "Succeeded", "addressPrefix": prefix}
    security_group = network.read_reference(given, "networkSecurityGroup")
    if security_group is not None:
        properties["networkSecurityGroup"] = {"id": security_group}
    properties["delegations"] = [delegation.plain() for delegation in given.objects("delegations")]
    properties["privateEndpointNetworkPolicies"] = given.text("privateEndpointNetworkPolicies") or "Disabled"
    properties["privateLinkServiceNetworkPolicies"] = (
        given.text("privateLinkServiceNetworkPolicies", ("Enabled", "Disabled")) or "Enabled"
    )
    subnet.body["properties"] = properties


def _parent(call: Call) -> Resource:
    group = call.cloud.seed_data.group(call["resource_group"])
    found = call.cloud.store.get(f"{group}/providers/{VIRTUAL_NETWORK}/{call['name']}")
    if found is None:
        raise errors.parent_not_found(TYPE, call["name"])
    return found
