"""Catching up: what earlier notebooks make, made if it is not there yet, and said so.

Each function looks first, by name, and changes nothing that is there already. What is made carries a mark, so that
06_clean_up deletes that and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup

from helpers.connection import Azure
from helpers.grants import ensure_granted, ensure_not_granted
from helpers.machine import attached, make_vm, with_identity
from helpers.marks import MADE_BY
from helpers.names import check_names

__all__ = [
    "ensure_assigned",
    "ensure_granted",
    "ensure_group",
    "ensure_identity",
    "ensure_not_granted",
    "ensure_vm",
    "find",
]

Found = TypeVar("Found")


def find(get: Callable[..., Found], *names: str) -> Found | None:
    """Return what ``get(*names)`` finds, or None if Azure says that it is not there."""
    try:
        return get(*names)
    except ResourceNotFoundError:
        return None


def ensure_group(azure: Azure, resource_group: str, location: str) -> ResourceGroup:
    """Return the resource group; made if it is not there."""
    check_names(resource_group=resource_group, location=location)
    groups = ResourceManagementClient(azure.credential, azure.subscription_id, **azure.client_options).resource_groups
    group = find(groups.get, resource_group)
    if group is None:
        group = groups.create_or_update(resource_group, ResourceGroup(location=location, tags=MADE_BY))
        print(f"The resource group {resource_group} was not there yet: made it, as 00_prerequisites does.")
    return group


def ensure_vm(azure: Azure, resource_group: str, vm_name: str, location: str) -> VirtualMachine:
    """Return the virtual machine; in the sandbox one is made if it is not there.

    Raises:
        TutorialError: It is not there, and this is Azure, where it would cost money.
    """
    check_names(resource_group=resource_group, vm_name=vm_name, location=location)
    machines = ComputeManagementClient(azure.credential, azure.subscription_id, **azure.client_options).virtual_machines
    vm = find(machines.get, resource_group, vm_name)
    if vm is None:
        ensure_group(azure, resource_group, location)
        make_vm(azure, resource_group, vm_name, location)
        vm = machines.get(resource_group, vm_name)
        print(f"The virtual machine {vm_name} was not there yet: made it, as 00_prerequisites does.")
    return vm


def ensure_identity(azure: Azure, resource_group: str, identity_name: str, location: str) -> Identity:
    """Return the user-assigned identity; made if it is not there."""
    check_names(resource_group=resource_group, identity_name=identity_name, location=location)
    client = ManagedServiceIdentityClient(azure.credential, azure.subscription_id, **azure.client_options)
    identities = client.user_assigned_identities
    identity: Identity | None = find(identities.get, resource_group, identity_name)
    if identity is None:
        ensure_group(azure, resource_group, location)
        made = Identity(location=location, tags=MADE_BY)
        identity = identities.create_or_update(resource_group, identity_name, made)
        print(f"The identity {identity_name} was not there yet: made it, as 01_create_identity does.")
    return identity


def ensure_assigned(azure: Azure, vm: VirtualMachine, identity: Identity) -> VirtualMachine:
    """Return the virtual machine as it is with the identity, assigned beside whatever it has if need be."""
    if attached(vm, identity):
        return vm
    machines = ComputeManagementClient(azure.credential, azure.subscription_id, **azure.client_options).virtual_machines
    resource_group, vm_name = str(vm.id).split("/")[4], str(vm.name)
    machines.begin_update(resource_group, vm_name, with_identity(vm, identity)).result()
    print(f"{vm.name} did not have {identity.name} yet: assigned it, as 02_assign_identity does.")
    return machines.get(resource_group, vm_name)
