"""Private addresses: which of a subnet's are free, and who has the others."""

from __future__ import annotations

import ipaddress

from rbac.scopes import canonical
from sandbox.arm.network import network
from sandbox.arm.network.subnets import Range, read_range
from sandbox.cloud import Cloud
from sandbox.core import errors

_RESERVED = 4  # addresses at the start of each subnet that Azure keeps for itself; the last one as well


def allocate(cloud: Cloud, subnet_id: str, resource_id: str, wanted: str | None) -> str:
    """Return the ``wanted`` address of a subnet, or its first free one.

    ``resource_id`` is the ip configuration it is for; what that one has already does not count as taken.

    Raises:
        AzureError: 400 where the address is no address of the subnet or is taken, or none is left.
    """
    subnet = cloud.store.get(subnet_id)
    if subnet is None:
        raise network.invalid_reference(subnet_id, resource_id)
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
        for interface in cloud.store.list(cloud.seed_data.subscription, network.INTERFACE)
        for entry in interface.properties["ipConfigurations"]
        if canonical(entry["properties"]["subnet"]["id"]) == key and canonical(entry["id"]) != canonical(but)
    }


def _check_wanted(
    wanted: str,
    addresses: Range,
    prefix: str,
    taken: dict[str, str],
    resource_id: str,
) -> str:
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
