"""Resource ids taken apart, and the names of types and actions that more than one service knows."""

from dataclasses import dataclass
from functools import lru_cache

from rbac.folding import fold

RESOURCE_GROUP = "Microsoft.Resources/resourceGroups"
VIRTUAL_MACHINE = "Microsoft.Compute/virtualMachines"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ROLE_ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
ROLE_DEFINITION = "Microsoft.Authorization/roleDefinitions"
RUN_COMMAND = f"{VIRTUAL_MACHINE}/runCommand/action"  # what lets somebody act as the machine


@dataclass(frozen=True, slots=True)
class ResourceId:
    """The parts of an id in the case they have in it; those it does not have are empty.

    ``type`` and ``names`` are those of the last provider in the id, so of an extension resource its own:
    ``Microsoft.Network/virtualNetworks/subnets`` and ``("network", "subnet")``.
    """

    subscription: str
    group: str
    type: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The names joined as error messages have them: ``network/subnet``."""
        return "/".join(self.names)


def has_dots(path: str) -> bool:
    """Return whether ``.`` or ``..`` is a segment of ``path``: they lead nowhere."""
    return "/." in path and not {".", ".."}.isdisjoint(path.split("/"))


@lru_cache(maxsize=4096)
def parse_resource_id(resource_id: str) -> ResourceId:
    """Return the parts of the id of a subscription, a group or a resource."""
    parts = [part for part in resource_id.split("/") if part]
    folded = [fold(part) for part in parts]
    subscription = parts[1] if folded[:1] == ["subscriptions"] and len(parts) > 1 else ""
    group = parts[3] if subscription and folded[2:3] == ["resourcegroups"] and len(parts) > 3 else ""
    if "providers" not in folded[:-1]:
        return ResourceId(subscription, group, "", ())
    namespace, *rest = parts[len(parts) - folded[::-1].index("providers") :]
    return ResourceId(subscription, group, "/".join((namespace, *rest[::2])), tuple(rest[1::2]))
