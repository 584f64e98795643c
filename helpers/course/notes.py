"""A machine's identity block, and what the course notes in a tag when it changes that, so that it ends as it was.

The tag goes when the identity does. It says that the course has added the identity and, while 02_assign_identity runs,
that the machine had no identity of its own: an exercise gives it one for a moment.
"""

from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import (
    UserAssignedIdentitiesValue,
    VirtualMachine,
    VirtualMachineIdentity,
    VirtualMachineUpdate,
)
from azure.mgmt.msi.models import Identity

from helpers.connection import Connection
from helpers.names import group_and_name

ADDED = "added the identity"
HAD_NONE = "had no own identity"


def assigned_entry(vm: VirtualMachine, identity: Identity) -> UserAssignedIdentitiesValue | None:
    """Return the machine's entry for the identity's id. Ids are compared without case: services differ in it."""
    return _assigned(vm).get(str(identity.id).casefold())


def has_own_identity(vm: VirtualMachine) -> bool:
    """Return whether the machine has a system-assigned identity."""
    return vm.identity is not None and "systemassigned" in str.lower(vm.identity.type or "")


def with_identity(connection: Connection, vm: VirtualMachine, identity: Identity) -> VirtualMachineUpdate:
    """Return the change that gives the machine the identity beside what it has, and notes it."""
    kind = "SystemAssigned, UserAssigned" if has_own_identity(vm) else "UserAssigned"
    added = {str(identity.id): UserAssignedIdentitiesValue()}
    block = VirtualMachineIdentity(type=kind, user_assigned_identities=added)
    return VirtualMachineUpdate(identity=block, tags=tags_with_note(connection, vm, identity))


def tags_with_note(connection: Connection, vm: VirtualMachine, identity: Identity, *words: str) -> dict[str, str]:
    """Return the machine's tags with the note for assigning the identity to it, and ``words`` beside what is noted."""
    note = connection.mark(*group_and_name(str(identity.id)))
    added = {ADDED} if assigned_entry(vm, identity) is None else set()
    return _tags(vm, note, _noted(vm, note).union(added, words))


def restore_own(connection: Connection, vm: VirtualMachine, identity_name: str) -> VirtualMachine:
    """Return the machine, without an own identity if that is noted, and without a note if it lacks the course's."""
    group, name = group_and_name(str(vm.id))
    note = connection.mark(group, identity_name)
    words = _noted(vm, note)
    has_it = f"{group}/{identity_name}".casefold() in ["/".join(group_and_name(each)) for each in _assigned(vm)]
    left = words - {HAD_NONE} if has_it else set()
    if words == left:
        return vm
    change = VirtualMachineUpdate(tags=_tags(vm, note, left))
    if HAD_NONE in words and has_own_identity(vm):
        change.identity = VirtualMachineIdentity(type="UserAssigned" if _assigned(vm) else "None")
    return connection.client(ComputeManagementClient).virtual_machines.begin_update(group, name, change).result()


def _assigned(vm: VirtualMachine) -> dict[str, UserAssignedIdentitiesValue]:
    assigned = (vm.identity and vm.identity.user_assigned_identities) or {}
    return {each.casefold(): entry for each, entry in assigned.items()}


def _noted(vm: VirtualMachine, note: str) -> set[str]:
    return set(filter(None, (vm.tags or {}).get(note, "").split(", ")))


def _tags(vm: VirtualMachine, note: str, words: set[str]) -> dict[str, str]:
    others = {name: value for name, value in (vm.tags or {}).items() if name != note}
    return {**others, note: ", ".join(sorted(words))} if words else others
