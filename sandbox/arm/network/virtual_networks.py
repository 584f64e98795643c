"""Virtual networks and their subnets: a subnet is kept as a resource of its own, and shown within its network too."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.arm import versions
from sandbox.arm.fields import Fields
from sandbox.arm.listing import list_resources
from sandbox.arm.network import provider
from sandbox.arm.network.provider import SECURITY_GROUP, SUBNET, VIRTUAL_NETWORK, users_of
from sandbox.arm.routing import GROUP, Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

Range = ipaddress.IPv4Network | ipaddress.IPv6Network
_SUBNETS = f"{GROUP}/providers/{VIRTUAL_NETWORK}/{{name}}/subnets"
_SUBNET = _SUBNETS + "/{subnet}"

_on_subnets = Operations(SUBNET, versions.NETWORK)


@_on_subnets.operation("PUT", _SUBNET, action=SUBNET + "/write")
def put_subnet(call: Call) -> Answer:
    """Make a subnet, or change one."""
    parent = _parent(call)
    given = Fields(call.json(), "").object("properties")
    is_new = call.cloud.store.get(call.scope) is None
    subnet = _keep_subnet(call, parent, call["subnet"], given)
    _check_ranges(call.cloud, parent)
    return provider.accept_write(call, subnet, parent.body["location"], is_new, _show_subnet)


@_on_subnets.operation("GET", _SUBNET, action=SUBNET + "/read")
def get_subnet(call: Call) -> Answer:
    """Answer one subnet."""
    found = call.cloud.store.get(call.scope)
    if found is None:
        raise errors.resource_not_found(SUBNET, f"{call['name']}/{call['subnet']}", call["resource_group"])
    return Answer(200, _show_subnet(call.cloud, found), {"ETag": found.body["etag"]})


@_on_subnets.operation("GET", _SUBNETS, action=SUBNET + "/read")
def list_subnets(call: Call) -> Answer:
    """Answer the subnets of a network."""
    return list_resources(call, _parent(call).id, SUBNET, show=lambda subnet: _show_subnet(call.cloud, subnet))


@_on_subnets.operation("DELETE", _SUBNET, action=SUBNET + "/delete")
def delete_subnet(call: Call) -> Answer:
    """Begin to delete a subnet, unless something is connected to it."""
    found = call.cloud.store.get(call.scope)
    if found is None:
        return Answer(204)
    _check_subnet_unused(call.cloud, found)
    return provider.accept_delete(call, found, _parent(call).body["location"])


def new_virtual_network(cloud: Cloud, group: str, name: str, location: str) -> Resource:
    """Put a network into an empty world."""
    found = provider.new_resource(cloud, VIRTUAL_NETWORK, group, name, location)
    _fill_network(found, Fields({"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}, "properties"))
    provider.keep(cloud, found)
    return found


def new_subnet(cloud: Cloud, parent: Resource, name: str, prefix: str) -> Resource:
    """Put a subnet into an empty world."""
    subnet = _new_subnet(parent, name)
    _fill_subnet(subnet, Fields({"addressPrefix": prefix}, ""))
    provider.keep(cloud, subnet)
    return subnet


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


def _fill(call: Call, found: Resource, body: Fields) -> None:
    """Give a network what a request says; ``subnets``, where given, are all it has afterwards."""
    given = body.object("properties")
    _fill_network(found, given)
    if "subnets" in given:
        _replace_subnets(call, found, given.objects("subnets"))
    _check_ranges(call.cloud, found)


def _fill_network(found: Resource, given: Fields) -> None:
    prefixes, kept = given.object("addressSpace").texts("addressPrefixes"), found.properties
    if not prefixes and "addressSpace" not in kept:
        raise errors.invalid_parameter(f"The virtual network {found.id} has no address space.", "InvalidRequestFormat")
    for prefix in prefixes:
        read_range(prefix, found.id)
    if prefixes:
        kept["addressSpace"] = {"addressPrefixes": prefixes}
    if "dhcpOptions" in given:
        kept["dhcpOptions"] = {"dnsServers": given.object("dhcpOptions").texts("dnsServers")}
    kept.setdefault("virtualNetworkPeerings", [])
    kept["enableDdosProtection"] = given.flag("enableDdosProtection") or False


def _replace_subnets(call: Call, parent: Resource, given: list[Fields]) -> None:
    names = [provider.read_name(subnet, "subnet") for subnet in given]
    kept = {name.casefold() for name in names}
    for subnet in call.cloud.store.list(parent.id, SUBNET):
        if subnet.body["name"].casefold() not in kept:
            _check_subnet_unused(call.cloud, subnet)
            call.cloud.store.delete(subnet.id)
    for name, subnet_given in zip(names, given, strict=True):
        _keep_subnet(call, parent, name, subnet_given.object("properties"))


def _keep_subnet(call: Call, parent: Resource, name: str, given: Fields) -> Resource:
    provider.check_name(name)
    subnet = call.cloud.store.get(f"{parent.id}/subnets/{name}") or _new_subnet(parent, name)
    before = subnet.properties.get("addressPrefix")
    provider.join(call, subnet, given, "networkSecurityGroup", SECURITY_GROUP)
    _fill_subnet(subnet, given)
    changed = before not in (None, subnet.properties["addressPrefix"])
    if changed and any(users_of(call.cloud, subnet.id, "subnet")):
        raise errors.invalid_parameter(
            f"IpPrefix {before} on Subnet {name} has active allocations and cannot be deleted.",
            "InUsePrefixCannotBeDeleted",
        )
    provider.keep(call.cloud, subnet)
    return subnet


def _new_subnet(parent: Resource, name: str) -> Resource:
    subnet_id = f"{parent.id}/subnets/{name}"
    return Resource({"name": name, "id": subnet_id, "etag": "", "properties": {}, "type": SUBNET})


def _fill_subnet(subnet: Resource, given: Fields) -> None:
    prefix = given.text("addressPrefix") or next(iter(given.texts("addressPrefixes")), None)
    if prefix is None:
        raise errors.invalid_parameter(f"The subnet {subnet.id} has no address prefix.", "InvalidRequestFormat")
    read_range(prefix, subnet.id)
    properties: dict[str, Any] = {"provisioningState": "Succeeded", "addressPrefix": prefix}
    security_group = provider.read_reference(given, "networkSecurityGroup")
    if security_group is not None:
        properties["networkSecurityGroup"] = {"id": security_group}
    properties["delegations"] = [delegation.plain() for delegation in given.objects("delegations")]
    properties["privateEndpointNetworkPolicies"] = given.text("privateEndpointNetworkPolicies") or "Disabled"
    properties["privateLinkServiceNetworkPolicies"] = (
        given.text("privateLinkServiceNetworkPolicies", ("Enabled", "Disabled")) or "Enabled"
    )
    subnet.body["properties"] = properties


def _check_ranges(cloud: Cloud, parent: Resource) -> None:
    """Refuse subnets that are outside their network's address space, or that overlap."""
    spaces = [read_range(text, parent.id) for text in parent.properties["addressSpace"]["addressPrefixes"]]
    seen: list[Range] = []
    for subnet in cloud.store.list(parent.id, SUBNET):
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


def _contains(outer: Range, inner: Range) -> bool:
    return outer.version == inner.version and inner[0] in outer and inner[-1] in outer


def _check_unused(cloud: Cloud, found: Resource) -> None:
    for subnet in cloud.store.list(found.id, SUBNET):
        _check_subnet_unused(cloud, subnet)


def _check_subnet_unused(cloud: Cloud, subnet: Resource) -> None:
    user = next(users_of(cloud, subnet.id, "subnet"), None)
    if user is not None:
        raise errors.invalid_parameter(
            f"Subnet {subnet.body['name']} is in use by {user} and cannot be deleted. In order to delete the "
            "subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.",
            "InUseSubnetCannotBeDeleted",
        )


def _show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    inside = [_show_subnet(cloud, subnet) for subnet in cloud.store.list(found.id, SUBNET)]
    return {**found.body, "properties": {**found.properties, "subnets": inside}}


def _show_subnet(cloud: Cloud, subnet: Resource) -> dict[str, Any]:
    users = [{"id": user} for user in users_of(cloud, subnet.id, "subnet")]
    connected = {"ipConfigurations": users} if users else {}
    return {**subnet.body, "properties": {**subnet.properties, **connected}}


def _parent(call: Call) -> Resource:
    group = call.cloud.seed_data.group(call["resource_group"])
    found = call.cloud.store.get(f"{group}/providers/{VIRTUAL_NETWORK}/{call['name']}")
    if found is None:
        raise errors.parent_not_found(SUBNET, call["name"])
    return found


_on_networks = provider.declare_operations(VIRTUAL_NETWORK, fill=_fill, check_unused=_check_unused, show=_show)
operations = (*_on_networks, *_on_subnets)
