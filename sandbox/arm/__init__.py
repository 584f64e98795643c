"""Azure Resource Manager: one module for each kind of resource, and the envelope around them."""

from sandbox.arm import local
from sandbox.arm.authorization import role_assignments, role_definitions
from sandbox.arm.compute import catalog, machines, power, run_command
from sandbox.arm.compute import provider as compute
from sandbox.arm.managed_identity import federated_credentials, identities
from sandbox.arm.network import interfaces, public_addresses, security_groups, virtual_networks
from sandbox.arm.network import provider as network
from sandbox.arm.resources import deployments, resource_groups, subscriptions
from sandbox.arm.routing import Router
from sandbox.cloud import Cloud

_MODULES = (
    subscriptions,
    resource_groups,
    deployments,
    role_definitions,
    role_assignments,
    identities,
    federated_credentials,
    network,
    virtual_networks,
    interfaces,
    public_addresses,
    security_groups,
    compute,
    catalog,
    machines,
    power,
    run_command,
    local,
)
OPERATIONS = tuple(operation for module in _MODULES for operation in module.operations)
ROUTER = Router(OPERATIONS)


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each kind of long-running operation, and what goes with a resource that is removed."""
    for module in (subscriptions, resource_groups, identities, network, machines, power, run_command):
        module.declare_effects(cloud)
