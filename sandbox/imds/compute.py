"""What a machine is told about itself: its resource in Compute, in the metadata service's own words.

Which api-version added what: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata
"""

from __future__ import annotations

from typing import Any

from sandbox.core.resource_ids import parse_resource_id
from sandbox.state.store import Resource

# The api-version that added a part; what is not here has always been there.
_SINCE = {
    "additionalCapabilities": "2021-11-01",
    "azEnvironment": "2018-10-01",
    "evictionPolicy": "2020-12-01",
    "extendedLocation": "2021-03-01",
    "isHostCompatibilityLayerVm": "2020-06-01",
    "licenseType": "2020-09-01",
    "osProfile": "2020-07-15",
    "osProfile.disablePasswordAuthentication": "2020-10-01",
    "placementGroupId": "2017-08-01",
    "plan": "2018-04-02",
    "platformSubFaultDomain": "2021-10-01",
    "priority": "2020-12-01",
    "provider": "2018-10-01",
    "publicKeys": "2018-04-02",
    "resourceGroupName": "2017-08-01",
    "resourceId": "2019-03-11",
    "securityProfile": "2020-06-01",
    "securityProfile.encryptionAtHost": "2021-11-01",
    "securityProfile.securityType": "2021-12-13",
    "storageProfile": "2019-06-01",
    "subscriptionId": "2017-08-01",
    "tags": "2017-08-01",
    "tagsList": "2019-06-04",
    "virtualMachineScaleSet": "2021-03-01",
    "vmScaleSetName": "2017-12-01",
    "zone": "2017-12-01",
}


def describe_compute(machine: Resource, version: str) -> dict[str, Any]:
    """Return the document ``compute`` as it is in the api-version ``version``; every value is a string."""
    return _only_since(_compute(machine), version, "")


def _only_since(document: dict[str, Any], version: str, path: str) -> dict[str, Any]:
    return {
        name: _only_since(value, version, f"{path}{name}.") if isinstance(value, dict) else value
        for name, value in document.items()
        if _SINCE.get(f"{path}{name}", "") <= version
    }


def _compute(machine: Resource) -> dict[str, Any]:
    body, properties = machine.body, machine.properties
    storage = properties["storageProfile"]
    image = storage.get("imageReference", {})
    tags = body.get("tags", {})
    parts = parse_resource_id(machine.id)
    return {
        "additionalCapabilities": {
            "hibernationEnabled": _flag(properties.get("additionalCapabilities", {}).get("hibernationEnabled"))
        },
        "azEnvironment": "AzurePublicCloud",
        "evictionPolicy": _text(properties.get("evictionPolicy")),
        "extendedLocation": {"name": "", "type": ""},
        "isHostCompatibilityLayerVm": "false",
        "licenseType": _text(properties.get("licenseType")),
        "location": body["location"],
        "name": body["name"],
        "offer": _text(image.get("offer")),
        "osProfile": _os_profile(properties.get("osProfile", {})),
        "osType": storage["osDisk"]["osType"],
        "placementGroupId": "",
        "plan": {name: _text(body.get("plan", {}).get(name)) for name in ("name", "product", "publisher")},
        "platformFaultDomain": "0",
        "platformSubFaultDomain": "",
        "platformUpdateDomain": "0",
        "priority": _text(properties.get("priority")),
        "provider": "Microsoft.Compute",
        "publicKeys": _public_keys(properties.get("osProfile", {})),
        "publisher": _text(image.get("publisher")),
        "resourceGroupName": parts.group,
        "resourceId": machine.id,
        "securityProfile": _security(properties.get("securityProfile", {})),
        "sku": _text(image.get("sku")),
        "storageProfile": {
            "dataDisks": [_data_disk(disk) for disk in storage.get("dataDisks", ())],
            "imageReference": {name: _text(image.get(name)) for name in ("id", "offer", "publisher", "sku", "version")},
            "osDisk": _os_disk(storage["osDisk"]),
            "resourceDisk": {"size": "0"},
        },
        "subscriptionId": parts.subscription,
        "tags": ";".join(f"{name}:{value}" for name, value in tags.items()),
        "tagsList": [{"name": name, "value": value} for name, value in tags.items()],
        "version": _text(image.get("exactVersion")),
        "virtualMachineScaleSet": {"id": ""},
        "vmId": properties["vmId"],
        "vmScaleSetName": "",
        "vmSize": properties["hardwareProfile"]["vmSize"],
        "zone": _text(next(iter(body.get("zones", ())), None)),
    }


def _os_profile(profile: dict[str, Any]) -> dict[str, str]:
    linux = profile.get("linuxConfiguration")
    return {
        "adminUsername": _text(profile.get("adminUsername")),
        "computerName": _text(profile.get("computerName")),
        "disablePasswordAuthentication": _flag(linux.get("disablePasswordAuthentication")) if linux else "",
    }


def _public_keys(profile: dict[str, Any]) -> list[dict[str, str]]:
    keys = profile.get("linuxConfiguration", {}).get("ssh", {}).get("publicKeys", ())
    return [{"keyData": _text(key.get("keyData")), "path": _text(key.get("path"))} for key in keys]


def _security(profile: dict[str, Any]) -> dict[str, str]:
    uefi = profile.get("uefiSettings", {})
    return {
        "encryptionAtHost": _flag(profile.get("encryptionAtHost")),
        "secureBootEnabled": _flag(uefi.get("secureBootEnabled")),
        "securityType": _text(profile.get("securityType")),
        "virtualTpmEnabled": _flag(uefi.get("vTpmEnabled")),
    }


def _os_disk(disk: dict[str, Any]) -> dict[str, Any]:
    return {
        **_disk(disk),
        "diffDiskSettings": {"option": _text(disk.get("diffDiskSettings", {}).get("option"))},
        "encryptionSettings": {"enabled": _flag(disk.get("encryptionSettings", {}).get("enabled"))},
        "osType": disk["osType"],
    }


def _data_disk(disk: dict[str, Any]) -> dict[str, Any]:
    return {**_disk(disk), "lun": _text(disk["lun"])}


def _disk(disk: dict[str, Any]) -> dict[str, Any]:
    managed = disk.get("managedDisk", {})
    return {
        "caching": _text(disk.get("caching")),
        "createOption": _text(disk.get("createOption")),
        "diskSizeGB": _text(disk.get("diskSizeGB")),
        "image": {"uri": _text(disk.get("image", {}).get("uri"))},
        "managedDisk": {
            "id": _text(managed.get("id")),
            "storageAccountType": _text(managed.get("storageAccountType")),
        },
        "name": _text(disk.get("name")),
        "vhd": {"uri": _text(disk.get("vhd", {}).get("uri"))},
        "writeAcceleratorEnabled": _flag(disk.get("writeAcceleratorEnabled")),
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _flag(value: object) -> str:
    return "true" if value is True else "false"
