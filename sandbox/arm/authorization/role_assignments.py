"""Role assignments: who may do what where."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

from rbac import decisions, scopes
from rbac.folding import fold
from rbac.roles import role_guid
from sandbox.arm import versions
from sandbox.arm.authorization import role_definitions
from sandbox.arm.fields import Fields, read_object
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.state.assignments import RoleAssignment

TYPE = "Microsoft.Authorization/roleAssignments"
_COLLECTION = "{scope}/providers/" + TYPE
_PRINCIPAL_TYPES = ("User", "Group", "ServicePrincipal", "ForeignGroup", "Device")
_PRINCIPAL_FILTER = re.compile(r"principalId eq '([^']*)'", re.IGNORECASE)
_ASSIGNED_FILTER = re.compile(r"assignedTo\('([^']*)'\)", re.IGNORECASE)

operations = Operations(TYPE, versions.AUTHORIZATION)


@operations.operation("GET", _COLLECTION, action=None)
def list_assignments(call: Call) -> Answer:
    """Answer the assignments at, above and (unless ``$filter`` says ``atScope()``) below the scope."""
    scope = call["scope"]
    call.require(TYPE + "/read", scope)
    wanted = _Filter(call.query("$filter") or "")
    found = call.cloud.assignments.at(scopes.ancestors(scope))
    if not wanted.at_scope:
        found += call.cloud.assignments.below(scope)
    return Answer(200, {"value": [assignment.body for assignment in found if wanted.keeps(assignment)]})


@operations.operation("GET", _COLLECTION + "/{name}", action=TYPE + "/read")
def get_assignment(call: Call) -> Answer:
    """Answer one assignment."""
    found = call.cloud.assignments.get(call.scope)
    if found is None:
        raise errors.AzureError(404, "RoleAssignmentNotFound", f"The role assignment '{call['name']}' is not found.")
    return Answer(200, found.body)


@operations.operation("PUT", _COLLECTION + "/{name}", action=TYPE + "/write")
def put_assignment(call: Call) -> Answer:
    """Grant a role, or change the description of a grant."""
    name = _guid(call["name"])
    _check_scope_exists(call)
    properties = _read_properties(call)
    existing = call.cloud.assignments.get(call.scope)
    if existing is not None:
        return _update(call, existing, properties)
    role_id = role_guid(properties["roleDefinitionId"])
    if call.cloud.assignments.find_same(call["scope"], properties["principalId"], role_id):
        raise errors.conflict("RoleAssignmentExists", "The role assignment already exists.")
    now = call.cloud.clock.now()
    properties |= {"createdOn": timestamp(now), "updatedOn": timestamp(now)}
    prefix = "" if properties["scope"] == "/" else properties["scope"]
    body = {"properties": properties, "id": f"{prefix}/providers/{TYPE}/{name}", "type": TYPE, "name": name}
    kept = RoleAssignment({**body, "properties": {**properties, "createdBy": call.caller.object_id}})
    call.cloud.assignments.put(kept, now + timedelta(seconds=call.cloud.timing.seconds("grant.effect")))
    return Answer(201, body)


@operations.operation("DELETE", _COLLECTION + "/{name}", action=TYPE + "/delete")
def delete_assignment(call: Call) -> Answer:
    """Take a grant away."""
    existing = call.cloud.assignments.get(call.scope)
    if existing is None:
        return Answer(204)
    now = call.cloud.clock.now()
    call.cloud.assignments.delete(existing.id, now + timedelta(seconds=call.cloud.timing.seconds("revoke.effect")))
    call.cloud.assignments.forget_ended(now)
    return Answer(200, existing.body)


@operations.operation("GET", "{scope}/providers/Microsoft.Authorization/permissions", action=None)
def list_permissions(call: Call) -> Answer:
    """Answer what the caller may do at the scope: an element for each effective permission."""
    cloud, scope = call.cloud, call["scope"]
    held = cloud.assignments.in_force(call.caller.object_id, scopes.ancestors(scope), cloud.clock.now())
    permissions = decisions.effective_permissions(held, cloud.roles.by_id, scope)
    return Answer(200, {"value": [role_definitions.show_permission(permission) for permission in permissions]})


class _Filter:
    """What ``$filter`` keeps; its clauses are joined by ``and``."""

    def __init__(self, text: str) -> None:
        self.at_scope = False
        self._principal: str | None = None
        for clause in filter(None, (part.strip() for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE))):
            found = _PRINCIPAL_FILTER.fullmatch(clause) or _ASSIGNED_FILTER.fullmatch(clause)
            if found:
                self._principal = fold(found[1])
            elif fold(clause) == "atscope()":
                self.at_scope = True
            else:
                raise errors.AzureError(400, "UnsupportedQuery", f"The filter '{text}' is not supported.")

    def keeps(self, assignment: RoleAssignment) -> bool:
        return self._principal is None or fold(assignment.properties["principalId"]) == self._principal


def _guid(name: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError as error:
        raise errors.AzureError(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.",
        ) from error


def _read_properties(call: Call) -> dict[str, Any]:
    """Return the properties of a new assignment, in ARM's order."""
    given = read_object(call.json(), "properties", required=True)
    if given.get("condition"):
        raise errors.invalid_parameter(
            "The sandbox does not evaluate conditions on role assignments, and refuses what it would not enforce.",
            "ConditionNotSupported",
        )
    return {
        "roleDefinitionId": _role_definition_id(call, _text(given, "roleDefinitionId")),
        "principalId": _principal_id(_text(given, "principalId")),
        "principalType": _principal_type(call, given),
        "scope": _shown_scope(call),
        "condition": None,
        "conditionVersion": None,
        "createdOn": None,
        "updatedOn": None,
        "createdBy": None,
        "updatedBy": call.caller.object_id,
        "delegatedManagedIdentityResourceId": _optional_text(given, "delegatedManagedIdentityResourceId"),
        "description": _optional_text(given, "description"),
    }


def _role_definition_id(call: Call, given: str) -> str:
    role = call.cloud.roles.by_id.get(role_guid(given))
    if role is None:
        raise role_definitions.not_found(role_guid(given))
    return f"{call.cloud.seed_data.subscription}/providers/{role_definitions.TYPE}/{role.id}"


def _principal_id(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError as error:
        raise errors.AzureError(
            400, "InvalidPrincipalId", f"The principal ID '{given}' is not valid. Principal ID must be a GUID."
        ) from error


def _principal_type(call: Call, given: dict[str, Any]) -> str:
    """Return the type as given; without one the principal is looked up, and has to be in the directory already."""
    kind = given.get("principalType")
    if kind is None:
        _check_principal(call, _principal_id(_text(given, "principalId")))
        return "ServicePrincipal"
    if kind not in _PRINCIPAL_TYPES:
        raise errors.invalid_request_content(f"The principal type '{kind}' is none of {', '.join(_PRINCIPAL_TYPES)}.")
    return str(kind)


def _check_principal(call: Call, principal_id: str) -> None:
    if call.cloud.directory.by_object_id(principal_id) is not None:
        return
    raise errors.AzureError(
        400,
        "PrincipalNotFound",
        f"Principal {principal_id.replace('-', '')} does not exist in the directory {call.cloud.seed_data.tenant_id}. "
        "Check that you have the correct principal ID. If you are creating this principal and then immediately "
        "assigning a role, this error might be related to a replication delay. In this case, set the role assignment "
        "principalType property to a value, such as ServicePrincipal, User, or Group.  "
        "See https://aka.ms/docs-principaltype",
    )


def _check_scope_exists(call: Call) -> None:
    parts = call["scope"].strip("/").split("/")
    if len(parts) < 4 or fold(parts[2]) != "resourcegroups":
        return
    group = parts[3]
    if call.cloud.store.get(call.cloud.seed_data.group(group)) is None:
        raise errors.resource_group_not_found(group)
    if len(parts) > 7 and call.cloud.store.get(call["scope"]) is None:
        raise errors.resource_not_found("/".join(parts[5:-1]), parts[-1], group)


def _shown_scope(call: Call) -> str:
    """Return the scope as it is kept: without a slash at its end."""
    return call["scope"].rstrip("/") or "/"


def _update(call: Call, existing: RoleAssignment, properties: dict[str, Any]) -> Answer:
    fixed = ("roleDefinitionId", "principalId")
    if any(fold(existing.properties[name]) != fold(properties[name]) for name in fixed):
        raise errors.AzureError(
            400,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )
    existing.properties.update(
        description=properties["description"],
        updatedOn=timestamp(call.cloud.clock.now()),
        updatedBy=call.caller.object_id,
    )
    call.cloud.assignments.update(existing)
    return Answer(201, existing.body)


def _optional_text(given: dict[str, Any], name: str) -> str | None:
    return Fields(given, "properties").text(name)


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise errors.invalid_request_content(f"The role assignment has no '{name}'.")
    return value
