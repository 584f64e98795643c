"""The names and ids of what the sandbox starts with; ``seeding`` makes the things themselves."""

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

_REGIONS = """
East US;East US 2;West US;West US 2;West US 3;Central US;North Central US;South Central US;West Central US
Canada Central;Canada East;Mexico Central;Brazil South;Brazil Southeast;Chile Central
North Europe;West Europe;UK South;UK West;France Central;France South;Germany West Central;Germany North
Sweden Central;Sweden South;Switzerland North;Switzerland West;Norway East;Norway West;Poland Central;Italy North
Spain Central;Austria East;Belgium Central
Japan East;Japan West;Korea Central;Korea South;East Asia;Southeast Asia;Malaysia West;Indonesia Central
Australia East;Australia Southeast;Australia Central;Australia Central 2;New Zealand North
Central India;South India;West India;Jio India West;Jio India Central
South Africa North;South Africa West;UAE North;UAE Central;Qatar Central;Israel Central
"""
LOCATIONS = MappingProxyType(
    {name.replace(" ", "").casefold(): name for name in _REGIONS.strip().replace("\n", ";").split(";")}
)


class SeedData:
    """The ids of what the sandbox starts with."""

    def __init__(self, ids: Ids) -> None:
        self.tenant_id = ids.guid("world", "tenant_id")
        self.subscription_id = ids.guid("world", "subscription_id")
        self.subscription = f"/subscriptions/{self.subscription_id}"
        self.operator_object_id = ids.guid("world", "operator_object_id")
        self.operator_client_id = ids.guid("world", "operator_client_id")

    def group(self, name: str) -> str:
        """The resource id of the group ``name``."""
        return f"{self.subscription}/resourceGroups/{name}"


def location_name(text: str) -> str | None:
    """Return the short name of a location given by short or display name (``"East US"``), or None."""
    short = text.replace(" ", "").casefold()
    return short if short in LOCATIONS else None
