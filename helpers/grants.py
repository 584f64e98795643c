"""Role assignments of an identity: looked up, made, taken away."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleAssignmentCreateParameters, RoleDefinition
from azure.mgmt.msi.models import Identity

from helpers.errors import TutorialError
from helpers.marks import grant_note
from helpers.names import check_names
from helpers.rights import allows

if TYPE_CHECKING:
    from helpers.connection import Azure

_READ_GROUP = "Microsoft.Resources/subscriptions/resourceGroups/read"


def ensure_granted(azure: Azure, identity: Identity, scope: str, role: str) -> RoleAssignment:
    """Return the assignment of ``role`` to the identity at ``scope``; made if there is none.

    Raises:
        TutorialError: There is no role of that name.
    """
    client = _client(azure)
    definition = _definition(client, scope, role)
    for held in _held(client, identity, scope):
        if _same_role(held, definition) and str(held.scope).casefold() == scope.casefold():
            return held
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope} {identity.principal_id} {definition.name}".casefold())
    parameters = RoleAssignmentCreateParameters(
        role_definition_id=str(definition.id),
        principal_id=str(identity.principal_id),
        principal_type="ServicePrincipal",
        description=grant_note(str(identity.name)),
    )
    made: RoleAssignment = client.role_assignments.create(scope, str(name), parameters)
    print(f"{identity.name} did not have the role {role} yet: granted it, as 03_grant_access does.")
    return made


def ensure_not_granted(azure: Azure, identity: Identity, scope: str) -> None:
    """Take away what an earlier run of the tutorial granted, so that the identity begins without access.

    Raises:
        TutorialError: The identity can read the group by somebody else's grant, which is not the tutorial's to take.
    """
    client = _client(azure)
    for held in _held(client, identity, scope):
        if held.description == grant_note(str(identity.name)):
            client.role_assignments.delete_by_id(held.id)
            print(f"{identity.name} had a role from an earlier run: took it away, to begin without access.")
        elif allows(_definition_of(client, held, scope).permissions or (), _READ_GROUP):
            raise TutorialError(
                f"{identity.name} can read the group already: somebody gave it a role at {held.scope}. This notebook "
                "shows what happens without one. Choose another identity_name, or take that role away."
            )


def _definition(client: AuthorizationManagementClient, scope: str, role: str) -> RoleDefinition:
    check_names(role=role)
    quoted = role.replace("'", "''")
    found: RoleDefinition | None = next(
        iter(client.role_definitions.list(scope, filter=f"roleName eq '{quoted}'")), None
    )
    if found is not None:
        return found
    raise TutorialError(f"There is no role named '{role}'. 'az role definition list --query [].roleName' lists them.")


def _definition_of(client: AuthorizationManagementClient, held: RoleAssignment, scope: str) -> RoleDefinition:
    """Return the definition of a held role: asked for at ``scope``, which is where the right to read it is sure."""
    definition: RoleDefinition = client.role_definitions.get(scope, str(held.role_definition_id).rpartition("/")[2])
    return definition


def _held(client: AuthorizationManagementClient, identity: Identity, scope: str) -> list[RoleAssignment]:
    """Return what the identity holds at the scope or above it."""
    only = f"atScope() and assignedTo('{identity.principal_id}')"
    return list(client.role_assignments.list_for_scope(scope, filter=only))


def _same_role(held: RoleAssignment, definition: RoleDefinition) -> bool:
    """Compare by GUID: the ids of one definition differ in the scope at which it was asked for."""
    return str(held.role_definition_id).rpartition("/")[2].casefold() == str(definition.name).casefold()


def _client(azure: Azure) -> AuthorizationManagementClient:
    return AuthorizationManagementClient(azure.credential, azure.subscription_id, **azure.client_options)
