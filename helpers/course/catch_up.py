"""Catching up: what earlier notebooks make, made if it is not there yet, and said so.

What is there already is not changed. What is made carries a mark, so that 06_clean_up deletes that and nothing else.
"""

from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup

from helpers.connection import Connection
from helpers.course.machine import make_vm
from helpers.course.notes import assigned_entry, with_identity
from helpers.errors import TutorialError
from helpers.names import check_names, group_and_name
from helpers.wait import wait_until

Found = TypeVar("Found")

_NEW = "eastus"  # where a group is made if nobody says where


def _find(get: Callable[..., Found], *names: str) -> Found | None:
    try:
        return get(*names)
    except ResourceNotFoundError:
        return None


def find_location(connection: Connection, resource_group: str) -> str:
    """Return the region of a machine in the group, or else of the group: where the course makes things by default."""
    for machine in connection.client(ComputeManagementClient).virtual_machines.list(resource_group):
        return str(machine.location)
    return str(connection.client(ResourceManagementClient).resource_groups.get(resource_group).location)


def ensure_group(connection: Connection, resource_group: str, location: str) -> ResourceGroup:
    """Return the resource group; made if it is not there."""
    check_names(resource_group=resource_group, location=location)
    groups = connection.client(ResourceManagementClient).resource_groups
    group = _find(groups.get, resource_group)
    if group is None:
        wanted = ResourceGroup(location=location or _NEW, tags=connection.tags(resource_group))
        group = groups.create_or_update(resource_group, wanted)
        print(f"The resource group {resource_group} was not there yet: made it, as 00_prerequisites does.")
    return group


def ensure_identity(connection: Connection, resource_group: str, identity_name: str, location: str) -> Identity:
    """Return the user-assigned identity; made if it is not there."""
    check_names(resource_group=resource_group, identity_name=identity_name, location=location)
    identities = connection.client(ManagedServiceIdentityClient).user_assigned_identities
    identity: Identity | None = _find(identities.get, resource_group, identity_name)
    if identity is None:
        ensure_group(connection, resource_group, location)
        where = location or find_location(connection, resource_group)
        wanted = Identity(location=where, tags=connection.tags(resource_group, identity_name))
        identity = identities.create_or_update(resource_group, identity_name, wanted)
        print(f"The identity {identity_name} was not there yet: made it, as 01_create_identity does.")
    return identity


def ensure_vm(
    connection: Connection,
    resource_group: str,
    vm_name: str,
    location: str,
    identity: Identity | None = None,
    *,
    create: bool = False,
    vm_os: str = "Windows",
) -> VirtualMachine:
    """Return the virtual machine, with the identity if one is given; in the sandbox it is made if it is not there.

    With ``create`` it is made on Azure, too, where it costs money. Its ``vm_os`` is ``"Windows"`` or ``"Linux"``.
    """
    check_names(resource_group=resource_group, vm_name=vm_name, location=location)
    machines = connection.client(ComputeManagementClient).virtual_machines
    vm = _find(machines.get, resource_group, vm_name)
    if vm is None and connection.target == "azure" and not create:
        raise TutorialError(
            f"There is no virtual machine {vm_name} in {resource_group}. Notebook 00 makes one if its parameter "
            f"create_vm is True; or in a terminal: az vm create --resource-group {resource_group} --name {vm_name} "
            "--image Win2022Datacenter --size Standard_B2s --admin-username azureuser. It costs money until deleted."
        )
    if vm is None:
        ensure_group(connection, resource_group, location)
        make_vm(connection, resource_group, vm_name, location or find_location(connection, resource_group), vm_os)
        vm = machines.get(resource_group, vm_name)
        print(f"The virtual machine {vm_name} was not there yet: made it, as 00_prerequisites does.")
    if vm.provisioning_state == "Creating":  # by a run that was interrupted
        vm = wait_until(
            lambda: machines.get(resource_group, vm_name),
            lambda found: str(found.provisioning_state) != "Creating",
            what=f"{vm_name} to be made",
        )
    return vm if identity is None else _ensure_assigned(connection, vm, identity)


def _ensure_assigned(connection: Connection, vm: VirtualMachine, identity: Identity) -> VirtualMachine:
    entry = assigned_entry(vm, identity)
    if entry is not None and entry.principal_id in (None, identity.principal_id):
        return vm
    machines = connection.client(ComputeManagementClient).virtual_machines
    where, change = group_and_name(str(vm.id)), with_identity(connection, vm, identity)
    changed = machines.begin_update(*where, change).result()
    if entry is None:
        print(f"{vm.name} did not have {identity.name} yet: assigned it, as 02_assign_identity does.")
    else:
        print(f"{vm.name} had an earlier {identity.name}, which is deleted: assigned the one that there is now.")
    return changed


def check_assigned(connection: Connection, vm: VirtualMachine, identity: Identity) -> None:
    """Have the machine have the identity still; TutorialError if that was deleted: the machine keeps its entry."""
    identities = connection.client(ManagedServiceIdentityClient).user_assigned_identities
    current = _find(identities.get, *group_and_name(str(identity.id)))
    if current is None or current.principal_id != identity.principal_id:
        raise TutorialError(f"{identity.name} was deleted. Run this notebook again from its beginning.")
    ensure_vm(connection, *group_and_name(str(vm.id)), vm.location, identity)
