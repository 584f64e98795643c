"""Azure Resource Manager: one module for each kind of resource, and the envelope around them."""

from __future__ import annotations

from sandbox.arm import (
    compute,
    compute_catalog,
    deployments,
    federated_credentials,
    images,
    local,
    managed_identity,
    network,
    network_accessories,
    network_interfaces,
    providers,
    resource_groups,
    role_assignments,
    role_definitions,
    run_command,
    running_scripts,
    subnets,
    subscriptions,
    system_identities,
    virtual_machines,
    virtual_networks,
    vm_power,
    vm_states,
)
from sandbox.cloud import Cloud
from sandbox.routing import Operation

_MODULES = (
    subscriptions,
    providers,
    resource_groups,
    deployments,
    role_definitions,
    role_assignments,
    managed_identity,
    federated_credentials,
    system_identities,
    network,
    virtual_networks,
    subnets,
    network_interfaces,
    network_accessories,
    compute,
    compute_catalog,
    images,
    virtual_machines,
    vm_power,
    run_command,
    local,
)
OPERATIONS: tuple[Operation, ...] = tuple(operation for module in _MODULES for operation in module.operations)


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each kind of long-running operation."""
    for module in (providers, resource_groups, network, vm_states, running_scripts):
        module.declare_effects(cloud)
