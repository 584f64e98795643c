"""Public IP addresses: out of a range for documentation, and nothing passes through them."""

from __future__ import annotations

import ipaddress
from typing import Any

from sandbox.arm.fields import Fields
from sandbox.arm.network.provider import PUBLIC_ADDRESS, declare_operations, users_of
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

_DOCUMENTATION = ipaddress.IPv4Network("203.0.113.0/24")  # TEST-NET-3 of RFC 5737: leads nowhere


def _fill(call: Call, found: Resource, body: Fields) -> None:
    sku, given = body.object("sku"), body.object("properties")
    name = sku.text("name", ("Basic", "Standard")) or "Standard"
    found.body["sku"] = {"name": name, "tier": sku.text("tier", ("Regional", "Global")) or "Regional"}
    found.properties.update(
        publicIPAddressVersion=given.text("publicIPAddressVersion", ("IPv4",)) or "IPv4",
        publicIPAllocationMethod=given.text("publicIPAllocationMethod", ("Static", "Dynamic")) or "Static",
        idleTimeoutInMinutes=given.number("idleTimeoutInMinutes", 4, 30) or 4,
        ipTags=[tag.plain() for tag in given.objects("ipTags")],
    )
    if "ipAddress" not in found.properties:
        found.properties["ipAddress"] = _free_address(call.cloud)


def _free_address(cloud: Cloud) -> str:
    taken = {found.properties["ipAddress"] for found in cloud.store.list(cloud.seed_data.subscription, PUBLIC_ADDRESS)}
    for address in _DOCUMENTATION.hosts():
        if str(address) not in taken:
            return str(address)
    raise errors.conflict(
        "PublicIPCountLimitReached", f"Cannot create more than {len(taken)} public IP addresses for this subscription."
    )


def _check_unused(cloud: Cloud, found: Resource) -> None:
    user = next(users_of(cloud, found.id, "publicIPAddress"), None)
    if user is not None:
        raise errors.invalid_parameter(
            f"Public IP address {found.id} can not be deleted since it is still allocated to resource {user}. In order "
            "to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do "
            "this, see aka.ms/deletepublicip.",
            "PublicIPAddressCannotBeDeleted",
        )


def _show(_: Cloud, found: Resource) -> dict[str, Any]:
    return found.body


operations = declare_operations(PUBLIC_ADDRESS, fill=_fill, check_unused=_check_unused, show=_show)
