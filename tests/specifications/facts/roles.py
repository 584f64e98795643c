"""Role assignments and role definitions (Microsoft.Authorization)."""

from __future__ import annotations

from typing import Any

from tests.specifications.facts.telling import (
    ANYTHING,
    GUID,
    NOTHING,
    TIME,
    Has,
    Known,
    Ordered,
    Row,
    Story,
    error,
)
from tests.support.sandbox import RunningSandbox

VERSION = "2022-04-01"
_READER, _CONTRIBUTOR = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "b24988ac-6180-42a0-ab88-20f7382dd24c"
_NOBODY = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7c001"
_FIRST, _SECOND, _THIRD, _ABOVE = (f"0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7d00{number}" for number in range(1, 5))
_DEFINITIONS = "/subscriptions/<s>/providers/Microsoft.Authorization/roleDefinitions"
_ASSIGNMENTS = "<group>/providers/Microsoft.Authorization/roleAssignments"
_ABOVE_ASSIGNMENTS = "/subscriptions/<s>/providers/Microsoft.Authorization/roleAssignments"
_PERMISSION = {"actions": ANYTHING, "notActions": ANYTHING, "dataActions": ANYTHING, "notDataActions": ANYTHING}


def _grantee(sandbox: RunningSandbox, known: Known) -> None:
    grantee, secret = sandbox.add_principal("grantee")
    known["grantee"], known["token:grantee"] = grantee.object_id, sandbox.token(grantee.client_id, secret)


def _grant(role: str = _READER, principal: str = "<grantee>", **more: Any) -> dict[str, Any]:
    return {"properties": {"roleDefinitionId": f"{_DEFINITIONS}/{role}", "principalId": principal, **more}}


def _assignment(name: str, created_by: str | None, **more: Any) -> dict[str, Any]:
    properties = {
        "roleDefinitionId": f"{_DEFINITIONS}/{_READER}",
        "principalId": "<grantee>",
        "principalType": "ServicePrincipal",
        "scope": "<group>",
        "condition": None,
        "conditionVersion": None,
        "createdOn": TIME,
        "updatedOn": TIME,
        "createdBy": created_by,
        "updatedBy": "<operator:object>",
        "delegatedManagedIdentityResourceId": None,
        "description": None,
    }
    return {
        "properties": Ordered({**properties, **more}),
        "id": f"{_ASSIGNMENTS}/{name}",
        "type": "Microsoft.Authorization/roleAssignments",
        "name": name,
    }


def _list(*names: str) -> dict[str, Any]:
    return {"value": [Has({"name": name}) for name in names]}


def _row(name: str, path: str, method: str = "GET", **expected: Any) -> Row:
    return Row(name=name, method=method, path=path, version=VERSION, **expected)


_UNKNOWN_PRINCIPAL = (
    f"Principal {_NOBODY.replace('-', '')} does not exist in the directory <t>. Check that you have the correct "
    "principal ID. If you are creating this principal and then immediately assigning a role, this error might be "
    "related to a replication delay. In this case, set the role assignment principalType property to a value, such as "
    "ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype"
)
_READER_ROLE = {
    "properties": Ordered(
        {
            "roleName": "Reader",
            "type": "BuiltInRole",
            "description": "Sees every resource and its settings, and changes nothing.",
            "assignableScopes": ["/"],
            "permissions": [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}],
            "createdOn": "2015-02-02T21:55:09.8806423Z",
            "updatedOn": "2021-11-11T20:13:47.8628684Z",
            "createdBy": None,
            "updatedBy": None,
        }
    ),
    "id": f"{_DEFINITIONS}/{_READER}",
    "type": "Microsoft.Authorization/roleDefinitions",
    "name": _READER,
}

ROLES = Story(
    "roles",
    (
        _row(
            "a new assignment is answered 201, its creator null",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "PUT",
            body=_grant(),
            status=201,
            answer=_assignment(_FIRST, None),
        ),
        _row(
            "a later read has the creator",
            f"{_ASSIGNMENTS}/{_FIRST}",
            status=200,
            answer=_assignment(_FIRST, "<operator:object>"),
        ),
        _row(
            "an assignment that is updated is answered 201 too",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "PUT",
            body=_grant(description="for the course"),
            status=201,
            answer=_assignment(_FIRST, "<operator:object>", description="for the course"),
        ),
        _row(
            "a name that is no GUID is refused",
            f"{_ASSIGNMENTS}/reader",
            "PUT",
            body=_grant(),
            status=400,
            answer=error(
                "InvalidRoleAssignmentId",
                "The role assignment ID 'reader' is not valid. The role assignment ID must be a GUID.",
            ),
        ),
        _row(
            "the same principal, role and scope under another name is a conflict",
            f"{_ASSIGNMENTS}/{_SECOND}",
            "PUT",
            body=_grant(),
            status=409,
            answer=error("RoleAssignmentExists", "The role assignment already exists."),
        ),
        _row(
            "the role of a name cannot change",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "PUT",
            body=_grant(_CONTRIBUTOR),
            status=400,
            answer=error(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ),
        ),
        _row(
            "the principal of a name cannot change",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "PUT",
            body=_grant(principal="<operator:object>"),
            status=400,
            answer=error("RoleAssignmentUpdateNotPermitted"),
        ),
        _row(
            "an unknown principal is refused in these words",
            f"{_ASSIGNMENTS}/{_SECOND}",
            "PUT",
            body=_grant(principal=_NOBODY),
            status=400,
            answer=error("PrincipalNotFound", _UNKNOWN_PRINCIPAL),
        ),
        _row(
            "with the principal's type nobody looks whether it is there",
            f"{_ASSIGNMENTS}/{_SECOND}",
            "PUT",
            body=_grant(principal=_NOBODY, principalType="ServicePrincipal"),
            status=201,
        ),
        _row(
            "an unknown role is not found",
            f"{_ASSIGNMENTS}/{_THIRD}",
            "PUT",
            body=_grant(_NOBODY),
            status=404,
            answer=error("RoleDefinitionDoesNotExist"),
        ),
        _row(
            "an assignment on a machine is made",
            f"<machine>/providers/Microsoft.Authorization/roleAssignments/{_THIRD}",
            "PUT",
            body=_grant(),
            status=201,
        ),
        _row(
            "and one on the subscription",
            f"{_ABOVE_ASSIGNMENTS}/{_ABOVE}",
            "PUT",
            body=_grant(),
            status=201,
        ),
        _row(
            "a list for a principal has what is above, at and below the scope",
            f"{_ASSIGNMENTS}?$filter=principalId eq '<grantee>'",
            status=200,
            answer=_list(_ABOVE, _FIRST, _THIRD),
        ),
        _row(
            "assignedTo lists as much",
            f"{_ASSIGNMENTS}?$filter=assignedTo('<grantee>')",
            status=200,
            answer=_list(_ABOVE, _FIRST, _THIRD),
        ),
        _row(
            "atScope leaves out what is below",
            f"{_ASSIGNMENTS}?$filter=atScope() and assignedTo('<grantee>')",
            status=200,
            answer=_list(_ABOVE, _FIRST),
        ),
        _row(
            "permissions have an element for each effective assignment",
            "<machine>/providers/Microsoft.Authorization/permissions",
            by="grantee",
            status=200,
            answer={"value": [_PERMISSION] * 3},
        ),
        _row(
            "deleting an assignment answers 200 with the whole of it",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "DELETE",
            status=200,
            answer=_assignment(_FIRST, "<operator:object>", description="for the course"),
        ),
        _row(
            "deleting an assignment that is not there answers 204",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "DELETE",
            status=204,
            answer=NOTHING,
        ),
        _row(
            "a definition is found by its name, in any case, with an id at the subscription wherever it is asked",
            "<machine>/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'READER'",
            status=200,
            answer={"value": [_READER_ROLE]},
        ),
        _row(
            "an unknown definition is not found",
            f"{_DEFINITIONS}/{_NOBODY}",
            status=404,
            answer=error("RoleDefinitionDoesNotExist"),
        ),
    ),
    prepare=_grantee,
)

_GROUP = "2024-07-01"

PROPAGATION = Story(
    "propagation",
    (
        _row("a reader is granted a role", f"{_ASSIGNMENTS}/{_FIRST}", "PUT", body=_grant(), status=201),
        Row(
            name="right after the grant the reader is refused",
            path="<group>",
            version=_GROUP,
            by="grantee",
            status=403,
            answer=error("AuthorizationFailed"),
        ),
        Row(
            name="a second read after the grant may still be refused",
            path="<group>",
            version=_GROUP,
            by="grantee",
            later=10,
            status=403,
        ),
        Row(name="in the end it is served", path="<group>", version=_GROUP, by="grantee", later=60, status=200),
        _row("the grant is taken away", f"{_ASSIGNMENTS}/{_FIRST}", "DELETE", status=200),
        _row("and listed no longer", f"{_ASSIGNMENTS}?$filter=assignedTo('<grantee>')", status=200, answer=_list()),
        Row(name="it works for a while longer", path="<group>", version=_GROUP, by="grantee", status=200),
        Row(name="and then no more", path="<group>", version=_GROUP, by="grantee", later=60, status=403),
    ),
    timing="realistic",
    prepare=_grantee,
)

CONDITIONS = Story(
    "conditions",
    (
        _row(
            "a condition is refused rather than disregarded",
            f"{_ASSIGNMENTS}/{_FIRST}",
            "PUT",
            body=_grant(condition="@Resource[name] StringEquals 'a'", conditionVersion="2.0"),
            status=400,
            answer=error("ConditionNotSupported"),
        ),
        _row(
            "a principal whose type is not given is a service principal",
            f"{_ASSIGNMENTS}/{_SECOND}",
            "PUT",
            body=_grant(),
            status=201,
            answer=Has({"properties": Has({"principalType": "ServicePrincipal", "createdBy": None})}),
        ),
        _row(
            "a new custom role is made",
            f"{_DEFINITIONS}/{_THIRD}",
            "PUT",
            body={
                "properties": {
                    "roleName": "Identity Lister",
                    "assignableScopes": ["/subscriptions/<s>"],
                    "permissions": [{"actions": ["Microsoft.ManagedIdentity/*/read"]}],
                }
            },
            status=201,
            answer={
                "properties": Has({"type": "CustomRole", "createdOn": TIME, "updatedOn": TIME}),
                "id": f"{_DEFINITIONS}/{_THIRD}",
                "type": "Microsoft.Authorization/roleDefinitions",
                "name": GUID,
            },
        ),
    ),
    prepare=_grantee,
)
