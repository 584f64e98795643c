"""The network interfaces of a machine, as it is told of them."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.cloud import Cloud
from sandbox.state.store import Resource


def describe_network(cloud: Cloud, machine: Resource) -> dict[str, Any]:
    """Return the document ``network``: one entry for each interface that there is."""
    references = machine.properties["networkProfile"]["networkInterfaces"]
    interfaces = (cloud.store.get(reference["id"]) for reference in references)
    return {"interface": [_interface(cloud, interface) for interface in interfaces if interface is not None]}


def _interface(cloud: Cloud, interface: Resource) -> dict[str, Any]:
    configurations = [entry["properties"] for entry in interface.properties["ipConfigurations"]]
    version_4 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv4"]
    version_6 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv6"]
    return {
        "ipv4": {
            "ipAddress": [
                {
                    "privateIpAddress": entry["privateIPAddress"],
                    "publicIpAddress": _public_address(cloud, entry),
                }
                for entry in version_4
            ],
            "subnet": _subnets(cloud, version_4),
        },
        "ipv6": {"ipAddress": [{"privateIpAddress": entry["privateIPAddress"]} for entry in version_6]},
        "macAddress": str(interface.properties.get("macAddress", "")).replace("-", ""),
    }


def _public_address(cloud: Cloud, configuration: dict[str, Any]) -> str:
    reference = configuration.get("publicIPAddress")
    address = cloud.store.get(reference["id"]) if reference else None
    return "" if address is None else str(address.properties.get("ipAddress", ""))


def _subnets(cloud: Cloud, configurations: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = {entry["subnet"]["id"].casefold(): cloud.store.get(entry["subnet"]["id"]) for entry in configurations}
    ranges = (ipaddress.ip_network(subnet.properties["addressPrefix"]) for subnet in found.values() if subnet)
    return [{"address": str(range_.network_address), "prefix": str(range_.prefixlen)} for range_ in ranges]
