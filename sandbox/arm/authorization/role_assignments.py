"""Role assignments: who may do what where."""

from typing import Any

from rbac import scopes
from rbac.folding import fold
from rbac.roles import role_guid
from sandbox.arm.authorization import role_definitions
from sandbox.arm.fields import Fields
from sandbox.arm.listing import read_filter
from sandbox.arm.routing import Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.core.resource_ids import ROLE_ASSIGNMENT, ROLE_DEFINITION, parse_resource_id
from sandbox.state.store import Resource

_COLLECTION = f"{{scope}}/providers/{ROLE_ASSIGNMENT}"
_ASSIGNMENT = _COLLECTION + "/{name}"
_SERVICE_PRINCIPAL = "ServicePrincipal"
_MOST = 4000  # in a subscription
_PRINCIPAL_TYPES = ("User", "Group", _SERVICE_PRINCIPAL, "ForeignGroup", "Device")
_PROPERTIES = dict.fromkeys(  # in ARM's order
    [
        "roleDefinitionId",
        "principalId",
        "principalType",
        "scope",
        "condition",
        "conditionVersion",
        "createdOn",
        "updatedOn",
        "createdBy",
        "updatedBy",
        "delegatedManagedIdentityResourceId",
        "description",
    ]
)
_FILTERS = ((), ("atscope()",), ("principalid",), ("assignedto(…)",), ("atscope()", "assignedto(…)"))

operations = Operations(ROLE_ASSIGNMENT)


@operations.operation("GET", _COLLECTION, action=None)
def _list_assignments(call: Call) -> Answer:
    """Answer the assignments at, above and (unless ``$filter`` says ``atScope()``) below the scope."""
    scope = call["scope"]
    call.require(f"{ROLE_ASSIGNMENT}/read", scope)
    wanted = _read_filter(call.query("$filter") or "")
    found = call.cloud.assignments.at(scopes.ancestors(scope))
    if "atscope()" not in wanted:
        found += call.cloud.assignments.below(scope)
    principal = wanted.get("principalid", wanted.get("assignedto(…)"))
    kept = [each.body for each in found if principal is None or _same(each.properties["principalId"], principal)]
    return Answer(200, {"value": kept})


@operations.operation("GET", _ASSIGNMENT, action=f"{ROLE_ASSIGNMENT}/read")
def _get_assignment(call: Call) -> Answer:
    found = call.cloud.assignments.get(call.scope)
    if found is None:
        raise errors.refusal("RoleAssignmentNotFound", call["name"])
    return Answer(200, found.body)


@operations.operation("PUT", _ASSIGNMENT, action=f"{ROLE_ASSIGNMENT}/write")
def _put_assignment(call: Call) -> Answer:
    name = role_definitions.read_guid(call["name"], "RoleAssignment")
    _check_scope_exists(call)
    properties = _read_properties(call)
    existing = call.cloud.assignments.get(call.scope)
    if existing is not None:
        return _update(call, existing, properties)
    role_id = role_guid(properties["roleDefinitionId"])
    if call.cloud.assignments.find_same(call["scope"], properties["principalId"], role_id):
        raise errors.refusal("RoleAssignmentExists")
    _check_number(call)
    made = new_assignment(call.cloud, name, call["scope"].rstrip("/") or "/", properties)
    shown = {**made.body, "properties": {**made.properties, "createdBy": None}}  # until it is read
    call.cloud.assignments.put(made, call.cloud.clock.seconds() + call.cloud.timing.seconds("grant.effect"))
    return Answer(201, shown)


@operations.operation("DELETE", _ASSIGNMENT, action=f"{ROLE_ASSIGNMENT}/delete")
def _delete_assignment(call: Call) -> Answer:
    existing = call.cloud.assignments.get(call.scope)
    if existing is None:
        return Answer(204)
    now = call.cloud.clock.seconds()
    call.cloud.assignments.delete(existing.id, now, now + call.cloud.timing.seconds("revoke.effect"))
    return Answer(200, existing.body)


def new_assignment(cloud: Cloud, name: str, scope: str, given: dict[str, Any]) -> Resource:
    """Return an assignment that is not kept yet; of its properties, those that are not ``given`` are null."""
    now = timestamp(cloud.clock.now())
    properties = {**_PROPERTIES, "scope": scope, "createdOn": now, "updatedOn": now, **given}
    assignment_id = f"{scope.rstrip('/')}/providers/{ROLE_ASSIGNMENT}/{name}"
    return Resource({"properties": properties, "id": assignment_id, "type": ROLE_ASSIGNMENT, "name": name})


def _read_filter(text: str) -> dict[str, str]:
    try:
        terms = read_filter(text)
    except errors.AzureError:
        terms = {"": ""}
    if tuple(terms) not in _FILTERS:
        raise errors.refusal("UnsupportedQuery", text)
    return terms


def _read_properties(call: Call) -> dict[str, Any]:
    given = call.body().object("properties")
    if "condition" in given:
        raise errors.refusal("ConditionNotSupported.assignment")
    role_id = role_guid(given.required_text("roleDefinitionId"))
    if role_id not in call.cloud.roles.by_id:
        raise role_definitions.not_found(role_id)
    principal_id = role_definitions.read_guid(given.required_text("principalId"), "Principal")
    return {
        "roleDefinitionId": f"{call.cloud.seed_data.subscription}/providers/{ROLE_DEFINITION}/{role_id}",
        "principalId": principal_id,
        "principalType": _principal_type(call, given, principal_id),
        "createdBy": call.caller.object_id,
        "updatedBy": call.caller.object_id,
        "delegatedManagedIdentityResourceId": _delegated_resource(call, given, principal_id),
        "description": given.text("description"),
    }


def _principal_type(call: Call, given: Fields, principal_id: str) -> str:
    """Return the type as given; without one the principal has to be in the directory already.

    In the directory are service principals only.
    """
    kind = given.text("principalType", _PRINCIPAL_TYPES)
    is_known = call.cloud.directory.by_object_id(principal_id) is not None
    if is_known and kind not in (None, _SERVICE_PRINCIPAL):
        raise errors.refusal("UnmatchedPrincipalType", principal_id.replace("-", ""), _SERVICE_PRINCIPAL, kind)
    if kind is None and not is_known:
        raise errors.refusal("PrincipalNotFound", principal_id.replace("-", ""), call.cloud.seed_data.tenant_id)
    return kind or _SERVICE_PRINCIPAL


def _check_number(call: Call) -> None:
    subscription = call.cloud.seed_data.subscription
    if scopes.contains(subscription, call["scope"]) and call.cloud.assignments.count_under(subscription) >= _MOST:
        raise errors.refusal("RoleAssignmentLimitExceeded")


def _delegated_resource(call: Call, given: Fields, principal_id: str) -> str | None:
    """Return the id of the resource whose managed identity the principal is, if the request names it."""
    resource_id = given.text("delegatedManagedIdentityResourceId")
    principal = call.cloud.directory.by_object_id(principal_id)
    owner = principal.resource_id if principal else None
    if resource_id is not None and (owner is None or scopes.canonical(resource_id) != scopes.canonical(owner)):
        raise errors.refusal("InvalidParameter.delegated", principal_id, resource_id)
    return resource_id


def _check_scope_exists(call: Call) -> None:
    """Refuse a scope that is neither the root, nor the subscription, nor a group or resource that is there."""
    cloud, scope = call.cloud, call["scope"]
    if scopes.canonical(scope) in (scopes.ROOT, cloud.seed_data.subscription) or cloud.store.get(scope) is not None:
        return
    parts = parse_resource_id(scope)
    if parts.group and cloud.store.get(cloud.seed_data.group(parts.group)) is None:
        raise errors.refusal("ResourceGroupNotFound", parts.group)
    if parts.names:
        raise errors.refusal("ResourceNotFound", parts.type, parts.name, parts.group)
    raise errors.refusal("NotFound.path", scope)


def _update(call: Call, existing: Resource, properties: dict[str, Any]) -> Answer:
    if not all(_same(existing.properties[name], properties[name]) for name in ("roleDefinitionId", "principalId")):
        raise errors.refusal("RoleAssignmentUpdateNotPermitted")
    existing.properties.update(
        description=properties["description"],
        updatedOn=timestamp(call.cloud.clock.now()),
        updatedBy=call.caller.object_id,
    )
    call.cloud.assignments.update(existing)
    return Answer(201, existing.body)


def _same(one: str, other: str) -> bool:
    return fold(one) == fold(other)
