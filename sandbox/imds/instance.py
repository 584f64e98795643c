"""``/metadata/instance``: what a machine is told about itself, whole, in part, or a single value as text.

The document is the machine's resource and its network interfaces in the metadata service's own words. Which
api-version added what: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#instance-metadata
"""

from __future__ import annotations

import ipaddress
from typing import Any

from rbac.scopes import canonical
from sandbox.cloud import Cloud
from sandbox.core.http import Answer, Request
from sandbox.core.resource_ids import parse_resource_id
from sandbox.imds import errors
from sandbox.state.store import Resource

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}

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


def answer_instance(cloud: Cloud, machine: Resource, request: Request, path: str, version: str) -> Answer:
    """Answer what is at ``path`` below ``/metadata/instance``, in the ``format`` that the request names.

    Raises:
        MetadataError: There is nothing at the path, or not in this format.
    """
    format_ = (request.parameter("format") or "json").casefold()
    if format_ not in {"json", "text"}:
        raise errors.refusal("unknown_format", format_)
    document = {"compute": describe_compute(machine, version), "network": _describe_network(cloud, machine)}
    found = _find(document, path)
    if format_ == "text":
        return Answer(200, found if isinstance(found, str) else _listing(found), dict(_TEXT))
    if isinstance(found, str):
        raise errors.refusal("needs_text", path.strip("/"))
    return Answer(200, found)


def _find(document: Any, path: str) -> Any:
    for segment in path.strip("/").split("/") if path.strip("/") else ():
        if isinstance(document, dict):
            document = next((value for name, value in document.items() if name.casefold() == segment), None)
        elif isinstance(document, list) and segment.isascii() and segment.isdigit():
            document = dict(enumerate(document)).get(int(segment))
        else:
            document = None
        if document is None:
            raise errors.refusal("not_found")
    return document


def _listing(found: dict[str, Any] | list[Any]) -> str:
    """Return the names of what is inside, one in a line; a slash says that there is more below."""
    inside = found.items() if isinstance(found, dict) else enumerate(found)
    return "\n".join(str(name) if isinstance(value, str) else f"{name}/" for name, value in inside)


# --- compute -----------------------------------------------------------------------------------------------------


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


# --- network -----------------------------------------------------------------------------------------------------


def _describe_network(cloud: Cloud, machine: Resource) -> dict[str, Any]:
    """Return the document ``network``: one entry for each interface that there is."""
    references = machine.properties["networkProfile"]["networkInterfaces"]
    interfaces = (cloud.store.get(reference["id"]) for reference in references)
    return {"interface": [_interface(cloud, interface) for interface in interfaces if interface is not None]}


def _interface(cloud: Cloud, interface: Resource) -> dict[str, Any]:
    configurations = [entry["properties"] for entry in interface.properties["ipConfigurations"]]
    version_4 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv4"]
    version_6 = [entry for entry in configurations if entry["privateIPAddressVersion"] == "IPv6"]
    return {
        "ipv4": {
            "ipAddress": [
                {
                    "privateIpAddress": entry["privateIPAddress"],
                    "publicIpAddress": _public_address(cloud, entry),
                }
                for entry in version_4
            ],
            "subnet": _subnets(cloud, version_4),
        },
        "ipv6": {
            "ipAddress": [
                {"privateIpAddress": entry["privateIPAddress"]} for entry in version_6 if "privateIPAddress" in entry
            ]
        },
        "macAddress": str(interface.properties.get("macAddress", "")).replace("-", ""),
    }


def _public_address(cloud: Cloud, configuration: dict[str, Any]) -> str:
    reference = configuration.get("publicIPAddress")
    address = cloud.store.get(reference["id"]) if reference else None
    return "" if address is None else str(address.properties.get("ipAddress", ""))


def _subnets(cloud: Cloud, configurations: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = {canonical(entry["subnet"]["id"]): cloud.store.get(entry["subnet"]["id"]) for entry in configurations}
    prefixes = [prefix for subnet in found.values() if subnet for prefix in _prefixes(subnet.properties)]
    ranges = (range_ for range_ in map(ipaddress.ip_network, prefixes) if range_.version == 4)
    return [{"address": str(range_.network_address), "prefix": str(range_.prefixlen)} for range_ in ranges]


def _prefixes(subnet: dict[str, Any]) -> list[str]:
    found: list[str] = subnet.get("addressPrefixes") or [subnet["addressPrefix"]]
    return found
