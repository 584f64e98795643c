"""Virtual networks."""

from __future__ import annotations

from typing import Any

from sandbox.arm import versions
from sandbox.arm.fields import Fields
from sandbox.arm.network import network, subnets
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import find
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

TYPE = network.VIRTUAL_NETWORK
_NETWORK = network.GROUP + TYPE + "/{name}"

operations = Operations(TYPE, versions.NETWORK)


def show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Return a network as it is shown: with its subnets."""
    inside = [subnets.show(cloud, subnet) for subnet in cloud.store.list(found.id, subnets.TYPE)]
    return {**found.body, "properties": {**found.properties, "subnets": inside}}


network.declare_reads(operations, TYPE, show)


@operations.operation("PUT", _NETWORK, action=TYPE + "/write")
def put_network(call: Call) -> Answer:
    """Make a network or change one; ``subnets``, where given, are all it has afterwards."""
    found, given, is_new = network.read_tracked(call, TYPE)
    _fill(found, given)
    if "subnets" in given:
        _replace_subnets(call, found, given.objects("subnets"))
    subnets.check_ranges(call.cloud, found)
    return network.accept_write(call, found, found.body["location"], is_new, show)


@operations.operation("DELETE", _NETWORK, action=TYPE + "/delete")
def delete_network(call: Call) -> Answer:
    """Begin to delete a network, unless something is connected to it."""
    found = find(call, TYPE)
    if found is None:
        return Answer(204)
    for subnet in call.cloud.store.list(found.id, subnets.TYPE):
        subnets.check_unused(call.cloud, subnet)
    return network.accept_delete(call, found, found.body["location"])


def new_virtual_network(cloud: Cloud, group: str, name: str, location: str) -> Resource:
    """Put a network into an empty world."""
    found = network.new_resource(cloud, TYPE, group, name, location)
    _fill(found, Fields({"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}, "properties"))
    network.keep(cloud, found)
    return found


def _fill(found: Resource, given: Fields) -> None:
    prefixes = given.object("addressSpace").texts("addressPrefixes")
    properties = found.properties
    if not prefixes and "addressSpace" not in properties:
        raise errors.invalid_parameter(f"The virtual network {found.id} has no address space.", "InvalidRequestFormat")
    for prefix in prefixes:
        subnets.read_range(prefix, found.id)
    if prefixes:
        properties["addressSpace"] = {"addressPrefixes": prefixes}
    if "dhcpOptions" in given:
        properties["dhcpOptions"] = {"dnsServers": given.object("dhcpOptions").texts("dnsServers")}
    properties.setdefault("virtualNetworkPeerings", [])
    properties["enableDdosProtection"] = given.flag("enableDdosProtection") or False


def _replace_subnets(call: Call, parent: Resource, given: list[Fields]) -> None:
    names = [_name(subnet) for subnet in given]
    kept = {name.casefold() for name in names}
    for subnet in call.cloud.store.list(parent.id, subnets.TYPE):
        if subnet.body["name"].casefold() not in kept:
            subnets.check_unused(call.cloud, subnet)
            call.cloud.store.delete(subnet.id)
    for name, subnet_given in zip(names, given, strict=True):
        subnets.keep_subnet(call, parent, name, subnet_given.object("properties"))


def _name(given: Fields) -> str:
    name = given.text("name")
    if name is None:
        raise errors.invalid_parameter(f"The subnet at {given.path} has no name.", "InvalidRequestFormat")
    return name
