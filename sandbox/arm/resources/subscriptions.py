"""Subscriptions, tenants and locations: what a caller finds when signing in."""

from __future__ import annotations

from typing import Any

from sandbox.arm import versions
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.core import seed_data
from sandbox.core.http import Answer

operations = Operations("Microsoft.Resources/subscriptions", versions.SUBSCRIPTIONS | versions.RESOURCES)


@operations.operation("GET", "/tenants", action=None)
def _list_tenants(call: Call) -> Answer:
    tenant_id = call.cloud.seed_data.tenant_id
    tenant = {
        "id": f"/tenants/{tenant_id}",
        "tenantId": tenant_id,
        "countryCode": "US",
        "displayName": seed_data.TENANT_NAME,
        "domains": [seed_data.TENANT_DOMAIN],
        "tenantCategory": "Home",
        "defaultDomain": seed_data.TENANT_DOMAIN,
        "tenantType": "AAD",
    }
    return Answer(200, {"value": [tenant]})


@operations.operation("GET", "/subscriptions", action=None)
def _list_subscriptions(call: Call) -> Answer:
    cloud = call.cloud
    seen = [_subscription(call)] if cloud.gate.reaches_into(call.caller, cloud.seed_data.subscription) else []
    return Answer(200, {"value": seen, "count": {"type": "Total", "value": len(seen)}})


@operations.operation("GET", SUBSCRIPTION, action="Microsoft.Resources/subscriptions/read", filtered=True)
def _get_subscription(call: Call) -> Answer:
    return Answer(200, _subscription(call))


@operations.operation(
    "GET",
    f"{SUBSCRIPTION}/locations",
    action="Microsoft.Resources/subscriptions/locations/read",
    filtered=True,
)
def _list_locations(call: Call) -> Answer:
    return Answer(200, {"value": [_location(call.scope, name, shown) for name, shown in seed_data.LOCATIONS.items()]})


def _subscription(call: Call) -> dict[str, Any]:
    seeded = call.cloud.seed_data
    return {
        "id": seeded.subscription,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": seeded.subscription_id,
        "tenantId": seeded.tenant_id,
        "displayName": seed_data.SUBSCRIPTION_NAME,
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
