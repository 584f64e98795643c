"""Public IP addresses and network security groups, as far as interfaces and subnets refer to them.

No packet passes through them: rules are kept and shown, and a public address comes out of a range for documentation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.fields import Fields
from sandbox.arm.network import network
from sandbox.arm.network.network import INTERFACE, PUBLIC_ADDRESS, SECURITY_GROUP, SUBNET
from sandbox.arm.network.network_interfaces import users_of
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import find
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

_ADDRESS = network.GROUP + PUBLIC_ADDRESS + "/{name}"
_SECURITY_GROUP = network.GROUP + SECURITY_GROUP + "/{name}"
_DOCUMENTATION = ipaddress.IPv4Network("203.0.113.0/24")  # TEST-NET-3 of RFC 5737: leads nowhere

address_operations = Operations(PUBLIC_ADDRESS, versions.NETWORK)
security_operations = Operations(SECURITY_GROUP, versions.NETWORK)


def show(_: Cloud, found: Resource) -> dict[str, Any]:
    """Return either as it is shown."""
    return found.body


network.declare_reads(address_operations, PUBLIC_ADDRESS, show)
network.declare_reads(security_operations, SECURITY_GROUP, show)


@address_operations.operation("PUT", _ADDRESS, action=PUBLIC_ADDRESS + "/write")
def put_address(call: Call) -> Answer:
    """Make a public address, or change one."""
    sku = Fields(call.json(), "").object("sku")
    found, given, is_new = network.read_tracked(call, PUBLIC_ADDRESS)
    name = sku.text("name", ("Basic", "Standard")) or "Standard"
    found.body["sku"] = {"name": name, "tier": sku.text("tier", ("Regional", "Global")) or "Regional"}
    found.properties.update(
        publicIPAddressVersion=given.text("publicIPAddressVersion", ("IPv4",)) or "IPv4",
        publicIPAllocationMethod=given.text("publicIPAllocationMethod", ("Static", "Dynamic")) or "Static",
        idleTimeoutInMinutes=given.number("idleTimeoutInMinutes", 4, 30) or 4,
        ipTags=[tag.plain() for tag in given.objects("ipTags")],
    )
    if is_new:
        found.properties["ipAddress"] = _free_address(call.cloud)
    return network.accept_write(call, found, found.body["location"], is_new, show)


@address_operations.operation("DELETE", _ADDRESS, action=PUBLIC_ADDRESS + "/delete")
def delete_address(call: Call) -> Answer:
    """Begin to delete a public address, unless an interface has it."""
    found = find(call, PUBLIC_ADDRESS)
    if found is None:
        return Answer(204)
    user = next(users_of(call.cloud, found.id, "publicIPAddress"), None)
    if user is not None:
        raise errors.invalid_parameter(
            f"Public IP address {found.id} can not be deleted since it is still allocated to resource {user}. In order "
            "to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do "
            "this, see aka.ms/deletepublicip.",
            "PublicIPAddressCannotBeDeleted",
        )
    return network.accept_delete(call, found, found.body["location"])


@security_operations.operation("PUT", _SECURITY_GROUP, action=SECURITY_GROUP + "/write")
def put_security_group(call: Call) -> Answer:
    """Make a security group, or change the rules of one."""
    found, given, is_new = network.read_tracked(call, SECURITY_GROUP)
    found.properties["securityRules"] = [_rule(found, rule) for rule in given.objects("securityRules")]
    return network.accept_write(call, found, found.body["location"], is_new, show)


@security_operations.operation("DELETE", _SECURITY_GROUP, action=SECURITY_GROUP + "/delete")
def delete_security_group(call: Call) -> Answer:
    """Begin to delete a security group, unless an interface or a subnet has it."""
    found = find(call, SECURITY_GROUP)
    if found is None:
        return Answer(204)
    users = list(_secured_by(call.cloud, found.id))
    if users:
        raise errors.invalid_parameter(
            f"Network security group {found.id} cannot be deleted because it is in use by the following resources: "
            f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
            "resource(s). To learn how to do this, see aka.ms/deletensg.",
            "InUseNetworkSecurityGroupCannotBeDeleted",
        )
    return network.accept_delete(call, found, found.body["location"])


def _free_address(cloud: Cloud) -> str:
    taken = {
        found.properties["ipAddress"]
        for found in cloud.store.list(cloud.seed_data.subscription, PUBLIC_ADDRESS)
        if "ipAddress" in found.properties
    }
    for address in _DOCUMENTATION.hosts():
        if str(address) not in taken:
            return str(address)
    raise errors.conflict(
        "PublicIPCountLimitReached", f"Cannot create more than {len(taken)} public IP addresses for this subscription."
    )


def _secured_by(cloud: Cloud, security_group: str) -> Iterable[str]:
    key = canonical(security_group)
    for type_ in (INTERFACE, SUBNET):
        for user in cloud.store.list(cloud.seed_data.subscription, type_):
            reference = user.properties.get("networkSecurityGroup")
            if reference and canonical(reference["id"]) == key:
                yield user.id


def _rule(found: Resource, given: Fields) -> dict[str, Any]:
    name = given.text("name")
    if name is None:
        raise errors.invalid_parameter(f"The rule at {given.path} has no name.", "InvalidRequestFormat")
    network.check_name(name)
    properties = given.object("properties")
    properties.number("priority", 100, 4096)
    properties.text("access", ("Allow", "Deny"))
    properties.text("direction", ("Inbound", "Outbound"))
    return {
        "name": name,
        "id": f"{found.id}/securityRules/{name}",
        "properties": {**properties.plain(), "provisioningState": "Succeeded"},
        "type": SECURITY_GROUP + "/securityRules",
    }


operations = (*address_operations, *security_operations)
