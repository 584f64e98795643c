"""Virtual networks and their subnets: a subnet is kept as a resource of its own, and shown within its network too."""

import ipaddress
from typing import Any

from sandbox.arm.network import provider
from sandbox.arm.network.provider import SUBNET, VIRTUAL_NETWORK, Kind, users_of
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def ranges_of(subnet: Resource) -> list[Range]:
    """Return the ranges of addresses of a subnet: one, or one of IPv4 and one of IPv6."""
    return [_read_range(prefix, subnet.id) for prefix in _prefixes(subnet.properties)]


def _read_range(text: str, owner: str, *, strict: bool = True) -> Range:
    try:
        return ipaddress.ip_network(text, strict)
    except ValueError as error:
        raise errors.refusal("InvalidAddressPrefixFormat", text, owner) from error


def _prefixes(subnet: dict[str, Any]) -> list[str]:
    return [subnet["addressPrefix"]] if "addressPrefix" in subnet else list(subnet.get("addressPrefixes", ()))


def _fill(call: Call, found: Resource, body: dict[str, Any]) -> None:
    """Give a network what a request says; ``subnets``, where given, are all it has afterwards."""
    given = body.get("properties", {})
    space = given.get("addressSpace", {})
    if not space.get("addressPrefixes"):
        space = found.properties.get("addressSpace", {})
    if not space:
        raise errors.refusal("InvalidRequestFormat.addressSpace", found.id)
    for prefix in space["addressPrefixes"]:
        _read_range(prefix, found.id, strict=False)
    kept = {name: member for name, member in given.items() if name != "subnets"}
    if "dhcpOptions" in kept:
        kept["dhcpOptions"] = {"dnsServers": kept["dhcpOptions"].get("dnsServers", [])}
    provider.set_properties(found, {**kept, "addressSpace": space})
    if "subnets" in given:
        provider.replace_children(call, _SUBNETS, found, given["subnets"])
    _check_ranges(call.cloud, found)


def _fill_subnet(call: Call, subnet: Resource, body: dict[str, Any]) -> None:
    given, before = body.get("properties", {}), _prefixes(subnet.properties)
    prefixes = _prefixes(given) or before
    if not prefixes:
        raise errors.refusal("InvalidRequestFormat.addressPrefix", subnet.id)
    for prefix in prefixes:
        _read_range(prefix, subnet.id)
    gone = [prefix for prefix in before if prefix not in prefixes]
    if gone and any(users_of(call.cloud, subnet.id, "subnet")):
        raise errors.refusal("InUsePrefixCannotBeDeleted", gone[0], subnet.body["name"])
    kept = {name: member for name, member in given.items() if name not in ("addressPrefix", "addressPrefixes")}
    if "serviceEndpoints" in kept:
        kept["serviceEndpoints"] = [
            {"provisioningState": "Succeeded", **endpoint, "locations": endpoint.get("locations", ["*"])}
            for endpoint in kept["serviceEndpoints"]
        ]
    addresses: dict[str, Any] = {"addressPrefix": prefixes[0]} if len(prefixes) == 1 else {"addressPrefixes": prefixes}
    provider.set_properties(subnet, {**kept, **addresses})


def _check_ranges(cloud: Cloud, parent: Resource) -> None:
    """Refuse subnets that are outside their network's address space, or that overlap."""
    prefixes = parent.properties["addressSpace"]["addressPrefixes"]
    spaces = [_read_range(prefix, parent.id, strict=False) for prefix in prefixes]
    owner, seen = parent.body["name"], list[Range]()
    for subnet in cloud.store.list(parent.id, SUBNET):
        name, found = subnet.body["name"], ranges_of(subnet)
        if not all(any(_contains(space, range_) for space in spaces) for range_ in found):
            raise errors.refusal("NetcfgInvalidSubnet", name, owner)
        if any(range_.overlaps(other) for range_ in found for other in seen):
            raise errors.refusal("NetcfgSubnetRangesOverlap", name, owner)
        seen += found


def _contains(outer: Range, inner: Range) -> bool:
    return outer.version == inner.version and inner[0] in outer and inner[-1] in outer


def _check_unused(cloud: Cloud, found: Resource) -> None:
    for subnet in cloud.store.list(found.id, SUBNET):
        _check_subnet_unused(cloud, subnet)


def _check_subnet_unused(cloud: Cloud, subnet: Resource) -> None:
    user = next(users_of(cloud, subnet.id, "subnet"), None)
    if user is not None:
        raise errors.refusal("InUseSubnetCannotBeDeleted", subnet.body["name"], user)


def _show_subnet(cloud: Cloud, subnet: Resource) -> dict[str, Any]:
    users = [{"id": user} for user in users_of(cloud, subnet.id, "subnet")]
    connected = {"ipConfigurations": users} if users else {}
    return {**subnet.body, "properties": {**subnet.properties, **connected}}


_SUBNETS = Kind(SUBNET, "Subnet", fill=_fill_subnet, check_unused=_check_subnet_unused, show=_show_subnet)
_NETWORKS = Kind(
    VIRTUAL_NETWORK,
    "VirtualNetwork",
    fill=_fill,
    check_unused=_check_unused,
    show=lambda cloud, network: provider.show_with_children(cloud, _SUBNETS, network),
)
operations = (
    *provider.declare_operations(_NETWORKS),
    *provider.declare_children(VIRTUAL_NETWORK, _SUBNETS, _check_ranges),
)
