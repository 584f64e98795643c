"""Public IP addresses: out of ranges for documentation, and nothing passes through them."""

import ipaddress
from itertools import islice
from typing import Any

from sandbox.arm.network.provider import PUBLIC_ADDRESS, Kind, declare_operations, set_properties, users_of
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

_RANGES = {  # TEST-NET-3 of RFC 5737, and of RFC 3849: they lead nowhere
    "IPv4": ipaddress.ip_network("203.0.113.0/24"),
    "IPv6": ipaddress.ip_network("2001:db8::/112"),
}
_MOST = 254  # addresses of a version


def _fill(call: Call, found: Resource, body: dict[str, Any]) -> None:
    given, before = body.get("properties", {}), found.properties
    version = given.get("publicIPAddressVersion", "IPv4")
    if before.get("publicIPAddressVersion", version) != version:
        raise errors.refusal("PropertyChangeNotAllowed", "publicIPAddressVersion")
    _set_zones(found, body)
    sku = body.get("sku", {})
    found.body["sku"] = {"name": sku.get("name", "Standard"), "tier": sku.get("tier", "Regional")}
    label = given.get("dnsSettings", {}).get("domainNameLabel")
    if label:
        given["dnsSettings"]["fqdn"] = f"{label}.{found.body['location']}.cloudapp.azure.com"
    address = before.get("ipAddress") or _free_address(call.cloud, version)
    set_properties(found, {**given, "ipAddress": address})


def _set_zones(found: Resource, body: dict[str, Any]) -> None:
    had, wanted = found.body.get("zones", []), body.get("zones", [])
    is_new = not found.body["etag"]
    if not is_new and sorted(had) != sorted(wanted or had):
        raise errors.refusal("ResourceAvailabilityZonesCannotBeModified", found.id, ", ".join(had), ", ".join(wanted))
    if is_new and wanted:
        found.body["zones"] = wanted


def _free_address(cloud: Cloud, version: str) -> str:
    addresses = cloud.store.list(cloud.seed_data.subscription, PUBLIC_ADDRESS)
    taken = {found.properties.get("ipAddress") for found in addresses}
    for address in islice(_RANGES[version].hosts(), _MOST):
        if str(address) not in taken:
            return str(address)
    raise errors.refusal("PublicIPCountLimitReached", _MOST)


def _check_unused(cloud: Cloud, found: Resource) -> None:
    user = next(users_of(cloud, found.id, "publicIPAddress"), None)
    if user is not None:
        raise errors.refusal("PublicIPAddressCannotBeDeleted", found.id, user)


def _show(cloud: Cloud, found: Resource) -> dict[str, Any]:
    """Return an address as it is shown: a dynamic one has none as long as nothing has it."""
    shown, user = dict(found.properties), next(users_of(cloud, found.id, "publicIPAddress"), None)
    if user is not None:
        shown["ipConfiguration"] = {"id": user}
    elif shown["publicIPAllocationMethod"] == "Dynamic":
        del shown["ipAddress"]
    return {**found.body, "properties": shown}


operations = declare_operations(
    Kind(PUBLIC_ADDRESS, "PublicIPAddress", fill=_fill, check_unused=_check_unused, show=_show)
)
