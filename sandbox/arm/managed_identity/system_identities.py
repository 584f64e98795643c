"""System-assigned identities, as the identity provider shows them below the resource that has one."""

from __future__ import annotations

from sandbox.arm import versions
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors
from sandbox.core.http import Answer

TYPE = "Microsoft.ManagedIdentity/identities"

operations = Operations(TYPE, versions.MANAGED_IDENTITY)


@operations.operation("GET", "{scope}/providers/" + TYPE + "/default", action=TYPE + "/read")
def get_system_identity(call: Call) -> Answer:
    """Answer the system-assigned identity of a resource."""
    owner = call.cloud.store.get(call["scope"])
    identity = None if owner is None else owner.internal.get("system_identity")
    if owner is None or identity is None:
        raise errors.AzureError(
            404, "ResourceNotFound", f"The resource '{call['scope']}' has no system-assigned identity."
        )
    tenant_id = call.cloud.seed_data.tenant_id
    return Answer(
        200,
        {
            "id": f"{owner.id}/providers/{TYPE}/default",
            "name": "default",
            "type": TYPE,
            "location": owner.body["location"],
            "tags": owner.body.get("tags", {}),
            "properties": {
                "tenantId": tenant_id,
                "principalId": identity["principal_id"],
                "clientId": identity["client_id"],
            },
        },
    )
