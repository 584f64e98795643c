"""What the course writes on a virtual machine that it changes, in a tag, so that its identities end as they were.

The tag is removed in the end. It says that the course has added the identity, and, while 02_assign_identity runs, that
the machine had no identity of its own: an exercise gives it one for a moment.
"""

from __future__ import annotations

from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachine, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.core.tools import parse_resource_id
from azure.mgmt.msi.models import Identity

from helpers.connection import Connection
from helpers.course.machine import assigned_entry, has_own_identity

ADDED = "added the identity"
HAD_NONE = "had no own identity"


def tags_with_note(connection: Connection, vm: VirtualMachine, identity: Identity, *words: str) -> dict[str, str]:
    """Return the tags for the change that assigns the identity: the machine's own, and the note.

    Args:
        connection: Whose course it is.
        vm: The machine as it is before the change.
        identity: The identity that is assigned.
        words: What to note besides; it stays if it is noted already.
    """
    added = {ADDED} if assigned_entry(vm, identity) is None else set()
    group, name = _group_and_name(str(identity.id))
    return _tags(vm, connection.mark(group, name), noted(connection, vm, group, name) | added | set(words))


def noted(connection: Connection, vm: VirtualMachine, resource_group: str, identity_name: str) -> set[str]:
    """Return what the course has noted on the machine."""
    return set(filter(None, (vm.tags or {}).get(connection.mark(resource_group, identity_name), "").split(", ")))


def restore_own(
    connection: Connection, vm: VirtualMachine, identity_name: str, *, forget: bool = False
) -> VirtualMachine:
    """Take the machine's own identity away if the course gave it one and was interrupted; return the machine.

    Args:
        connection: Whose course it is.
        vm: The machine as it is.
        identity_name: The course's identity.
        forget: Whether to remove the whole note.
    """
    group, name = _group_and_name(str(vm.id))
    words = noted(connection, vm, group, identity_name)
    if not words & ({ADDED, HAD_NONE} if forget else {HAD_NONE}):
        return vm
    left = set() if forget else words - {HAD_NONE}
    change = VirtualMachineUpdate(tags=_tags(vm, connection.mark(group, identity_name), left))
    if HAD_NONE in words and has_own_identity(vm):
        others = vm.identity is not None and vm.identity.user_assigned_identities
        change.identity = VirtualMachineIdentity(type="UserAssigned" if others else "None")
    machines = ComputeManagementClient(
        connection.credential, connection.subscription_id, **connection.client_options
    ).virtual_machines
    machines.begin_update(group, name, change).result()
    return machines.get(group, name)


def _tags(vm: VirtualMachine, tag: str, words: set[str]) -> dict[str, str]:
    others = {name: value for name, value in (vm.tags or {}).items() if name != tag}
    return {**others, tag: ", ".join(sorted(words))} if words else others


def _group_and_name(resource_id: str) -> tuple[str, str]:
    parts = parse_resource_id(resource_id)
    return str(parts["resource_group"]), str(parts["name"])
