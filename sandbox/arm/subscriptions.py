"""Subscriptions, tenants and locations: what a caller finds when signing in."""

from __future__ import annotations

from typing import Any

from sandbox import world
from sandbox.arm import versions
from sandbox.call import Call
from sandbox.http import Answer
from sandbox.routing import Operations

operations = Operations("Microsoft.Resources/subscriptions", versions.SUBSCRIPTIONS | versions.RESOURCES)


@operations.operation("GET", "/tenants", action=None)
def list_tenants(call: Call) -> Answer:
    """Answer the one tenant."""
    tenant_id = call.cloud.world.tenant_id
    tenant = {
        "id": f"/tenants/{tenant_id}",
        "tenantId": tenant_id,
        "countryCode": "US",
        "displayName": world.TENANT_NAME,
        "domains": [world.TENANT_DOMAIN],
        "tenantCategory": "Home",
        "defaultDomain": world.TENANT_DOMAIN,
        "tenantType": "AAD",
    }
    return Answer(200, {"value": [tenant]})


@operations.operation("GET", "/subscriptions", action=None)
def list_subscriptions(call: Call) -> Answer:
    """Answer the subscriptions in which the caller has any role at all."""
    cloud = call.cloud
    seen = [_subscription(call)] if cloud.gate.reaches_into(call.caller, cloud.world.subscription) else []
    return Answer(200, {"value": seen, "count": {"type": "Total", "value": len(seen)}})


@operations.operation(
    "GET", "/subscriptions/{subscription}", action="Microsoft.Resources/subscriptions/read", filtered=True
)
def get_subscription(call: Call) -> Answer:
    """Answer the subscription to whoever has a role somewhere in it."""
    return Answer(200, _subscription(call))


@operations.operation(
    "GET",
    "/subscriptions/{subscription}/locations",
    action="Microsoft.Resources/subscriptions/locations/read",
    filtered=True,
)
def list_locations(call: Call) -> Answer:
    """Answer the regions, to whoever has a role somewhere in the subscription."""
    return Answer(200, {"value": [_location(call.scope, name, shown) for name, shown in world.LOCATIONS.items()]})


def _subscription(call: Call) -> dict[str, Any]:
    seeded = call.cloud.world
    return {
        "id": seeded.subscription,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": seeded.subscription_id,
        "tenantId": seeded.tenant_id,
        "displayName": world.SUBSCRIPTION_NAME,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _location(subscription: str, name: str, shown: str) -> dict[str, Any]:
    return {
        "id": f"{subscription}/locations/{name}",
        "name": name,
        "type": "Region",
        "displayName": shown,
        "regionalDisplayName": shown,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }
