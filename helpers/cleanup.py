"""What the tutorial made and is still there, found by its marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import GenericResourceExpanded, ResourceGroup

from helpers.catch_up import find
from helpers.connection import Azure
from helpers.machine import attached, parts_of
from helpers.marks import grant_note, made_here
from helpers.names import check_names
from helpers.tables import Table, show


@dataclass(frozen=True)
class Leftovers:
    """What is to go, each in the order in which it has to; empty once it is gone.

    Attributes:
        grants: The role assignments in the group that the tutorial made for the identity.
        machines: The machine, if the identity has to be taken off it.
        identities: The identity.
        resources: Id and api-version of the machine and of its network.
        groups: The resource group, if it gets empty.
        kept: What stays, and why.
    """

    grants: Sequence[RoleAssignment] = ()
    machines: Sequence[VirtualMachine] = ()
    identities: Sequence[Identity] = ()
    resources: Sequence[tuple[str, str]] = ()
    groups: Sequence[ResourceGroup] = ()
    kept: Sequence[tuple[str, str]] = ()

    def __bool__(self) -> bool:
        """Tell whether anything is to go."""
        return any((self.grants, self.machines, self.identities, self.resources, self.groups))

    def _table(self) -> Table:
        names = [f"role assignment {each.name}" for each in self.grants]
        names += [f"identity {identity.name} on {vm.name}" for vm in self.machines for identity in self.identities]
        names += [f"identity {each.name}" for each in self.identities]
        names += [resource_id.rpartition("/providers/")[2] for resource_id, _ in self.resources]
        names += [f"resource group {each.name}" for each in self.groups]
        lines = [*((name, "goes") for name in names), *self.kept]
        return show([{"What": what, "What becomes of it": becomes} for what, becomes in lines])

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str:
        return self._table()._repr_html_()


def leftovers(azure: Azure, resource_group: str, vm_name: str, identity_name: str) -> Leftovers:
    """Look for what the tutorial made under these names; nothing is changed.

    Raises:
        ValueError: A name is not allowed.
    """
    check_names(resource_group=resource_group, vm_name=vm_name, identity_name=identity_name)
    client = ResourceManagementClient(azure.credential, azure.subscription_id, **azure.client_options)
    group = find(client.resource_groups.get, resource_group)
    if group is None:
        return Leftovers(kept=((f"resource group {resource_group}", "is not there, and so nothing in it"),))
    return _sorted_out(
        group,
        _find_identity(azure, resource_group, identity_name),
        _find_machine(azure, resource_group, vm_name),
        _find_grants(azure, str(group.id), identity_name),
        list(client.resources.list_by_resource_group(resource_group)),
        [(part, version) for part, version, _ in reversed(parts_of(azure, resource_group, vm_name))],
    )


def _sorted_out(
    group: ResourceGroup,
    identity: Identity | None,
    vm: VirtualMachine | None,
    grants: Sequence[RoleAssignment],
    inside: Sequence[GenericResourceExpanded],
    parts: Sequence[tuple[str, str]],
) -> Leftovers:
    """Tell what goes from what stays: what is marked goes; a marked group goes if nothing else is in it."""
    marked = {str(each.id).casefold() for each in inside if made_here(each)}
    resources = [(part, version) for part, version in parts if part.casefold() in marked]
    identities = [identity] if identity and made_here(identity) else []
    going = {part.casefold() for part, _ in resources} | {str(each.id).casefold() for each in identities}
    others = [each for each in inside if str(each.id).casefold() not in going]
    kept = [
        (f"{kind} {each.name}", "stays: the tutorial did not make it")
        for kind, each in (("identity", identity), ("virtual machine", vm), ("resource group", group))
        if each is not None and not made_here(each)
    ]
    if made_here(group) and others:
        kept.append((f"resource group {group.name}", f"stays: {len(others)} other resources are in it"))
    return Leftovers(
        grants=grants,
        machines=[vm] if vm and identities and attached(vm, identities[0]) else [],
        identities=identities,
        resources=resources,
        groups=[group] if made_here(group) and not others else [],
        kept=kept,
    )


def _find_identity(azure: Azure, resource_group: str, name: str) -> Identity | None:
    client = ManagedServiceIdentityClient(azure.credential, azure.subscription_id, **azure.client_options)
    return find(client.user_assigned_identities.get, resource_group, name)


def _find_machine(azure: Azure, resource_group: str, name: str) -> VirtualMachine | None:
    client = ComputeManagementClient(azure.credential, azure.subscription_id, **azure.client_options)
    return find(client.virtual_machines.get, resource_group, name)


def _find_grants(azure: Azure, scope: str, identity_name: str) -> list[RoleAssignment]:
    """Return the tutorial's assignments, by their description: they may outlive the identity they were made for."""
    client = AuthorizationManagementClient(azure.credential, azure.subscription_id, **azure.client_options)
    held = client.role_assignments.list_for_scope(scope, filter="atScope()")
    return [each for each in held if each.description == grant_note(identity_name)]
