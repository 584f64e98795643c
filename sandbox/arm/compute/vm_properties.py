"""The properties of a virtual machine: read from a request, completed as Azure completes them, changed where allowed.

``fill`` of what ``fill`` returned is the same again, so that an update is: merge what is given, and fill.
"""

from __future__ import annotations

import re
from typing import Any

from rbac.scopes import canonical
from sandbox.arm.compute import vm_os_profile
from sandbox.arm.compute.vm_members import check_members
from sandbox.arm.compute.vm_storage import StorageProfile, missing
from sandbox.arm.fields import Fields
from sandbox.core import errors
from sandbox.core.ids import Ids

_SIZE = re.compile(r"(Standard|Basic)_[A-Za-z][A-Za-z0-9_-]*")
_INTERFACE_ID = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Network/networkInterfaces/[\w.-]+",
    re.IGNORECASE,
)
_OBJECTS = (
    "additionalCapabilities",
    "applicationProfile",
    "billingProfile",
    "diagnosticsProfile",
    "resiliencyProfile",
    "scheduledEventsPolicy",
    "scheduledEventsProfile",
    "securityProfile",
)
_TEXTS = ("evictionPolicy", "extensionsTimeBudget", "licenseType", "priority")  # and userData, which is not shown
_ELSEWHERE = (
    "availabilitySet",
    "capacityReservation",
    "host",
    "hostGroup",
    "interconnectBlockProfile",
    "platformFaultDomain",
    "proximityPlacementGroup",
    "virtualMachineScaleSet",
)

# What cannot change once a machine is there, with the name that Compute's refusal calls it by.
_FIXED = {
    ("storageProfile", "imageReference", "publisher"): "imageReference",
    ("storageProfile", "imageReference", "offer"): "imageReference",
    ("storageProfile", "imageReference", "sku"): "imageReference",
    ("storageProfile", "imageReference", "version"): "imageReference",
    ("storageProfile", "imageReference", "id"): "imageReference",
    ("storageProfile", "osDisk", "osType"): "osDisk.osType",
    ("storageProfile", "osDisk", "name"): "osDisk.name",
    ("storageProfile", "osDisk", "createOption"): "osDisk.createOption",
    ("storageProfile", "osDisk", "managedDisk", "id"): "osDisk.managedDisk.id",
    ("osProfile", "computerName"): "osProfile.computerName",
    ("osProfile", "adminUsername"): "osProfile.adminUsername",
    ("osProfile", "requireGuestProvisionSignal"): "osProfile.requireGuestProvisionSignal",
    ("osProfile", "linuxConfiguration", "disablePasswordAuthentication"): (
        "linuxConfiguration.disablePasswordAuthentication"
    ),
    ("osProfile", "linuxConfiguration", "ssh", "publicKeys"): "linuxConfiguration.ssh.publicKeys",
    ("osProfile", "windowsConfiguration", "provisionVMAgent"): "windowsConfiguration.provisionVMAgent",
}


def fill(ids: Ids, group: str, name: str, given: Fields) -> dict[str, Any]:
    """Return all that a request may set of the machine ``name`` in the group with the id ``group``.

    Raises:
        AzureError: 400 where something is missing, malformed, or not offered.
    """
    check_members(given)
    for member in _ELSEWHERE:
        if member in given:
            raise errors.invalid_parameter(f"The value of parameter {member} is invalid: the sandbox has none.")
    filled: dict[str, Any] = {"hardwareProfile": _hardware(given)}
    storage, image = StorageProfile(ids, group, name).fill(
        _profile(given, "storageProfile"),
        vm_os_profile.os_of(given.object("osProfile")),
        filled["hardwareProfile"]["vmSize"],
    )
    filled["storageProfile"] = storage
    disk = storage["osDisk"]
    if disk["createOption"] == "FromImage" or "osProfile" in given:
        filled["osProfile"] = vm_os_profile.fill(_profile(given, "osProfile"), name, disk["osType"])
    if (
        disk["createOption"] == "FromImage"
        and disk["osType"] != image.os_type
        and "publisher" in storage["imageReference"]
    ):
        raise errors.invalid_parameter(f"The image holds {image.os_type}, not {disk['osType']}.")
    filled["networkProfile"] = _network(_profile(given, "networkProfile"), name)
    filled |= {member: given.object(member).plain() for member in _OBJECTS if member in given}
    filled |= {member: given.text(member) for member in _TEXTS if member in given}
    return filled


def change(ids: Ids, group: str, name: str, current: dict[str, Any], given: Fields) -> dict[str, Any]:
    """Return the ``current`` properties, as ``fill`` made them, changed by those given.

    Raises:
        AzureError: 409 PropertyChangeNotAllowed for what is fixed; 400 as ``fill`` does.
    """
    wanted = given.plain()
    for path, shown in _FIXED.items():
        value = _dig(wanted, path)
        if value is not None and not _same(value, _dig(current, path)):
            raise errors.conflict("PropertyChangeNotAllowed", f"Changing property '{shown}' is not allowed.")
    return fill(ids, group, name, Fields(_merged(current, wanted), given.path))


def _hardware(given: Fields) -> dict[str, Any]:
    profile = _profile(given, "hardwareProfile")
    size = profile.text("vmSize")
    if not size:
        raise missing("vmSize")
    if not _SIZE.fullmatch(size):
        raise errors.invalid_parameter(f"The value {size} provided for the VM size is not valid.")
    return profile.plain()


def _profile(given: Fields, name: str) -> Fields:
    if name not in given:
        raise missing(name)
    return given.object(name)


def _network(given: Fields, name: str) -> dict[str, Any]:
    if "networkInterfaceConfigurations" in given:
        raise errors.invalid_parameter(
            "The value of parameter networkProfile.networkInterfaceConfigurations is invalid: make the network "
            "interface first and refer to it."
        )
    interfaces = given.objects("networkInterfaces")
    if not interfaces:
        raise missing("networkProfile.networkInterfaces")
    seen: set[str] = set()
    primaries = 0
    for interface in interfaces:
        interface_id = interface.text("id")
        if interface_id is None or not _INTERFACE_ID.fullmatch(interface_id):
            raise errors.invalid_parameter(
                f"Value for reference id is missing or malformed. Path {interface.path}.", "InvalidRequestFormat"
            )
        if canonical(interface_id) in seen:
            raise errors.invalid_parameter(f"Virtual machine {name} refers to {interface_id} twice.")
        seen.add(canonical(interface_id))
        properties = interface.object("properties")
        properties.text("deleteOption", ("Delete", "Detach"))
        primaries += properties.flag("primary") or False
    if primaries > 1 or (primaries == 0 and len(interfaces) > 1):
        raise errors.invalid_parameter(
            f"Virtual machine {name} must have one network interface set as the primary.",
            "NetworkInterfaceMustHavePrimaryPropertySet",
        )
    return given.plain()


def _merged(current: Any, given: Any) -> Any:
    if not isinstance(current, dict) or not isinstance(given, dict):
        return given
    return {**current, **{name: _merged(current.get(name), value) for name, value in given.items()}}


def _dig(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return bool(one == other)
