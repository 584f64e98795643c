"""Grants: whether the identity has its role, and by whom."""

import uuid

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleAssignmentCreateParameters
from azure.mgmt.msi.models import Identity

from helpers.connection import Connection
from helpers.errors import TutorialError
from helpers.names import check_names, group_and_name
from helpers.wait import wait_until
from rbac.actions import allows
from rbac.roles import role_guid

_READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"

Grants = list[RoleAssignment]


def ensure_granted(connection: Connection, identity: Identity, scope: str, role: str) -> RoleAssignment:
    """Return the assignment of ``role`` to the identity at ``scope``; made if there is none."""
    check_names(role=role)
    client = connection.client(AuthorizationManagementClient)
    by_name = "roleName eq '{}'".format(role.replace("'", "''"))
    definition = next(iter(client.role_definitions.list(scope, filter=by_name)), None)
    if definition is None:
        raise TutorialError(
            f"There is no role named '{role}'. 'az role definition list --query [].roleName' lists all."
        )
    for held in _held(connection, identity, scope):
        same_role = role_guid(str(held.role_definition_id)) == role_guid(str(definition.id))
        if same_role and str(held.scope).casefold() == scope.casefold():
            return held
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {identity.principal_id} {definition.name}".casefold())
    wanted = RoleAssignmentCreateParameters(
        role_definition_id=str(definition.id),
        principal_id=str(identity.principal_id),
        principal_type="ServicePrincipal",
        description=_mark(connection, identity),
    )
    made: RoleAssignment = wait_until(
        lambda: client.role_assignments.create(scope, str(name), wanted), what=f"Azure to know {identity.name}"
    )
    print(f"{identity.name} did not have the role {role} yet: granted it, as 03_grant_access does.")
    return made


def ensure_not_granted(connection: Connection, identity: Identity, scope: str) -> None:
    """Take away what an earlier run of the course granted; TutorialError if somebody else let the identity read."""
    held, mark = _held(connection, identity, scope), _mark(connection, identity)
    for ours in [each for each in held if each.description == mark]:
        connection.client(AuthorizationManagementClient).role_assignments.delete_by_id(str(ours.id))
        print(f"{identity.name} had a role from an earlier run: took it away, to begin without access.")
    for others in _that_read(connection, scope, [each for each in held if each.description != mark]):
        raise TutorialError(
            f"{identity.name} can read the group already: somebody gave it a role at {others.scope}. This notebook "
            "shows what happens without one. Choose another identity_name, or take that role away."
        )


def grants_of_others(connection: Connection, identity: Identity, scope: str) -> Grants:
    """Return by what the identity can read the group, besides what the course granted to it."""
    mark = _mark(connection, identity)
    held = _held(connection, identity, scope)
    return _that_read(connection, scope, [each for each in held if each.description != mark])


def check_granted(connection: Connection, identity: Identity, scope: str) -> None:
    """Raise ``TutorialError`` if the identity has no role that lets it read the group: waiting is no use then."""
    if not _that_read(connection, scope, _held(connection, identity, scope)):
        raise TutorialError(
            f"Waiting for the grant to take effect is no use: {identity.name} has no role here that allows "
            f"{_READ_GROUP}. Set role to one that does, such as Reader, and run 03_grant_access."
        )


def _held(connection: Connection, identity: Identity, scope: str) -> Grants:
    """Return what the identity holds at the scope or above it."""
    only = f"atScope() and assignedTo('{identity.principal_id}')"
    return list(connection.client(AuthorizationManagementClient).role_assignments.list_for_scope(scope, filter=only))


def _that_read(connection: Connection, scope: str, grants: Grants) -> Grants:
    get = connection.client(AuthorizationManagementClient).role_definitions.get
    # Asked for at the scope, which is where the right to read the definition is sure.
    roles = [get(scope, role_guid(str(each.role_definition_id))) for each in grants]
    return [each for each, role in zip(grants, roles, strict=True) if allows(role.permissions or (), _READ_GROUP)]


def _mark(connection: Connection, identity: Identity) -> str:
    """Return the description of a grant that the course made: role assignments cannot have tags."""
    return connection.mark(*group_and_name(str(identity.id)))
