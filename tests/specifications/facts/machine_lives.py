"""Virtual machines made, polled and deleted (Microsoft.Compute)."""

from __future__ import annotations

from sandbox.core import seed_data
from tests.specifications.facts.telling import (
    GUID_PATTERN,
    NOTHING,
    Has,
    Known,
    Matches,
    Row,
    Story,
    error,
)
from tests.support.sandbox import RunningSandbox

VERSION = "2024-07-01"
_ID1 = "<identities>/ID1"
_OPERATION = (
    f"<endpoint>/subscriptions/<s>/providers/Microsoft\\.Compute/locations/eastus/operations/{GUID_PATTERN}"
    f"\\?p={GUID_PATTERN}&api-version={VERSION}"
)
_MONITOR = _OPERATION.replace("&api-version", "&monitor=true&api-version")
_NEW_IDENTITY = {"type": "UserAssigned", "userAssignedIdentities": {_ID1: {}}}


def _identity(sandbox: RunningSandbox, known: Known) -> None:
    path, token = f"{known['identities']}/ID1", known["token:operator"]
    sandbox.arm("PUT", path, {"location": "eastus"}, token=token, version="2024-11-30")


MACHINE_LIVES = Story(
    "lives of machines",
    (
        Row(
            name="a new interface is made",
            method="PUT",
            path="<group>/providers/Microsoft.Network/networkInterfaces/nic2",
            version="2024-05-01",
            body={
                "location": "eastus",
                "properties": {
                    "ipConfigurations": [
                        {
                            "name": "ipconfig1",
                            "properties": {
                                "subnet": {
                                    "id": f"<group>/providers/Microsoft.Network/virtualNetworks/{seed_data.VM_NAME}VNET"
                                    f"/subnets/{seed_data.VM_NAME}Subnet"
                                }
                            },
                        }
                    ]
                },
            },
            status=201,
        ),
        Row(
            name="a new machine is answered 201, Creating",
            method="PUT",
            path="<group>/providers/Microsoft.Compute/virtualMachines/vm2",
            version=VERSION,
            later=5,
            body={
                "location": "eastus",
                "identity": _NEW_IDENTITY,
                "properties": {
                    "hardwareProfile": {"vmSize": "Standard_B2s"},
                    "storageProfile": {
                        "imageReference": {
                            "publisher": "MicrosoftWindowsServer",
                            "offer": "WindowsServer",
                            "sku": "2022-datacenter-azure-edition",
                            "version": "latest",
                        },
                        "osDisk": {"createOption": "FromImage"},
                    },
                    "osProfile": {"adminUsername": "azureuser", "adminPassword": "Not-a-secret-1"},
                    "networkProfile": {
                        "networkInterfaces": [{"id": "<group>/providers/Microsoft.Network/networkInterfaces/nic2"}]
                    },
                },
            },
            status=201,
            headers={"azure-asyncoperation": Matches(_OPERATION), "location": None},
            answer=Has(
                {
                    "identity": _NEW_IDENTITY,
                    "properties": Has({"provisioningState": "Creating"}),
                }
            ),
        ),
        Row(
            name="deleting a machine is answered 202 with both links",
            method="DELETE",
            path="<group>/providers/Microsoft.Compute/virtualMachines/vm2",
            version=VERSION,
            later=60,
            status=202,
            headers={"azure-asyncoperation": Matches(_OPERATION), "location": Matches(_MONITOR)},
            answer=NOTHING,
            learn={"poll": "header azure-asyncoperation", "monitor": "header location"},
        ),
        Row(name="its location answers 202 while that goes on", path="<monitor>", status=202, answer=NOTHING),
        Row(
            name="and 200 and nothing once it is over",
            path="<monitor>",
            later=60,
            status=200,
            answer=NOTHING,
        ),
        Row(
            name="the other link says that it has succeeded",
            path="<poll>",
            status=200,
            answer=Has({"status": "Succeeded"}),
        ),
        Row(
            name="a machine that is gone is not found",
            path="<group>/providers/Microsoft.Compute/virtualMachines/vm2",
            version=VERSION,
            status=404,
            answer=error("ResourceNotFound"),
        ),
    ),
    timing="realistic",
    prepare=_identity,
)

MACHINES_AT_ONCE = Story(
    "machines at once",
    (
        Row(
            name="where nothing takes time, the answer to a patch still says Updating, and how soon to poll",
            method="PATCH",
            path="<machine>",
            version=VERSION,
            body={"identity": {"type": "SystemAssigned"}},
            status=200,
            headers={"x-ms-retry-after-ms": "20", "retry-after": None, "location": None},
            answer=Has({"properties": Has({"provisioningState": "Updating"})}),
            learn={"poll": "header azure-asyncoperation"},
        ),
        Row(
            name="where nothing takes time, the first poll has succeeded",
            path="<poll>",
            status=200,
            answer=Has({"status": "Succeeded"}),
        ),
    ),
)
