"""What Graph shows of a principal.

Properties: https://learn.microsoft.com/graph/api/resources/serviceprincipal and …/resources/application
"""

from dataclasses import dataclass
from typing import Any

from rbac.folding import fold
from sandbox.cloud import Cloud
from sandbox.state.directory import Principal

_USER_ASSIGNED = "/providers/microsoft.managedidentity/userassignedidentities/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of object.

    ``filterable`` are the properties that ``$filter`` can compare, with the types of their values.
    """

    name: str
    collection: str
    filterable: dict[str, type]

    @property
    def odata_type(self) -> str:
        """The type's name as it stands in answers."""
        return f"#microsoft.graph.{self.name}"


SERVICE_PRINCIPAL = Kind(
    "servicePrincipal",
    "servicePrincipals",
    {
        "id": str,
        "appId": str,
        "displayName": str,
        "servicePrincipalNames": list,
        "servicePrincipalType": str,
        "accountEnabled": bool,
        "alternativeNames": list,
        "tags": list,
    },
)
APPLICATION = Kind(
    "application",
    "applications",
    {"id": str, "appId": str, "displayName": str, "identifierUris": list, "signInAudience": str},
)
USER = Kind("user", "users", {"id": str, "userPrincipalName": str, "displayName": str, "mail": str})
GROUP = Kind("group", "groups", {"id": str, "displayName": str, "mailNickname": str})
KINDS = (SERVICE_PRINCIPAL, APPLICATION, USER, GROUP)


def objects_of(kind: Kind, cloud: Cloud) -> list[dict[str, Any]]:
    """Return the directory's objects of ``kind``, ordered by id. It has no users and no groups."""
    if kind is SERVICE_PRINCIPAL:
        found = [_service_principal(principal, cloud) for principal in cloud.directory.all()]
    elif kind is APPLICATION:
        found = [_application(principal, cloud) for principal in cloud.directory.all() if _is_application(principal)]
    else:
        found = []
    return sorted(found, key=lambda shown: str(shown["id"]))


def service_principal(object_id: str, cloud: Cloud) -> dict[str, Any] | None:
    """Return the service principal with this object id, or None."""
    principal = cloud.directory.by_object_id(object_id)
    return None if principal is None else _service_principal(principal, cloud)


def _is_application(principal: Principal) -> bool:
    return principal.kind == "Application"


def _service_principal(principal: Principal, cloud: Cloud) -> dict[str, Any]:
    application = _is_application(principal)
    return {
        "id": principal.object_id,
        "deletedDateTime": None,
        "accountEnabled": True,
        "alternativeNames": _alternative_names(principal),
        "appDisplayName": principal.name if application else None,
        "appId": principal.client_id,
        "appOwnerOrganizationId": cloud.seed_data.tenant_id if application else None,
        "appRoleAssignmentRequired": False,
        "displayName": principal.name,
        "servicePrincipalNames": [principal.client_id],
        "servicePrincipalType": principal.kind,
        "signInAudience": "AzureADMyOrg" if application else None,
        "tags": [],
    }


def _alternative_names(principal: Principal) -> list[str]:
    """Return what leads from a managed identity's principal to its resource."""
    if principal.resource_id is None:
        return []
    explicit = _USER_ASSIGNED in fold(principal.resource_id)
    return [f"isExplicit={explicit}", principal.resource_id]


def _application(principal: Principal, cloud: Cloud) -> dict[str, Any]:
    return {
        "id": cloud.ids.guid("application", principal.client_id),
        "deletedDateTime": None,
        "appId": principal.client_id,
        "displayName": principal.name,
        "identifierUris": [],
        "signInAudience": "AzureADMyOrg",
        "tags": [],
    }
