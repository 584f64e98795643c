"""Subscriptions, tenants, locations and providers with their registration: what a caller finds when signing in."""

from typing import Any

from rbac.folding import fold
from sandbox.arm.fields import LOCATIONS
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.arm.versions import versions_of
from sandbox.cloud import Cloud
from sandbox.core import errors, seed_data
from sandbox.core.data_files import filled, read_data
from sandbox.core.http import Answer

_SHOWN = read_data(__file__, "subscriptions.yaml")

_on_subscriptions = Operations("Microsoft.Resources/subscriptions", versions_of("Microsoft.Resources"))


@_on_subscriptions.operation("GET", "/tenants", action=None)
def _list_tenants(call: Call) -> Answer:
    names = {"name": seed_data.TENANT_NAME, "domain": seed_data.TENANT_DOMAIN}
    tenant = filled(_SHOWN["tenant"], tenant_id=call.cloud.seed_data.tenant_id, **names)
    return Answer(200, {"value": [tenant]})


@_on_subscriptions.operation("GET", "/subscriptions", action=None)
def _list_subscriptions(call: Call) -> Answer:
    cloud = call.cloud
    seen = [_subscription(call)] if cloud.gate.reaches_into(call.caller, cloud.seed_data.subscription) else []
    return Answer(200, {"value": seen, "count": {"type": "Total", "value": len(seen)}})


@_on_subscriptions.operation("GET", SUBSCRIPTION, action="Microsoft.Resources/subscriptions/read", filtered=True)
def _get_subscription(call: Call) -> Answer:
    return Answer(200, _subscription(call))


@_on_subscriptions.operation(
    "GET", f"{SUBSCRIPTION}/locations", action="Microsoft.Resources/subscriptions/locations/read", filtered=True
)
def _list_locations(call: Call) -> Answer:
    locations = LOCATIONS.items()
    value = [filled(_SHOWN["location"], subscription=call.scope, name=name, shown=shown) for name, shown in locations]
    return Answer(200, {"value": value})


def _subscription(call: Call) -> Any:
    ids = {"subscription_id": call.cloud.seed_data.subscription_id, "tenant_id": call.cloud.seed_data.tenant_id}
    return filled(_SHOWN["subscription"], name=seed_data.SUBSCRIPTION_NAME, **ids)


# --- providers ---

_PROVIDER = SUBSCRIPTION + "/providers/{namespace}"
_TYPES: dict[str, list[str]] = read_data(__file__, "providers.yaml")

_on_providers = Operations("Microsoft.Resources/providers")


@_on_providers.operation(
    "GET", f"{SUBSCRIPTION}/providers", action="Microsoft.Resources/subscriptions/providers/read", filtered=True
)
def _list_providers(call: Call) -> Answer:
    return Answer(200, {"value": [_provider(call.cloud, namespace) for namespace in _TYPES]})


@_on_providers.operation("GET", _PROVIDER, action="Microsoft.Resources/subscriptions/providers/read", filtered=True)
def _get_provider(call: Call) -> Answer:
    return Answer(200, _provider(call.cloud, _namespace(call)))


@_on_providers.operation("POST", _PROVIDER + "/register", action=None)
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
    raise errors.refusal("InvalidResourceNamespace", call["namespace"])


def _setting(namespace: str) -> str:
    return f"registration of {namespace}"


def _provider(cloud: Cloud, namespace: str) -> dict[str, Any]:
    return {
        "id": f"{cloud.seed_data.subscription}/providers/{namespace}",
        "namespace": namespace,
        "resourceTypes": [
            {
                "resourceType": name,
                "locations": list(LOCATIONS.values()),
                "apiVersions": sorted(versions_of(f"{namespace}/{name}"), reverse=True),
                "capabilities": "None",
            }
            for name in _TYPES[namespace]
        ],
        "registrationState": cloud.store.setting(_setting(namespace)) or "Registered",
        "registrationPolicy": "RegistrationRequired",
    }


operations = (*_on_subscriptions, *_on_providers)
