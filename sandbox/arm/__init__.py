"""Azure Resource Manager: one module for each kind of resource, and the envelope around them."""

from __future__ import annotations

from sandbox.arm import (
    federated_credentials,
    local,
    managed_identity,
    providers,
    resource_groups,
    role_assignments,
    role_definitions,
    subscriptions,
    system_identities,
)
from sandbox.cloud import Cloud
from sandbox.routing import Operation

_MODULES = (
    subscriptions,
    providers,
    resource_groups,
    role_definitions,
    role_assignments,
    managed_identity,
    federated_credentials,
    system_identities,
    local,
)
OPERATIONS: tuple[Operation, ...] = tuple(operation for module in _MODULES for operation in module.operations)


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each kind of long-running operation."""
    for module in (providers, resource_groups):
        module.declare_effects(cloud)
