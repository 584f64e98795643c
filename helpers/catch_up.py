"""Catching up: what earlier notebooks make, made if it is not there yet, and said so.

Each function looks first, and changes nothing that is there already. What is made carries a mark, so that 06_clean_up
deletes that and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleAssignmentCreateParameters, RoleDefinition
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.core.tools import parse_resource_id
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup

from helpers.connection import Connection
from helpers.errors import TutorialError
from helpers.machine import assigned_entry, has_identity, make_vm, with_identity
from helpers.names import MADE_BY, check_names
from rbac.actions import matches
from rbac.roles import role_guid

Found = TypeVar("Found")
Client = TypeVar("Client")

_TAGS = {"made-by": MADE_BY}
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


def find(get: Callable[..., Found], *names: str) -> Found | None:
    """Return what ``get(*names)`` finds, or None if Azure says that it is not there."""
    try:
        return get(*names)
    except ResourceNotFoundError:
        return None


def ensure_group(connection: Connection, resource_group: str, location: str) -> ResourceGroup:
    """Return the resource group; made if it is not there."""
    check_names(resource_group=resource_group, location=location)
    groups = _client(ResourceManagementClient, connection).resource_groups
    group = find(groups.get, resource_group)
    if group is None:
        group = groups.create_or_update(resource_group, ResourceGroup(location=location, tags=_TAGS))
        print(f"The resource group {resource_group} was not there yet: made it, as 00_prerequisites does.")
    return group


def ensure_identity(connection: Connection, resource_group: str, identity_name: str, location: str) -> Identity:
    """Return the user-assigned identity; made if it is not there."""
    check_names(resource_group=resource_group, identity_name=identity_name, location=location)
    identities = _client(ManagedServiceIdentityClient, connection).user_assigned_identities
    identity: Identity | None = find(identities.get, resource_group, identity_name)
    if identity is None:
        ensure_group(connection, resource_group, location)
        identity = identities.create_or_update(resource_group, identity_name, Identity(location=location, tags=_TAGS))
        print(f"The identity {identity_name} was not there yet: made it, as 01_create_identity does.")
    return identity


def ensure_vm(
    connection: Connection, resource_group: str, vm_name: str, location: str, identity: Identity | None = None
) -> VirtualMachine:
    """Return the virtual machine, with the identity if one is given; in the sandbox it is made if it is not there.

    Raises:
        TutorialError: It is not there, and this is Azure, where it would cost money.
    """
    check_names(resource_group=resource_group, vm_name=vm_name, location=location)
    machines = _client(ComputeManagementClient, connection).virtual_machines
    vm = find(machines.get, resource_group, vm_name)
    if vm is None:
        ensure_group(connection, resource_group, location)
        make_vm(connection, resource_group, vm_name, location)
        vm = machines.get(resource_group, vm_name)
        print(f"The virtual machine {vm_name} was not there yet: made it, as 00_prerequisites does.")
    return vm if identity is None else ensure_assigned(connection, vm, identity)


def ensure_assigned(connection: Connection, vm: VirtualMachine, identity: Identity) -> VirtualMachine:
    """Return the virtual machine as it is with the identity, assigned beside whatever it has if need be."""
    if has_identity(vm, identity):
        return vm
    machines = _client(ComputeManagementClient, connection).virtual_machines
    parts = parse_resource_id(str(vm.id))
    group, name = str(parts["resource_group"]), str(parts["name"])
    machines.begin_update(group, name, with_identity(vm, identity)).result()
    if assigned_entry(vm, identity) is None:
        print(f"{vm.name} did not have {identity.name} yet: assigned it, as 02_assign_identity does.")
    else:
        print(f"{vm.name} had an earlier {identity.name}, which is deleted: assigned the one that there is now.")
    return machines.get(group, name)


def ensure_granted(connection: Connection, identity: Identity, scope: str, role: str) -> RoleAssignment:
    """Return the assignment of ``role`` to the identity at ``scope``; made if there is none.

    Raises:
        TutorialError: There is no role of that name.
    """
    client = _client(AuthorizationManagementClient, connection)
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
            description=_note(identity),
        ),
    )
    print(f"{identity.name} did not have the role {role} yet: granted it, as 03_grant_access does.")
    return made


def ensure_not_granted(connection: Connection, identity: Identity, scope: str) -> None:
    """Take away what an earlier run of the tutorial granted, so that the identity begins without access.

    Raises:
        TutorialError: The identity can read the group by somebody else's grant, which is not the tutorial's to take.
    """
    client = _client(AuthorizationManagementClient, connection)
    for held in _held(client, identity, scope):
        # Asked for at the scope, which is where the right to read the definition is sure.
        definition = client.role_definitions.get(scope, role_guid(str(held.role_definition_id)))
        if held.description == _note(identity):
            client.role_assignments.delete_by_id(held.id)
            print(f"{identity.name} had a role from an earlier run: took it away, to begin without access.")
        elif allows(definition.permissions or (), _READ_GROUP):
            raise TutorialError(
                f"{identity.name} can read the group already: somebody gave it a role at {held.scope}. This notebook "
                "shows what happens without one. Choose another identity_name, or take that role away."
            )


def _note(identity: Identity) -> str:
    """Return the description of a grant that the tutorial made: role assignments cannot have tags."""
    return f"{MADE_BY}: {identity.name}"


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


def _client(kind: Callable[..., Client], connection: Connection) -> Client:
    return kind(connection.credential, connection.subscription_id, **connection.client_options)
