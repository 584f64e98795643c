"""The storage profile of a virtual machine: image and disks, with what Azure fills in."""

from __future__ import annotations

from typing import Any

from sandbox.arm.compute.vm_images import Image, find_image
from sandbox.arm.fields import Fields
from sandbox.core import errors
from sandbox.core.ids import Ids

_CACHING = ("None", "ReadOnly", "ReadWrite")
_CREATE_OPTIONS = ("FromImage", "Attach", "Empty", "Copy", "Restore")
_DELETE_OPTIONS = ("Delete", "Detach")
_LARGEST = 65_536  # GB of a data disk
_IMAGE_IDS = ("id", "sharedGalleryImageId", "communityGalleryImageId")


def missing(name: str) -> errors.AzureError:
    """Return Compute's refusal of a machine without ``name``."""
    return errors.invalid_parameter(f"Required parameter '{name}' is missing (null).")


class StorageProfile:
    """Fills in a storage profile for the machine ``name`` in the group with the id ``group``."""

    def __init__(self, ids: Ids, group: str, name: str) -> None:
        self._ids = ids
        self._group = group
        self._name = name

    def fill(self, given: Fields, os_hint: str | None, size: str) -> tuple[dict[str, Any], Image]:
        """Return the whole profile and the image it is from.

        ``os_hint`` is the operating system that the OS profile speaks of; ``size`` is the machine's.
        """
        reference = _image_reference(given)
        image = find_image(reference or {})
        disk = given.object("osDisk")
        os_type = disk.text("osType", ("Windows", "Linux")) or os_hint or image.os_type
        premium = "s" in size.partition("_")[2]
        filled: dict[str, Any] = {}
        if reference is not None:
            filled["imageReference"] = {**reference, "exactVersion": image.exact_version}
        filled["osDisk"] = self._os_disk(disk, os_type, image, premium, reference is not None)
        filled["dataDisks"] = self._data_disks(given.objects("dataDisks"), premium)
        return given.completed(**filled), image

    def _os_disk(self, given: Fields, os_type: str, image: Image, premium: bool, from_image: bool) -> dict[str, Any]:
        option = given.text("createOption", _CREATE_OPTIONS)
        if option is None:
            raise missing("osDisk.createOption")
        if option == "FromImage" and not from_image:
            raise missing("imageReference")
        managed = given.object("managedDisk")
        if option == "Attach" and managed.text("id") is None:
            raise missing("osDisk.managedDisk.id")
        suffix = self._ids.guid("disk", self._group, self._name, "os").replace("-", "")
        name = given.text("name") or f"{self._name}_OsDisk_1_{suffix}"
        return given.completed(
            osType=os_type,
            name=name,
            createOption=option,
            caching=given.text("caching", _CACHING) or "ReadWrite",
            managedDisk=self._managed(managed, name, premium),
            deleteOption=given.text("deleteOption", _DELETE_OPTIONS) or "Detach",
            diskSizeGB=given.number("diskSizeGB", 1, _LARGEST) or image.disk_size,
        )

    def _data_disks(self, given: list[Fields], premium: bool) -> list[dict[str, Any]]:
        luns: set[int] = set()
        disks = []
        for entry in given:
            lun = entry.number("lun", 0, 63)
            if lun is None:
                raise missing("dataDisk.lun")
            if lun in luns:
                raise errors.invalid_parameter(f"A disk at LUN {lun} already exists.")
            luns.add(lun)
            disks.append(self._data_disk(entry, lun, premium))
        return disks

    def _data_disk(self, given: Fields, lun: int, premium: bool) -> dict[str, Any]:
        option = given.text("createOption", _CREATE_OPTIONS)
        if option is None:
            raise missing("dataDisk.createOption")
        size = given.number("diskSizeGB", 1, _LARGEST)
        if option == "Empty" and size is None:
            raise missing("dataDisk.diskSizeGB")
        suffix = self._ids.guid("disk", self._group, self._name, lun).replace("-", "")
        name = given.text("name") or f"{self._name}_disk{lun + 2}_{suffix}"
        return given.completed(
            lun=lun,
            name=name,
            createOption=option,
            caching=given.text("caching", _CACHING) or "None",
            managedDisk=self._managed(given.object("managedDisk"), name, premium),
            deleteOption=given.text("deleteOption", _DELETE_OPTIONS) or "Detach",
            toBeDetached=given.flag("toBeDetached") or False,
        )

    def _managed(self, given: Fields, name: str, premium: bool) -> dict[str, Any]:
        default = "Premium_LRS" if premium else "Standard_LRS"
        return given.completed(
            storageAccountType=given.text("storageAccountType") or default,
            id=given.text("id") or f"{self._group}/providers/Microsoft.Compute/disks/{name}",
        )


def _image_reference(given: Fields) -> dict[str, Any] | None:
    if "imageReference" not in given:
        return None
    reference = given.object("imageReference")
    if not any(reference.text(name) for name in _IMAGE_IDS):
        for name in ("publisher", "offer", "sku", "version"):
            if not reference.text(name):
                raise missing(f"imageReference.{name}")
    return reference.plain()
