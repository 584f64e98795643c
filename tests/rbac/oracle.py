"""The authorization rules a second time, as naively as they can be written, to check the real ones against.

Nothing in here comes from `rbac` but its plain data classes. Clarity counts, not speed.
"""

import re
from collections.abc import Iterable, Mapping

from rbac.decisions import Assignment
from rbac.roles import RoleDefinition

# What Microsoft says that a pattern covers, and what follows from its words: in "Azure custom roles" (wildcard
# permissions), "Understand Azure role definitions" (examples) and the descriptions of the built-in roles.
DOCUMENTED = (
    ("*", "Microsoft.Storage/storageAccounts/listKeys/action", True),
    ("*/read", "Microsoft.Resources/subscriptions/resourceGroups/read", True),
    ("*/read", "Microsoft.Resources/subscriptions/resourceGroups/write", False),
    ("*/write", "Microsoft.Compute/virtualMachines/write", True),
    ("*/delete", "Microsoft.Compute/virtualMachines/write", False),
    ("Microsoft.Compute/*", "Microsoft.Compute/virtualMachines/read", True),
    ("Microsoft.Compute/*", "Microsoft.Network/networkInterfaces/read", False),
    ("Microsoft.Compute/*/read", "Microsoft.Compute/virtualMachines/read", True),
    ("Microsoft.Network/*/read", "Microsoft.Network/virtualNetworks/subnets/read", True),
    ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachines/start/action", True),
    ("Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachines/extensions/write", True),
    ("microsoft.web/sites/restart/Action", "Microsoft.Web/sites/restart/action", True),
    ("microsoft.web/sites/restart/Action", "Microsoft.Web/sites/start/action", False),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/action", True),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/read", True),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/write", True),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/delete", True),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/exports/run/action", True),
    ("Microsoft.CostManagement/exports/*", "Microsoft.CostManagement/budgets/read", False),
    ("Microsoft.CostManagement/*/query/*", "Microsoft.CostManagement/query/action", True),
    ("Microsoft.CostManagement/*/query/*", "Microsoft.CostManagement/externalAccounts/query/action", True),
    ("Microsoft.CostManagement/*/query/*", "Microsoft.CostManagement/query", False),
    # Managed Identity Operator, "read and assign user assigned identity"
    (
        "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        True,
    ),
    # Virtual Machine User Login, "view virtual machines in the portal and login as a regular user"
    ("Microsoft.Compute/virtualMachines/*/read", "Microsoft.Compute/virtualMachines/read", True),
    # Contributor, "does not allow you to assign roles"
    ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", True),
    ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/read", False),
)

ASSIGNABLE = re.compile(
    r"""
    /
    | /subscriptions/[^/]+
    | /subscriptions/[^/]+/resourceGroups/[^/]+
    | (/subscriptions/[^/]+ (/resourceGroups/[^/]+)? )?
      (/providers/[^/]+ ( /(?!providers/)[^/]+/[^/]+ )+ )+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def may(
    principal_id: str,
    action: str,
    scope: str,
    assignments: Iterable[Assignment],
    roles: Mapping[str, RoleDefinition],
    data: bool,
) -> bool:
    for assignment in assignments:
        if assignment.principal_id.upper() != principal_id.upper():
            continue
        if not inside(assignment.scope, scope):
            continue
        for guid, role in roles.items():
            if not assignment.role_definition_id.upper().endswith(guid.upper()):
                continue
            for permission in role.permissions:
                if permission.condition is not None:
                    continue
                if data:
                    granted = any(covers(p, action) for p in permission.data_actions)
                    withheld = any(covers(p, action) for p in permission.not_data_actions)
                else:
                    granted = any(covers(p, action) for p in permission.actions)
                    withheld = any(covers(p, action) for p in permission.not_actions)
                if granted and not withheld:
                    return True
    return False


def inside(outer: str, inner: str) -> bool:
    """Walk down both ids together until the outer one ends."""
    outer_steps = [step for step in outer.upper().split("/") if step != ""]
    inner_steps = [step for step in inner.upper().split("/") if step != ""]
    while outer_steps:
        if not inner_steps or outer_steps.pop(0) != inner_steps.pop(0):
            return False
    return True


def covers(pattern: str, action: str) -> bool:
    """Let the regular expressions decide: a star is any text, and `/*/` may also be a single slash."""
    any_text = ".*".join(re.escape(literal) for literal in re.split(r"\*+", pattern.upper()))
    or_no_segment = re.sub(r"(?<=/)\.\*/", "(.*/)?", any_text)
    return re.fullmatch(or_no_segment, action.upper()) is not None


def ancestors(scope: str) -> list[str]:
    """Cut the id after every segment and keep what looks like a place for a role, ignoring spelling."""
    steps = [step for step in scope.lower().split("/") if step != ""]
    cuts = ["/" + "/".join(steps[:length]) for length in range(len(steps) + 1)]
    return [cut for cut in cuts if ASSIGNABLE.fullmatch(cut)]
