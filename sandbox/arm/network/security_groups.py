"""Network security groups: their rules are kept and shown, and no packet is looked at."""

from __future__ import annotations

from typing import Any

from rbac.scopes import canonical
from sandbox.arm.fields import Fields
from sandbox.arm.network.provider import INTERFACE, SECURITY_GROUP, SUBNET, declare_operations, read_name
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource


def _fill(_: Call, found: Resource, body: Fields) -> None:
    rules = body.object("properties").objects("securityRules")
    found.properties["securityRules"] = [_rule(found, rule) for rule in rules]


def _rule(found: Resource, given: Fields) -> dict[str, Any]:
    name, properties = read_name(given, "rule"), given.object("properties")
    properties.number("priority", 100, 4096)
    properties.text("access", ("Allow", "Deny"))
    properties.text("direction", ("Inbound", "Outbound"))
    return {
        "name": name,
        "id": f"{found.id}/securityRules/{name}",
        "properties": {**properties.plain(), "provisioningState": "Succeeded"},
        "type": SECURITY_GROUP + "/securityRules",
    }


def _check_unused(cloud: Cloud, found: Resource) -> None:
    key = canonical(found.id)
    users = [
        user.id
        for type_ in (INTERFACE, SUBNET)
        for user in cloud.store.list(cloud.seed_data.subscription, type_)
        if canonical(user.properties.get("networkSecurityGroup", {}).get("id", "")) == key
    ]
    if users:
        raise errors.invalid_parameter(
            f"Network security group {found.id} cannot be deleted because it is in use by the following resources: "
            f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
            "resource(s). To learn how to do this, see aka.ms/deletensg.",
            "InUseNetworkSecurityGroupCannotBeDeleted",
        )


def _show(_: Cloud, found: Resource) -> dict[str, Any]:
    return found.body


operations = declare_operations(SECURITY_GROUP, fill=_fill, check_unused=_check_unused, show=_show)
