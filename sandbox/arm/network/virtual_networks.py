"""Virtual networks and their subnets: a subnet is kept as a resource of its own, and shown within its network too."""

from __future__ import annotations

import ipaddress
from typing import Any

from rbac.folding import fold
from sandbox.arm import versions
from sandbox.arm.listing import list_resources
from sandbox.arm.network import provider
from sandbox.arm.network.provider import SUBNET, VIRTUAL_NETWORK, users_of
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
    is_new = call.cloud.store.get(call.scope) is None
    subnet = call.cloud.store.get(call.scope) or _new_subnet(parent, call["subnet"])
    body = provider.read_body(call, subnet, call.json(), "Subnet")
    _keep_subnet(call, subnet, body.get("properties", {}))
    _check_ranges(call.cloud, parent)
    return provider.accept_write(call, subnet, parent.body["location"], is_new, _show_subnet)


@_on_subnets.operation("GET", _SUBNET, action=SUBNET + "/read")
def get_subnet(call: Call) -> Answer:
    """Answer one subnet."""
    found = call.cloud.store.get(call.scope)
    if found is None:
        _parent(call)
        raise provider.not_found(call.scope)
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
    """Put a network into an empty state."""
    found = provider.new_resource(cloud, VIRTUAL_NETWORK, group, name, location)
    _fill_network(found, {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}})
    provider.keep(cloud, found)
    return found


def new_subnet(cloud: Cloud, parent: Resource, name: str, prefix: str) -> Resource:
    """Put a subnet into an empty state."""
    subnet = _new_subnet(parent, name)
    _fill_subnet(subnet, {"addressPrefix": prefix})
    provider.keep(cloud, subnet)
    return subnet


def ranges_of(subnet: Resource) -> list[Range]:
    """Return the ranges of addresses of a subnet: one, or one of IPv4 and one of IPv6."""
    return [_read_range(prefix, subnet.id) for prefix in _prefixes(subnet.properties)]


def _read_range(text: str, owner: str, *, strict: bool = True) -> Range:
    try:
        return ipaddress.ip_network(text, strict)
    except ValueError as error:
        raise errors.invalid_parameter(
            f"Address prefix {text} of resource {owner} is not formatted correctly. It should follow CIDR notation, "
            "for example 10.0.0.0/24.",
            "InvalidAddressPrefixFormat",
        ) from error


def _prefixes(subnet: dict[str, Any]) -> list[str]:
    return [subnet["addressPrefix"]] if "addressPrefix" in subnet else list(subnet.get("addressPrefixes", ()))


def _fill(call: Call, found: Resource, body: dict[str, Any]) -> None:
    """Give a network what a request says; ``subnets``, where given, are all it has afterwards."""
    given = body.get("properties", {})
    _fill_network(found, given)
    if "subnets" in given:
        _replace_subnets(call, found, given["subnets"])
    _check_ranges(call.cloud, found)


def _fill_network(found: Resource, given: dict[str, Any]) -> None:
    space = given.get("addressSpace", {})
    if not space.get("addressPrefixes"):
        space = found.properties.get("addressSpace", {})
    if not space:
        raise errors.invalid_parameter(f"The virtual network {found.id} has no address space.", "InvalidRequestFormat")
    for prefix in space["addressPrefixes"]:
        _read_range(prefix, found.id, strict=False)
    kept = {name: member for name, member in given.items() if name != "subnets"}
    if "dhcpOptions" in kept:
        kept["dhcpOptions"] = {"dnsServers": kept["dhcpOptions"].get("dnsServers", [])}
    provider.set_properties(
        found,
        kept,
        addressSpace=space,
        virtualNetworkPeerings=[],
        enableDdosProtection=given.get("enableDdosProtection", False),
    )


def _replace_subnets(call: Call, parent: Resource, given: list[dict[str, Any]]) -> None:
    names = [provider.read_name(subnet, "subnets") for subnet in given]
    kept = {fold(name) for name in names}
    for subnet in call.cloud.store.list(parent.id, SUBNET):
        if fold(subnet.body["name"]) not in kept:
            _check_subnet_unused(call.cloud, subnet)
            call.cloud.store.delete(subnet.id)
    for name, entry in zip(names, given, strict=True):
        subnet = call.cloud.store.get(f"{parent.id}/subnets/{name}") or _new_subnet(parent, name)
        _keep_subnet(call, subnet, entry.get("properties", {}))


def _keep_subnet(call: Call, subnet: Resource, given: dict[str, Any]) -> None:
    provider.check_name(subnet.body["name"])
    before = _prefixes(subnet.properties)
    _fill_subnet(subnet, given)
    gone = [prefix for prefix in before if prefix not in _prefixes(subnet.properties)]
    if gone and any(users_of(call.cloud, subnet.id, "subnet")):
        raise errors.invalid_parameter(
            f"IpPrefix {gone[0]} on Subnet {subnet.body['name']} has active allocations and cannot be deleted.",
            "InUsePrefixCannotBeDeleted",
        )
    provider.keep(call.cloud, subnet)


def _new_subnet(parent: Resource, name: str) -> Resource:
    subnet_id = f"{parent.id}/subnets/{name}"
    return Resource({"name": name, "id": subnet_id, "etag": "", "properties": {}, "type": SUBNET})


def _fill_subnet(subnet: Resource, given: dict[str, Any]) -> None:
    prefixes = _prefixes(given) or _prefixes(subnet.properties)
    if not prefixes:
        raise errors.invalid_parameter(f"The subnet {subnet.id} has no address prefix.", "InvalidRequestFormat")
    for prefix in prefixes:
        _read_range(prefix, subnet.id)
    kept = {name: member for name, member in given.items() if name not in ("addressPrefix", "addressPrefixes")}
    if "serviceEndpoints" in kept:
        kept["serviceEndpoints"] = [
            {"provisioningState": "Succeeded", **endpoint, "locations": endpoint.get("locations", ["*"])}
            for endpoint in kept["serviceEndpoints"]
        ]
    addresses: dict[str, Any] = {"addressPrefix": prefixes[0]} if len(prefixes) == 1 else {"addressPrefixes": prefixes}
    provider.set_properties(
        subnet,
        kept,
        provisioningState="Succeeded",
        **addresses,
        delegations=given.get("delegations", []),
        privateEndpointNetworkPolicies=given.get("privateEndpointNetworkPolicies", "Disabled"),
        privateLinkServiceNetworkPolicies=given.get("privateLinkServiceNetworkPolicies", "Enabled"),
    )


def _check_ranges(cloud: Cloud, parent: Resource) -> None:
    """Refuse subnets that are outside their network's address space, or that overlap."""
    prefixes = parent.properties["addressSpace"]["addressPrefixes"]
    spaces = [_read_range(prefix, parent.id, strict=False) for prefix in prefixes]
    owner, seen = parent.body["name"], list[Range]()
    for subnet in cloud.store.list(parent.id, SUBNET):
        name, found = subnet.body["name"], ranges_of(subnet)
        if not all(any(_contains(space, range_) for space in spaces) for range_ in found):
            raise errors.invalid_parameter(
                f"Subnet '{name}' is not valid in virtual network '{owner}'.", "NetcfgInvalidSubnet"
            )
        if any(range_.overlaps(other) for range_ in found for other in seen):
            raise errors.invalid_parameter(
                f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing "
                f"subnet in virtual network '{owner}'.",
                "NetcfgSubnetRangesOverlap",
            )
        seen += found


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
    found = call.cloud.store.get(provider.parent_id(call, VIRTUAL_NETWORK))
    if found is None:
        raise errors.parent_not_found(SUBNET, call["name"])
    return found


_on_networks = provider.declare_operations(
    VIRTUAL_NETWORK, "VirtualNetwork", fill=_fill, check_unused=_check_unused, show=_show
)
operations = (*_on_networks, *_on_subnets)
