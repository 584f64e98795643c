"""Network security groups and their rules: they are kept and shown, and no packet is looked at."""

from __future__ import annotations

from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.network import provider
from sandbox.arm.network.provider import INTERFACE, SECURITY_GROUP, SUBNET
from sandbox.arm.routing import GROUP, Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.state.store import Resource

_RULE_TYPE = SECURITY_GROUP + "/securityRules"
_RULES = f"{GROUP}/providers/{SECURITY_GROUP}/{{name}}/securityRules"
_RULE = _RULES + "/{rule}"

_on_rules = Operations(_RULE_TYPE, versions.NETWORK)


@_on_rules.operation("PUT", _RULE, action=_RULE_TYPE + "/write")
def put_rule(call: Call) -> Answer:
    """Make a rule of a security group, or change one."""
    group = _group(call)
    provider.check_name(call["rule"])
    given = provider.read_body(call, group, call.json(), "SecurityRule")
    rule = _rule(group, {**given, "name": call["rule"]})
    before = _find(call, group)
    _set_rules(group, [*(other for other in group.properties["securityRules"] if other != before), rule])
    provider.keep(call.cloud, group)
    headers = provider.begin(call, "network.write", group, group.body["location"])
    del headers["Location"]
    return Answer(200 if before else 201, {**rule, "etag": group.body["etag"]}, headers)


@_on_rules.operation("GET", _RULE, action=_RULE_TYPE + "/read")
def get_rule(call: Call) -> Answer:
    """Answer one rule of a security group."""
    group = _group(call)
    rule = _find(call, group)
    if rule is None:
        raise provider.not_found(call.scope)
    return Answer(200, {**rule, "etag": group.body["etag"]}, {"ETag": group.body["etag"]})


@_on_rules.operation("GET", _RULES, action=_RULE_TYPE + "/read")
def list_rules(call: Call) -> Answer:
    """Answer the rules of a security group."""
    group = _group(call)
    return Answer(200, {"value": [{**rule, "etag": group.body["etag"]} for rule in group.properties["securityRules"]]})


@_on_rules.operation("DELETE", _RULE, action=_RULE_TYPE + "/delete")
def delete_rule(call: Call) -> Answer:
    """Take a rule out of a security group."""
    group = _group(call)
    rule = _find(call, group)
    if rule is None:
        return Answer(204)
    group.properties["securityRules"].remove(rule)
    provider.keep(call.cloud, group)
    return Answer(202, headers=provider.begin(call, "network.write", group, group.body["location"]))


def _fill(_: Call, found: Resource, body: dict[str, Any]) -> None:
    given = body.get("properties", {})
    provider.set_properties(found, given, securityRules=[])
    _set_rules(found, [_rule(found, rule) for rule in given.get("securityRules", [])])


def _rule(group: Resource, given: dict[str, Any]) -> dict[str, Any]:
    name = provider.read_name(given, "securityRules")
    return {
        "name": name,
        "id": f"{group.id}/securityRules/{name}",
        "properties": {**given.get("properties", {}), "provisioningState": "Succeeded"},
        "type": _RULE_TYPE,
    }


def _set_rules(group: Resource, rules: list[dict[str, Any]]) -> None:
    """Give a security group its rules; refuses two of one name, or of one priority and direction."""
    names: set[str] = set()
    places: dict[tuple[Any, Any], str] = {}
    for rule in rules:
        name, place = rule["name"], (rule["properties"].get("priority"), rule["properties"].get("direction"))
        if fold(name) in names:
            raise errors.invalid_parameter(f"Security rule {name} is there twice.", "InvalidRequestFormat")
        names.add(fold(name))
        if place in places and None not in place:
            raise errors.invalid_parameter(
                f"Security rule {name} conflicts with rule {places[place]}. Rules cannot have the same Priority and "
                "Direction. To learn more, see https://aka.ms/nsgrules.",
                "SecurityRuleConflict",
            )
        places[place] = name
    group.properties["securityRules"] = rules


def _group(call: Call) -> Resource:
    found = call.cloud.store.get(provider.parent_id(call, SECURITY_GROUP))
    if found is None:
        raise errors.parent_not_found(_RULE_TYPE, call["name"])
    return found


def _find(call: Call, group: Resource) -> dict[str, Any] | None:
    rules: list[dict[str, Any]] = group.properties["securityRules"]
    return next((rule for rule in rules if fold(rule["name"]) == fold(call["rule"])), None)


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


_on_groups = provider.declare_operations(SECURITY_GROUP, "NetworkSecurityGroup", fill=_fill, check_unused=_check_unused)
operations = (*_on_groups, *_on_rules)
