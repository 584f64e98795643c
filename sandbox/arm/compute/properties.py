"""The properties of a virtual machine: completed as Azure completes them, and changed where that is allowed.

What is given is as ``schema.read`` returns it. ``fill`` of what ``fill`` returned is the same again, so that an update
is: merge what is given, and fill.
"""

import re
from collections.abc import Sequence
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.compute import os_profile
from sandbox.arm.compute.catalog import Image, find_image
from sandbox.arm.compute.provider import missing
from sandbox.arm.compute.schema import merged, refuse_reference
from sandbox.core import errors
from sandbox.core.data_files import read_data
from sandbox.core.ids import Ids

_SIZE = re.compile(r"(Standard|Basic)_[A-Za-z][A-Za-z0-9_-]*")
_INTERFACE_ID = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Network/networkInterfaces/[\w.-]+",
    re.IGNORECASE,
)
_DATA = read_data(__file__, "properties.yaml")


def fill(ids: Ids, machine_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all that a request may set of the machine with this id, and that is shown."""
    name = machine_id.rpartition("/")[2]
    size = _required(given, "hardwareProfile").get("vmSize")
    if not size:
        raise missing("vmSize")
    if not _SIZE.fullmatch(size):
        raise errors.refusal("InvalidParameter.vmSize", size)
    os_hint = os_profile.os_of(given.get("osProfile", {}))
    storage = _Storage(ids, machine_id, size).fill(_required(given, "storageProfile"), os_hint)
    filled = {
        "hardwareProfile": given["hardwareProfile"],
        "storageProfile": storage,
        "osProfile": os_profile.fill(_required(given, "osProfile"), name, storage["osDisk"]["osType"]),
        "networkProfile": _network(_required(given, "networkProfile"), name),
    }
    return filled | {member: given[member] for member in _DATA["kept"] if member in given}


def change(ids: Ids, machine_id: str, current: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the ``current`` properties, as ``fill`` made them, changed by those given."""
    for path, shown in _DATA["fixed"].items():
        value = _dig(given, path)
        if value is not None and not _same(value, _dig(current, path)):
            raise errors.refusal("PropertyChangeNotAllowed", shown)
    check_disks(given, [canonical(disk["managedDisk"]["id"]) for disk in _disks(current)])
    return fill(ids, machine_id, merged(current, given))


def check_disks(given: dict[str, Any], known: Sequence[str] = ()) -> None:
    """Refuse a disk that is given by its id, unless it is one of those ``known``: there are no others."""
    for disk in _disks(given):
        disk_id, option = disk.get("managedDisk", {}).get("id"), disk.get("createOption")
        if disk_id is None or canonical(disk_id) in known:
            continue
        if option in ("FromImage", "Empty"):
            raise errors.refusal("InvalidParameterConflictingProperties", option)
        refuse_reference(disk_id, "", "managedDisk.id")


def _disks(of: dict[str, Any]) -> list[dict[str, Any]]:
    storage = of.get("storageProfile", {})
    return [storage.get("osDisk", {}), *storage.get("dataDisks", [])]


def _required(given: dict[str, Any], name: str) -> dict[str, Any]:
    if name not in given:
        raise missing(name)
    profile: dict[str, Any] = given[name]
    return profile


class _Storage:
    """Fills in the image and the disks of one machine."""

    def __init__(self, ids: Ids, machine_id: str, size: str) -> None:
        self._ids = ids
        self._group = machine_id.partition("/providers/")[0]
        self._name = machine_id.rpartition("/")[2]
        self._default_type = "Premium_LRS" if "s" in size.partition("_")[2] else "Standard_LRS"

    def fill(self, given: dict[str, Any], os_hint: str | None) -> dict[str, Any]:
        """Return the whole profile; ``os_hint`` is the operating system that the OS profile speaks of."""
        disk, reference = given.get("osDisk", {}), given.get("imageReference")
        _check_source("osDisk", disk)
        if reference is None:
            raise missing("imageReference")
        for name in ("publisher", "offer", "sku", "version"):
            if not reference.get(name):
                raise missing(f"imageReference.{name}")
        image = find_image(reference)
        filled = {
            "imageReference": {**reference, "exactVersion": image.exact_version},
            "osDisk": self._os_disk(disk, os_hint, image),
            "dataDisks": self._data_disks(given.get("dataDisks", [])),
        }
        return {**filled, **given, **filled}

    def _os_disk(self, given: dict[str, Any], os_hint: str | None, image: Image) -> dict[str, Any]:
        os_type = given.get("osType") or os_hint or image.os_type
        if os_type != image.os_type:
            raise errors.refusal("InvalidParameter.osType", image.os_type, os_type)
        if given["createOption"] == "Empty":
            raise errors.refusal("InvalidParameter.createOption")
        name = given.get("name") or f"{self._name}_OsDisk_1_{self._suffix('os')}"
        disk = merged({"osType": os_type, **self._disk(name, "ReadWrite")}, {**given, "name": name})
        return {**disk, "diskSizeGB": disk.get("diskSizeGB", image.disk_size)}

    def _data_disks(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        luns: set[int] = set()
        for disk in given:
            lun = disk.get("lun")
            if lun is None:
                raise missing("dataDisk.lun")
            if lun in luns:
                raise errors.refusal("InvalidParameter.lun", lun)
            luns.add(lun)
        return [self._data_disk(disk) for disk in given]

    def _data_disk(self, given: dict[str, Any]) -> dict[str, Any]:
        _check_source("dataDisk", given)
        if given["createOption"] == "Empty" and "diskSizeGB" not in given:
            raise missing("dataDisk.diskSizeGB")
        lun = given["lun"]
        name = given.get("name") or f"{self._name}_disk{lun + 2}_{self._suffix(lun)}"
        return merged({"lun": lun, **self._disk(name, "None"), "toBeDetached": False}, {**given, "name": name})

    def _disk(self, name: str, caching: str) -> dict[str, Any]:
        disk_id = f"{self._group}/providers/Microsoft.Compute/disks/{name}"
        managed = {"storageAccountType": self._default_type, "id": disk_id}
        own = {"name": name, "createOption": None, "caching": caching, "managedDisk": managed}
        return {**own, "deleteOption": "Detach"}

    def _suffix(self, disk: str | int) -> str:
        return self._ids.guid("disk", self._group, self._name, disk).replace("-", "")


def _check_source(path: str, disk: dict[str, Any]) -> None:
    option = disk.get("createOption")
    if option is None:
        raise missing(f"{path}.createOption")
    if option == "Attach" and "id" not in disk.get("managedDisk", {}):
        raise missing(f"{path}.managedDisk.id")
    if option in ("Copy", "Restore"):
        raise missing(f"{path}.sourceResource")


def _network(profile: dict[str, Any], name: str) -> dict[str, Any]:
    interfaces = profile.get("networkInterfaces")
    if not interfaces:
        raise missing("networkProfile.networkInterfaces")
    seen: set[str] = set()
    for number, interface in enumerate(interfaces):
        interface_id = interface.get("id", "")
        if not _INTERFACE_ID.fullmatch(interface_id):
            path = f"properties.networkProfile.networkInterfaces[{number}]"
            raise errors.refusal("InvalidRequestFormat.reference", path)
        if canonical(interface_id) in seen:
            raise errors.refusal("InvalidParameter.interfaceTwice", name, interface_id)
        seen.add(canonical(interface_id))
    primaries = sum(interface.get("properties", {}).get("primary", False) for interface in interfaces)
    if primaries > 1 or (primaries == 0 and len(interfaces) > 1):
        raise errors.refusal("NetworkInterfaceMustHavePrimaryPropertySet", name)
    shown = [{member: value for member, value in interface.items() if value != {}} for interface in interfaces]
    return {**profile, "networkInterfaces": shown}


def _dig(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return fold(one) == fold(other)
    return bool(one == other)
