"""What a tenant should be like after the requests it has answered: the rules a second time, as plain data.

Ids are keys as they are: the state machine that uses this asks for each thing in one spelling, but for the groups whose
names fold alike, which have to stay apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rbac.decisions import Assignment
from rbac.roles import RoleDefinition
from tests.rbac import oracle

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
MACHINES = "Microsoft.Compute/virtualMachines"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"


@dataclass(frozen=True)
class Identity:
    """A user-assigned identity; made again it is another one."""

    principal: str
    client: str


@dataclass
class Machine:
    """A machine's identity block; ``entries`` are the identities as they were when they were attached."""

    system: bool = False
    entries: dict[str, Identity] = field(default_factory=dict)

    @property
    def type(self) -> str | None:
        """The block's type, None where there is no block."""
        return ", ".join(["SystemAssigned"] * self.system + ["UserAssigned"] * bool(self.entries)) or None


@dataclass
class Model:
    """Everything that the state machine has made, by id."""

    subscription: str
    roles: Mapping[str, RoleDefinition]
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)

    def may(self, principal: str, action: str, scope: str) -> bool:
        """Tell whether the principal's role assignments let it do that."""
        held = [each for each in self.assignments.values() if is_inside(each.scope, scope)]
        return oracle.may(principal, action, scope, held, self.roles, False)

    def reaches(self, principal: str, scope: str) -> bool:
        """Tell whether the principal has a role at, above or below ``scope``."""
        held = [each.scope for each in self.assignments.values() if each.principal_id == principal]
        return any(is_inside(each, scope) or is_inside(scope, each) for each in held)

    def delete_group(self, group: str) -> None:
        """Take a group away with all that is in it and all that is assigned there."""
        del self.groups[group]
        for kept in (self.identities, self.machines, self.assignments):
            for name in [name for name in kept if name.startswith(f"{group}/")]:
                del kept[name]

    def delete_identity(self, identity: str) -> None:
        """Take an identity away; machines keep the entry, and roles on it go."""
        del self.identities[identity]
        for name in [name for name in self.assignments if name.startswith(f"{identity}/")]:
            del self.assignments[name]

    def live(self, machine: str) -> list[Identity]:
        """Return the user-assigned identities of a machine that still are what they were."""
        now = set(self.identities.values())
        return [entry for entry in self.machines[machine].entries.values() if entry in now]

    def patch_machine(
        self, caller: str, machine: str, kind: tuple[bool, bool], named: Mapping[str, bool]
    ) -> tuple[int, str]:
        """Give ``machine`` another identity block; return status and code of the answer.

        ``kind`` tells whether the type has SystemAssigned and UserAssigned; ``named`` tells of each identity in the
        map whether it is to be there, or null.
        """
        block, (system, user) = self.machines[machine], kind
        wanted = [name for name, there in named.items() if there]
        if wanted and not user:
            return 400, "InvalidParameter"
        kept = [name for name in block.entries if named.get(name, True)] if user else []
        result = [*kept, *(name for name in wanted if name not in kept)]
        if user and not result and len(wanted) == len(named):
            return 400, "MissingIdentityIds"
        entries: dict[str, Identity] = {}
        for name in result:
            now = self.identities.get(name)
            if name in wanted and (now is None or block.entries.get(name) != now):
                if not self.may(caller, f"{IDENTITIES}/assign/action", name):
                    return 403, "LinkedAuthorizationFailed"
                if now is None:
                    return 400, "FailedIdentityOperation"
            entries[name] = now if name in wanted and now is not None else block.entries[name]
        block.system, block.entries = system, entries
        return 200, ""


def is_inside(outer: str, inner: str) -> bool:
    """Tell whether the id ``inner`` is ``outer`` or goes on below it, letter by letter."""
    return inner == outer or inner.startswith(f"{outer}/")
