"""Role definitions: the built-in ones, and custom roles of the tenant."""

import uuid
from typing import Any

from rbac import decisions, scopes
from rbac.folding import fold
from rbac.roles import Permission, RoleDefinition
from sandbox.arm.listing import read_filter
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors
from sandbox.core.clock import timestamp
from sandbox.core.http import Answer
from sandbox.core.resource_ids import ROLE_DEFINITION, has_dots
from sandbox.state.store import Resource

_COLLECTION = f"{{scope}}/providers/{ROLE_DEFINITION}"
_DEFINITION = _COLLECTION + "/{name}"
_WITHOUT_DATA_ACTIONS = "2015-07-01"  # of the versions of permissions
_READ, _WRITE, _DELETE = (f"{ROLE_DEFINITION}/{action}" for action in ("read", "write", "delete"))

operations = Operations(ROLE_DEFINITION)


@operations.operation("GET", _COLLECTION, action=None)
def _list_definitions(call: Call) -> Answer:
    """Answer the definitions that can be used at the scope: ``$filter=roleName eq '…'`` or ``type eq '…'``."""
    scope = call["scope"]
    call.require(_READ, scope)
    wanted = _read_filter(call)
    applies = _concerns if "atscopeandbelow()" in wanted else _applies
    roles = call.cloud.roles.by_id.values()
    return Answer(200, {"value": [_show(role, call) for role in roles if applies(role, scope) and _is(role, wanted)]})


@operations.operation("GET", _DEFINITION, action=_READ)
def _get_definition(call: Call) -> Answer:
    role = call.cloud.roles.by_id.get(fold(call["name"]))
    if role is None or not _concerns(role, call["scope"]):
        raise not_found(call["name"])
    return Answer(200, _show(role, call))


@operations.operation("PUT", _DEFINITION, action=None)
def _put_definition(call: Call) -> Answer:
    """Make or change a custom role.

    Needs the right to do so here, at each of its assignable scopes, and at those that it had before: who has it there
    is given what it says from now on.
    """
    name = read_guid(call["name"], "RoleDefinition")
    before = call.cloud.roles.by_id.get(name)
    if before is not None and before.kind == "BuiltInRole":
        raise errors.refusal("RoleDefinitionIsBuiltIn.change", before.name)
    properties = _read_properties(call)
    for scope in (call["scope"], *properties["assignableScopes"], *(before.assignable_scopes if before else ())):
        call.require(_WRITE, scope)
    _check_name_is_free(call, name, properties["roleName"])
    now = timestamp(call.cloud.clock.now())
    caller = call.caller.object_id
    properties |= {
        "createdOn": (before.created_on if before else None) or now,
        "updatedOn": now,
        "createdBy": (_authors(call, name)["createdBy"] if before else None) or caller,
        "updatedBy": caller,
    }
    body = {"id": _kept_as(call, name), "name": name, "type": ROLE_DEFINITION, "properties": properties}
    call.cloud.store.put(Resource(body))
    call.cloud.roles.forget()
    shown = _show(call.cloud.roles.by_id[name], call)
    shown["properties"]["createdBy"] = None  # until it is read
    return Answer(201, shown)


@operations.operation("DELETE", _DEFINITION, action=None)
def _delete_definition(call: Call) -> Answer:
    role = call.cloud.roles.by_id.get(fold(call["name"]))
    if role is None:
        call.require(_DELETE, call["scope"])
        return Answer(204)
    if role.kind == "BuiltInRole":
        raise errors.refusal("RoleDefinitionIsBuiltIn.delete", role.name)
    for scope in (call["scope"], *role.assignable_scopes):
        call.require(_DELETE, scope)
    if call.cloud.assignments.uses_role(role.id):
        raise errors.refusal("RoleDefinitionHasAssignments")
    body = _show(role, call)
    call.cloud.store.delete(_kept_as(call, role.id))
    call.cloud.roles.forget()
    return Answer(200, body)


@operations.operation("GET", "{scope}/providers/Microsoft.Authorization/permissions", action=None)
def _list_permissions(call: Call) -> Answer:
    """Answer what the caller may do at the scope: an element for each effective permission."""
    cloud, scope = call.cloud, call["scope"]
    held = cloud.assignments.in_force(call.caller.object_id, scopes.ancestors(scope), cloud.clock.seconds())
    permissions = decisions.effective_permissions(held, cloud.roles.by_id, scope)
    with_data = call.api_version != _WITHOUT_DATA_ACTIONS
    return Answer(200, {"value": [_show_permission(each, with_data=with_data) for each in permissions]})


def _show(role: RoleDefinition, call: Call) -> dict[str, Any]:
    """Return the definition as ARM answers it: with an id at the subscription, wherever it was asked for."""
    parts = scopes.segments(call["scope"])
    at = f"/subscriptions/{parts[1]}" if parts[:1] == ("subscriptions",) and len(parts) > 1 else ""
    return {
        "properties": {
            "roleName": role.name,
            "type": role.kind,
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [_show_permission(permission) for permission in role.permissions],
            "createdOn": role.created_on,
            "updatedOn": role.updated_on,
            **_authors(call, role.id),
        },
        "id": f"{at}/providers/{ROLE_DEFINITION}/{role.id}",
        "type": ROLE_DEFINITION,
        "name": role.id,
    }


def _kept_as(call: Call, role_id: str) -> str:
    return f"{call.cloud.seed_data.subscription}/providers/{ROLE_DEFINITION}/{role_id}"


def _authors(call: Call, role_id: str) -> dict[str, str | None]:
    """Return who made and who last changed a custom role; nobody, of a built-in one."""
    kept = call.cloud.store.get(_kept_as(call, role_id))
    return {name: None if kept is None else kept.properties.get(name) for name in ("createdBy", "updatedBy")}


def _show_permission(permission: Permission, *, with_data: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {"actions": list(permission.actions), "notActions": list(permission.not_actions)}
    if with_data:
        shown |= {"dataActions": list(permission.data_actions), "notDataActions": list(permission.not_data_actions)}
    if permission.condition is not None:
        shown |= {"condition": permission.condition, "conditionVersion": "2.0"}
    return shown


def _concerns(role: RoleDefinition, scope: str) -> bool:
    """Return whether the role can be assigned at the scope, or somewhere below it."""
    return _applies(role, scope) or any(scopes.contains(scope, assignable) for assignable in role.assignable_scopes)


def read_guid(name: str, what: str) -> str:
    """Return a GUID in its one spelling; ``what`` it identifies is named in the refusal of what is none."""
    try:
        return str(uuid.UUID(name))
    except ValueError as error:
        raise errors.refusal(f"Invalid{what}Id", name) from error


def not_found(name: str) -> errors.AzureError:
    """Return the refusal of a definition that does not exist."""
    return errors.refusal("RoleDefinitionDoesNotExist", name)


def _read_filter(call: Call) -> dict[str, str]:
    text = call.query("$filter") or ""
    wanted = read_filter(text)
    if not wanted.keys() <= {"rolename", "type", "atscope()", "atscopeandbelow()"}:
        raise errors.refusal("BadRequestFormat", text)
    return wanted


def _is(role: RoleDefinition, wanted: dict[str, str]) -> bool:
    actual = {"rolename": role.name, "type": role.kind}
    return all(fold(value) == fold(wanted.get(name, value)) for name, value in actual.items())


def _applies(role: RoleDefinition, scope: str) -> bool:
    return any(scopes.contains(assignable, scope) for assignable in role.assignable_scopes)


def _read_properties(call: Call) -> dict[str, Any]:
    given = call.body().object("properties")
    name = given.required_text("roleName")
    assignable = given.texts("assignableScopes")
    if not assignable or not all(map(_may_be_assignable, assignable)):
        raise errors.refusal("InvalidAssignableScopes")
    permissions = given.objects("permissions")
    if "permissions" not in given:
        raise errors.refusal("InvalidRequestContent.required", "properties.permissions")
    if any("condition" in permission for permission in permissions):
        raise errors.refusal("ConditionNotSupported.permission")
    return {
        "roleName": name,
        "type": "CustomRole",
        "description": given.text("description") or "",
        "assignableScopes": assignable,
        "permissions": [
            {key: permission.texts(key) for key in ("actions", "notActions", "dataActions", "notDataActions")}
            for permission in permissions
        ],
    }


def _may_be_assignable(scope: str) -> bool:
    is_path = not has_dots(scope) and "//" not in scope
    return is_path and scopes.segments(scope)[:1] == ("subscriptions",) and len(scopes.segments(scope)) > 1


def _check_name_is_free(call: Call, name: str, role_name: str) -> None:
    for role in call.cloud.roles.by_id.values():
        if fold(role.name) == fold(role_name) and role.id != name:
            raise errors.refusal("RoleDefinitionWithSameNameExists", role_name)
