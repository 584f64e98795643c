"""Grants: whether the identity has its role, and by whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Protocol

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleAssignmentCreateParameters, RoleDefinition
from azure.mgmt.core.tools import parse_resource_id
from azure.mgmt.msi.models import Identity

from helpers.connection import Connection
from helpers.errors import TutorialError
from helpers.names import check_names
from rbac.actions import matches
from rbac.roles import role_guid

_READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"


class Permission(Protocol):
    """A permission as ``azure-mgmt-authorization`` has it."""

    actions: list[str] | None
    not_actions: list[str] | None


def allows(permissions: Iterable[Permission], action: str) -> bool:
    """Return whether ``permissions`` allow an action such as ``Microsoft.Compute/virtualMachines/read``.

    By Azure's rule: one of them has it in its actions, and not in its notActions.
    """
    return any(_matches(each.actions, action) and not _matches(each.not_actions, action) for each in permissions)


def _matches(patterns: Iterable[str] | None, action: str) -> bool:
    return any(matches(pattern, action) for pattern in patterns or ())


def ensure_granted(connection: Connection, identity: Identity, scope: str, role: str) -> RoleAssignment:
    """Return the assignment of ``role`` to the identity at ``scope``; made if there is none.

    Raises:
        TutorialError: There is no role of that name.
    """
    client = _client(connection)
    definition = _definition(client, scope, role)
    for held in _held(client, identity, scope):
        same_role = role_guid(str(held.role_definition_id)) == role_guid(str(definition.id))
        if same_role and str(held.scope).casefold() == scope.casefold():
            return held
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {identity.principal_id} {definition.name}".casefold())
    made: RoleAssignment = client.role_assignments.create(
        scope=scope,
        role_assignment_name=str(name),
        parameters=RoleAssignmentCreateParameters(
            role_definition_id=str(definition.id),
            principal_id=str(identity.principal_id),
            principal_type="ServicePrincipal",
            description=_mark(connection, identity),
        ),
    )
    print(f"{identity.name} did not have the role {role} yet: granted it, as 03_grant_access does.")
    return made


def ensure_not_granted(connection: Connection, identity: Identity, scope: str) -> None:
    """Take away what an earlier run of the tutorial granted, so that the identity begins without access.

    Raises:
        TutorialError: The identity can read the group by somebody else's grant, which is not the tutorial's to take.
    """
    client = _client(connection)
    for held in _held(client, identity, scope):
        if held.description == _mark(connection, identity):
            client.role_assignments.delete_by_id(held.id)
            print(f"{identity.name} had a role from an earlier run: took it away, to begin without access.")
    for held in grants_of_others(connection, identity, scope):
        raise TutorialError(
            f"{identity.name} can read the group already: somebody gave it a role at {held.scope}. This notebook "
            "shows what happens without one. Choose another identity_name, or take that role away."
        )


def grants_of_others(connection: Connection, identity: Identity, scope: str) -> list[RoleAssignment]:
    """Return by what the identity can read the group, besides what the course granted to it."""
    mark = _mark(connection, identity)
    return [each for each in _that_read(_client(connection), identity, scope) if each.description != mark]


def check_granted(connection: Connection, identity: Identity, scope: str) -> None:
    """Raise ``TutorialError`` if the identity has no role that lets it read the group: waiting is no use then."""
    if not _that_read(_client(connection), identity, scope):
        raise TutorialError(
            f"Waiting for the grant to take effect is no use: {identity.name} has no role here that allows "
            f"{_READ_GROUP}. Set role to one that does, such as Reader, and run 03_grant_access."
        )


def _that_read(client: AuthorizationManagementClient, identity: Identity, scope: str) -> list[RoleAssignment]:
    held = _held(client, identity, scope)
    # Asked for at the scope, which is where the right to read the definition is sure.
    roles = [client.role_definitions.get(scope, role_guid(str(each.role_definition_id))) for each in held]
    return [each for each, role in zip(held, roles, strict=True) if allows(role.permissions or (), _READ_GROUP)]


def _mark(connection: Connection, identity: Identity) -> str:
    """Return the description of a grant that the tutorial made: role assignments cannot have tags."""
    return connection.mark(str(parse_resource_id(str(identity.id))["resource_group"]), str(identity.name))


def _definition(client: AuthorizationManagementClient, scope: str, role: str) -> RoleDefinition:
    check_names(role=role)
    quoted = role.replace("'", "''")
    found: RoleDefinition | None = next(
        iter(client.role_definitions.list(scope, filter=f"roleName eq '{quoted}'")), None
    )
    if found is not None:
        return found
    raise TutorialError(f"There is no role named '{role}'. 'az role definition list --query [].roleName' lists them.")


def _held(client: AuthorizationManagementClient, identity: Identity, scope: str) -> list[RoleAssignment]:
    """Return what the identity holds at the scope or above it."""
    only = f"atScope() and assignedTo('{identity.principal_id}')"
    return list(client.role_assignments.list_for_scope(scope, filter=only))


def _client(connection: Connection) -> AuthorizationManagementClient:
    return AuthorizationManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
