"""Virtual machines: the identity block, polling, the fields of the body (Microsoft.Compute)."""

from __future__ import annotations

from typing import Any

from tests.specifications.facts.telling import (
    ANYTHING,
    COMPUTE_TIME,
    GUID,
    GUID_PATTERN,
    Has,
    Known,
    Matches,
    Ordered,
    Row,
    Story,
    error,
)
from tests.support.sandbox import RunningSandbox

VERSION = "2024-07-01"
_ID1, _ID2, _ABSENT = "<identities>/ID1", "<identities>/ID2", "<identities>/absent"
_OPERATION = (
    f"<endpoint>/subscriptions/<s>/providers/Microsoft\\.Compute/locations/eastus/operations/{GUID_PATTERN}"
    f"\\?p={GUID_PATTERN}&api-version={VERSION}"
)
_MONITOR = _OPERATION.replace("&api-version", "&monitor=true&api-version")
_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"  # Virtual Machine Contributor
_ENTRY = {"principalId": GUID, "clientId": GUID}
_REFERENCE = {"publisher": ANYTHING, "offer": ANYTHING, "sku": ANYTHING, "version": "latest", "exactVersion": ANYTHING}
_BODY: dict[str, Any] = {
    "name": "myVM",
    "id": "<machine>",
    "type": "Microsoft.Compute/virtualMachines",
    "location": "eastus",
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "provisioningState": "Succeeded",
        "vmId": GUID,
        "storageProfile": {
            "imageReference": _REFERENCE,
            "osDisk": {
                "osType": "Windows",
                "name": ANYTHING,
                "createOption": "FromImage",
                "caching": "ReadWrite",
                "managedDisk": {"storageAccountType": ANYTHING, "id": ANYTHING},
                "deleteOption": "Detach",
                "diskSizeGB": 127,
            },
            "dataDisks": [],
        },
        "osProfile": {
            "computerName": "myVM",
            "adminUsername": "azureuser",
            "windowsConfiguration": {
                "provisionVMAgent": True,
                "enableAutomaticUpdates": True,
                "patchSettings": {"patchMode": "AutomaticByOS", "assessmentMode": "ImageDefault"},
            },
            "secrets": [],
            "allowExtensionOperations": True,
            "requireGuestProvisionSignal": True,
        },
        "networkProfile": {"networkInterfaces": [Has({"id": Matches("<group>/providers/Microsoft.Network/.*")})]},
        "timeCreated": COMPUTE_TIME,
    },
    "etag": Matches(r'"\d+"'),
}


def _identities(sandbox: RunningSandbox, known: Known) -> None:
    """Make two identities, and somebody who may write machines but assign no identity."""
    for name in ("ID1", "ID2"):
        path = f"{known['identities']}/{name}"
        sandbox.arm("PUT", path, {"location": "eastus"}, token=known["token:operator"], version="2024-11-30")
    contributor, secret = sandbox.add_principal("contributor")
    known["contributor:client"], known["contributor:object"] = contributor.client_id, contributor.object_id
    known["token:contributor"] = sandbox.token(contributor.client_id, secret)
    assignments = f"{known['group']}/providers/Microsoft.Authorization/roleAssignments"
    grant = {
        "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{_CONTRIBUTOR}",
        "principalId": contributor.object_id,
    }
    path = f"{assignments}/0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7b001"
    answered = sandbox.arm("PUT", path, {"properties": grant}, token=known["token:operator"])
    assert answered.status_code == 201, answered.text
    sandbox.clock.advance(60)


def _patch(name: str, identity: Any, **expected: Any) -> Row:
    expected = {"status": 200, **expected}
    return Row(name=name, method="PATCH", path="<machine>", version=VERSION, body={"identity": identity}, **expected)


def _read(name: str, identity: Any, **more: Any) -> Row:
    return Row(name=name, path="<machine>", version=VERSION, status=200, answer=Has({"identity": identity}), **more)


def _user_assigned(*identities: str, entry: Any = None, kind: str = "UserAssigned", **more: Any) -> dict[str, Any]:
    entries = dict.fromkeys(identities, _ENTRY if entry is None else entry)
    return {"type": kind, **more, "userAssignedIdentities": entries}


_SYSTEM = {"principalId": GUID, "tenantId": "<t>"}

MACHINES = Story(
    "machines",
    (
        Row(
            name="a real Windows machine has these fields, and no identity key without an identity",
            path="<machine>",
            version=VERSION,
            status=200,
            headers={
                "etag": Matches(r'"\d+"'),
                "x-ms-ratelimit-remaining-resource": Matches(
                    r"Microsoft\.Compute/\w+;\d+(,Microsoft\.Compute/\w+;\d+)*"
                ),
            },
            answer=_BODY,
            learn={"etag": "body etag"},
        ),
        Row(
            name="its fields come in Compute's order",
            path="<machine>",
            version=VERSION,
            status=200,
            answer=Ordered(
                {
                    **dict.fromkeys(("name", "id", "type", "location"), ANYTHING),
                    "properties": Ordered(dict.fromkeys(_BODY["properties"], ANYTHING)),
                    "etag": ANYTHING,
                }
            ),
        ),
        _patch(
            "attaching an identity answers 200, Updating, with a link to poll and nothing in the new entry",
            _user_assigned(_ID1, entry={}),
            headers={
                "azure-asyncoperation": Matches(_OPERATION),
                "azure-asyncnotification": "Enabled",
                "etag": Matches(r'"\d+"'),
                "location": None,
                "retry-after": None,
                "x-ms-retry-after-ms": None,
            },
            answer=Has(
                {
                    "identity": _user_assigned(_ID1, entry={}),
                    "properties": Has({"provisioningState": "Updating"}),
                    "etag": Matches(r'(?!<etag>)"\d+"'),
                }
            ),
            learn={"poll": "header azure-asyncoperation", "etag": "header etag"},
        ),
        Row(
            name="the operation is in progress at first",
            path="<poll>",
            status=200,
            answer=Ordered({"startTime": COMPUTE_TIME, "status": "InProgress", "name": GUID}),
        ),
        _read("on the next read the new entry has its principal", _user_assigned(_ID1)),
        Row(
            name="the etag of the answer is the one that is read",
            path="<machine>",
            version=VERSION,
            status=200,
            answer=Has({"etag": "<etag>"}),
            headers={"etag": "<etag>"},
        ),
        Row(
            name="the operation succeeds once its time is over",
            path="<poll>",
            later=15,
            status=200,
            answer=Ordered({"startTime": COMPUTE_TIME, "endTime": COMPUTE_TIME, "status": "Succeeded", "name": GUID}),
        ),
        Row(
            name="the machine has succeeded too",
            path="<machine>",
            version=VERSION,
            status=200,
            answer=Has({"properties": Has({"provisioningState": "Succeeded"})}),
        ),
        _patch("patching merges the map: another identity is added", _user_assigned(_ID2, entry={}), later=15),
        _read("both are there", _user_assigned(_ID1, _ID2)),
        _patch("null removes an identity", _user_assigned(_ID1) | {"userAssignedIdentities": {_ID1: None}}, later=15),
        _read("the other one stays", _user_assigned(_ID2)),
        _patch("SystemAssigned drops every user-assigned identity", {"type": "SystemAssigned"}, later=15),
        _read("only the system-assigned one is left", {"type": "SystemAssigned", **_SYSTEM}),
        _patch(
            "both kinds at once, without a space in the type",
            _user_assigned(_ID1, _ID2, entry={}, kind="SystemAssigned,UserAssigned"),
            later=15,
        ),
        _read(
            "are shown with a space",
            _user_assigned(_ID1, _ID2, kind="SystemAssigned, UserAssigned", **_SYSTEM),
        ),
        _patch(
            "UserAssigned without a map keeps them and drops the system-assigned one",
            {"type": "userAssigned"},
            later=15,
        ),
        _read("as read then, in Azure's case", _user_assigned(_ID1, _ID2)),
        _patch(
            "an identity that is not there is refused in these words",
            _user_assigned(_ABSENT, entry={}),
            later=15,
            status=400,
            answer=error(
                "FailedIdentityOperation",
                "Identity operation for resource '<machine>' failed with error 'Failed to perform resource identity "
                'operation. Status: \'BadRequest\'. Response: \'{"error":{"code":"BadRequest","message":"Resource '
                "'<identities>/absent' was not found.\"}}'.'.",
            ),
        ),
        _patch(
            "an identity twice, in two cases, is refused",
            {"type": "UserAssigned", "userAssignedIdentities": {_ID1: {}, "<identities>/id1": {}}},
            status=400,
            answer=error("DuplicateIdentityIds"),
        ),
        _patch("None makes the identity key vanish", {"type": "None"}, later=15),
        Row(
            name="which it has",
            path="<machine>",
            version=VERSION,
            later=15,
            status=200,
            answer={**_BODY, "properties": ANYTHING},
        ),
        _patch(
            "who may write the machine but not assign the identity is told what is missing, and where",
            _user_assigned(_ID1, entry={}),
            by="contributor",
            later=15,
            status=403,
            answer=error(
                "LinkedAuthorizationFailed",
                "The client '<contributor:client>' with object id '<contributor:object>' has permission to perform "
                "action 'Microsoft.Compute/virtualMachines/write' on scope '<machine>'; however, it does not have "
                "permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the "
                "linked scope(s) '<identities>/ID1' or the linked scope(s) are invalid.",
            ),
        ),
        Row(
            name="ids of Compute keep resourceGroups with a capital G, however they are asked for",
            path="/subscriptions/<s>/resourcegroups/myresourcegroupvm/providers/microsoft.compute/virtualmachines/myvm",
            version=VERSION,
            status=200,
            answer=Has({"id": "<machine>"}),
        ),
    ),
    timing="realistic",
    prepare=_identities,
)
