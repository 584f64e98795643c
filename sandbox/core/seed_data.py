"""The names and ids of what the sandbox starts with; ``seeding`` makes the things themselves."""

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
