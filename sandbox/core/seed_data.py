"""The names and ids of what the sandbox starts with; ``seeding`` makes the things themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from sandbox.core.ids import Ids

TENANT_NAME = "Contoso"
TENANT_DOMAIN = "contoso.onmicrosoft.com"
SUBSCRIPTION_NAME = "Contoso Sandbox"
OPERATOR_NAME = "operator"
RESOURCE_GROUP = "myResourceGroupVM"
OTHER_RESOURCE_GROUP = "contosoPayroll"
VM_NAME = "myVM"
LOCATION = "eastus"
LOCAL_API_VERSION = "2024-05-28"  # of the provider Sandbox.Local

LOCATIONS = MappingProxyType(
    {
        "eastus": "East US",
        "eastus2": "East US 2",
        "westus": "West US",
        "westus2": "West US 2",
        "westus3": "West US 3",
        "centralus": "Central US",
        "northcentralus": "North Central US",
        "southcentralus": "South Central US",
        "canadacentral": "Canada Central",
        "brazilsouth": "Brazil South",
        "northeurope": "North Europe",
        "westeurope": "West Europe",
        "uksouth": "UK South",
        "francecentral": "France Central",
        "germanywestcentral": "Germany West Central",
        "swedencentral": "Sweden Central",
        "switzerlandnorth": "Switzerland North",
        "japaneast": "Japan East",
        "southeastasia": "Southeast Asia",
        "australiaeast": "Australia East",
        "centralindia": "Central India",
        "southafricanorth": "South Africa North",
    }
)


@dataclass(frozen=True)
class SeedData:
    """The ids of what the sandbox starts with."""

    ids: Ids
    tenant_id: str = field(init=False)
    subscription_id: str = field(init=False)
    operator_object_id: str = field(init=False)
    operator_client_id: str = field(init=False)

    def __post_init__(self) -> None:
        for name in ("tenant_id", "subscription_id", "operator_object_id", "operator_client_id"):
            object.__setattr__(self, name, self.ids.guid("world", name))

    @property
    def subscription(self) -> str:
        """The subscription's resource id."""
        return f"/subscriptions/{self.subscription_id}"

    def group(self, name: str) -> str:
        """The resource id of the group ``name``."""
        return f"{self.subscription}/resourceGroups/{name}"


def location_name(text: str) -> str | None:
    """Return the short name of a location given by short or display name (``"East US"``), or None."""
    short = text.replace(" ", "").casefold()
    return short if short in LOCATIONS else None
