"""Network security groups and their rules: they are kept and shown, and no packet is looked at."""

from typing import Any

from rbac.scopes import canonical
from sandbox.arm.network import provider
from sandbox.arm.network.provider import SECURITY_GROUP, Kind
from sandbox.arm.routing import Call
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource


def _check_rules(cloud: Cloud, group: Resource) -> None:
    """Refuse two rules of one priority and direction."""
    places: dict[tuple[Any, Any], str] = {}
    for rule in cloud.store.list(group.id, _RULES.type):
        name, place = rule.body["name"], (rule.properties.get("priority"), rule.properties.get("direction"))
        if place in places and None not in place:
            raise errors.refusal("SecurityRuleConflict", name, places[place])
        places[place] = name


_RULES = Kind(
    SECURITY_GROUP + "/securityRules",
    "SecurityRule",
    fill=lambda _, rule, body: provider.set_properties(rule, body.get("properties", {})),
)


def _fill(call: Call, group: Resource, body: dict[str, Any]) -> None:
    given = body.get("properties", {})
    provider.set_properties(group, {name: member for name, member in given.items() if name != _RULES.collection})
    provider.replace_children(call, _RULES, group, given.get(_RULES.collection, []))
    _check_rules(call.cloud, group)


def _check_unused(cloud: Cloud, found: Resource) -> None:
    key = canonical(found.id)
    users = [
        user.id
        for type_ in (provider.INTERFACE, provider.SUBNET)
        for user in cloud.store.list(cloud.seed_data.subscription, type_)
        if canonical(user.properties.get("networkSecurityGroup", {}).get("id", "")) == key
    ]
    if users:
        raise errors.refusal("InUseNetworkSecurityGroupCannotBeDeleted", found.id, ", ".join(users))


_GROUPS = Kind(
    SECURITY_GROUP,
    "NetworkSecurityGroup",
    fill=_fill,
    check_unused=_check_unused,
    show=lambda cloud, group: provider.show_with_children(cloud, _RULES, group),
)
operations = (*provider.declare_operations(_GROUPS), *provider.declare_children(SECURITY_GROUP, _RULES, _check_rules))
