"""Resource providers and their registration."""

from __future__ import annotations

from typing import Any

from rbac.folding import fold
from sandbox.arm import versions
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.cloud import Cloud
from sandbox.core import errors, seed_data
from sandbox.core.http import Answer

_PROVIDER = SUBSCRIPTION + "/providers/{namespace}"
_TYPES: dict[str, dict[str, frozenset[str]]] = {
    "Microsoft.Authorization": {
        "roleAssignments": versions.AUTHORIZATION,
        "roleDefinitions": versions.AUTHORIZATION,
        "permissions": versions.AUTHORIZATION,
    },
    "Microsoft.Compute": {"virtualMachines": versions.COMPUTE, "locations/operations": versions.COMPUTE},
    "Microsoft.ManagedIdentity": {
        "userAssignedIdentities": versions.MANAGED_IDENTITY,
        "userAssignedIdentities/federatedIdentityCredentials": versions.MANAGED_IDENTITY,
        "identities": versions.MANAGED_IDENTITY,
    },
    "Microsoft.Network": {
        "virtualNetworks": versions.NETWORK,
        "virtualNetworks/subnets": versions.NETWORK,
        "networkInterfaces": versions.NETWORK,
        "publicIPAddresses": versions.NETWORK,
        "networkSecurityGroups": versions.NETWORK,
    },
    "Microsoft.Resources": {
        "subscriptions": versions.SUBSCRIPTIONS,
        "resourceGroups": versions.RESOURCES,
        "deployments": versions.RESOURCES,
    },
}

operations = Operations("Microsoft.Resources/providers", versions.RESOURCES)


@operations.operation(
    "GET",
    f"{SUBSCRIPTION}/providers",
    action="Microsoft.Resources/subscriptions/providers/read",
    filtered=True,
)
def _list_providers(call: Call) -> Answer:
    return Answer(200, {"value": [_provider(call.cloud, namespace) for namespace in _TYPES]})


@operations.operation("GET", _PROVIDER, action="Microsoft.Resources/subscriptions/providers/read", filtered=True)
def _get_provider(call: Call) -> Answer:
    return Answer(200, _provider(call.cloud, _namespace(call)))


@operations.operation("POST", _PROVIDER + "/register", action=None)
def _register(call: Call) -> Answer:
    """Begin to register a provider; the action is the provider's own."""
    namespace = _namespace(call)
    subscription = call.cloud.seed_data.subscription
    call.require(f"{namespace}/register/action", subscription)
    call.cloud.store.set_setting(_setting(namespace), "Registering")
    body = _provider(call.cloud, namespace)
    call.cloud.long_operations.begin("provider.register", namespace, call.cloud.timing.seconds("provider.register"))
    return Answer(200, body)


def declare_effects(cloud: Cloud) -> None:
    """Say what completes a registration."""
    cloud.long_operations.on(
        "provider.register", lambda namespace: cloud.store.set_setting(_setting(namespace), "Registered")
    )


def _namespace(call: Call) -> str:
    for namespace in _TYPES:
        if fold(namespace) == fold(call["namespace"]):
            return namespace
    raise errors.invalid_namespace(call["namespace"])


def _setting(namespace: str) -> str:
    return f"registration of {namespace}"


def _provider(cloud: Cloud, namespace: str) -> dict[str, Any]:
    return {
        "id": f"{cloud.seed_data.subscription}/providers/{namespace}",
        "namespace": namespace,
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(seed_data.LOCATIONS.values()),
                "apiVersions": sorted(supported, reverse=True),
                "capabilities": "None",
            }
            for name, supported in _TYPES[namespace].items()
        ],
        "registrationState": cloud.store.setting(_setting(namespace)) or "Registered",
        "registrationPolicy": "RegistrationRequired",
    }
