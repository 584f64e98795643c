"""What a machine can be made of: images, and sizes with how many of their cores a subscription may have.

Of images, clients look up which operating system one holds, and what "latest" stands for. The sandbox boots nothing, so
it takes any. Each size can be had in every region. Usage is counted from the machines; nobody is stopped at a limit.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rbac.folding import fold
from sandbox.arm.compute.provider import LOCATION, MACHINE, NAMESPACE
from sandbox.arm.fields import LOCATIONS, location_name, read_location
from sandbox.arm.listing import read_filter
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.arm.tracked import existing
from sandbox.core import errors
from sandbox.core.data_files import filled, read_data
from sandbox.core.http import Answer
from sandbox.core.resource_ids import VIRTUAL_MACHINE

_CATALOG = read_data(__file__, "catalog.yaml")
_UNKNOWN = "1.0.0"
_WINDOWS_PUBLISHERS = ("microsoftwindows", "microsoftsqlserver")
_LINUX = re.compile("ubuntu|rhel|sles")  # which SQL Server comes on, too
_NUMBER = re.compile(r"\d+")
_IMAGE_VERSION = NAMESPACE + "/locations/publishers/artifacttypes/offers/skus/versions"
_VERSIONS = LOCATION + "/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"

_on_images = Operations(_IMAGE_VERSION)


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine made from an image has: ``disk_size`` is in GB, as ``diskSizeGB`` is."""

    os_type: str
    exact_version: str
    os_name: str
    os_version: str
    disk_size: int


def find_image(reference: dict[str, Any]) -> Image:
    """Return the image that an ``imageReference`` with publisher, offer, sku and version refers to."""
    publisher, offer, sku = (fold(str(reference.get(name, ""))) for name in ("publisher", "offer", "sku"))
    if publisher.startswith(_WINDOWS_PUBLISHERS) and not _LINUX.search(offer):
        return _windows(sku, reference)
    numbers = _NUMBER.findall(sku) or _NUMBER.findall(offer)
    known = _CATALOG["ubuntu"].get(numbers[0], _UNKNOWN) if publisher == "canonical" and numbers else _UNKNOWN
    version = _exact(reference, known)
    name = "ubuntu" if publisher == "canonical" else publisher or "linux"
    return Image("Linux", version, name, ".".join(version.split(".")[:2]), 30)


def _windows(sku: str, reference: dict[str, Any]) -> Image:
    year = next((year for year in _CATALOG["windows"] if sku.startswith(year)), None)
    version = _exact(reference, _CATALOG["windows"].get(year or "", _UNKNOWN))
    name = f"Windows Server {year} Datacenter" if year else "Windows"
    if "azure-edition" in sku:
        name += " Azure Edition"
    return Image("Windows", version, name, "10.0." + ".".join(version.split(".")[:2]), 127)


def _exact(reference: dict[str, Any], latest: str) -> str:
    version = str(reference.get("version", "latest"))
    return latest if fold(version) == "latest" else version


@_on_images.operation("GET", _VERSIONS, action=_IMAGE_VERSION + "/read")
def _list_versions(call: Call) -> Answer:
    image = find_image({**call.parameters, "version": "latest"})
    shown = _shown(call, image)
    return Answer(200, [shown if call.query("$expand") else {name: shown[name] for name in ("location", "name", "id")}])


@_on_images.operation("GET", _VERSIONS + "/{version}", action=_IMAGE_VERSION + "/read")
def _get_version(call: Call) -> Answer:
    image = find_image({**call.parameters, "version": "latest"})
    if call["version"] != image.exact_version:
        raise errors.refusal("NotFound.image")
    return Answer(200, _shown(call, image))


def _shown(call: Call, image: Image) -> Any:
    location = read_location(call["location"], "locations/publishers")
    at = call.request.path.partition("/versions")[0]
    version_id = f"{at}/versions/{image.exact_version}"
    return filled(_CATALOG["image"], location=location, name=image.exact_version, id=version_id, system=image.os_type)


# --- sizes ---

_CORES, _MACHINES = "cores", "virtualMachines"
_OS_DISK, _DATA_DISKS = 1_047_552, 64  # MB of the largest, and how many there may be
_CORE_LIMIT, _MACHINE_LIMIT = 10_000, 25_000  # the second is Azure's documented one for a region


@dataclass(frozen=True, slots=True)
class Size:
    """A size of machines; memory in GiB."""

    name: str
    family: str
    cores: int
    memory: int


SIZES = [Size(name, **size) for name, size in _CATALOG["sizes"].items()]
_BY_NAME = {fold(size.name): size for size in SIZES}

_on_sizes = Operations(NAMESPACE + "/skus")


@_on_sizes.operation("GET", f"{SUBSCRIPTION}/providers/{NAMESPACE}/skus", action=NAMESPACE + "/skus/read")
def _list_skus(call: Call) -> Answer:
    """Answer the sizes in each region, or in the one that ``$filter`` names: ``location eq 'eastus'``."""
    wanted = read_filter(call.query("$filter") or "", ("location",))
    regions = [location_name(wanted["location"])] if wanted else list(LOCATIONS)
    return Answer(200, {"value": [_sku(size, region) for region in regions if region for size in SIZES]})


@_on_sizes.operation("GET", LOCATION + "/vmSizes", action=NAMESPACE + "/locations/vmSizes/read")
def _list_sizes(call: Call) -> Answer:
    read_location(call["location"], "locations/vmSizes")
    return Answer(200, {"value": [_size(size) for size in SIZES]})


@_on_sizes.operation("GET", MACHINE + "/vmSizes", action=VIRTUAL_MACHINE + "/vmSizes/read")
def _list_sizes_of_machine(call: Call) -> Answer:
    existing(call, VIRTUAL_MACHINE)
    return Answer(200, {"value": [_size(size) for size in SIZES]})


@_on_sizes.operation("GET", LOCATION + "/usages", action=NAMESPACE + "/locations/usages/read")
def _list_usages(call: Call) -> Answer:
    region = location_name(call["location"])
    used: Counter[str] = Counter()
    for machine in call.cloud.store.list(call.cloud.seed_data.subscription, VIRTUAL_MACHINE):
        if machine.body["location"] == region:
            used[_MACHINES] += 1
            size = _BY_NAME.get(fold(machine.properties["hardwareProfile"]["vmSize"]))
            if size is not None:
                used[_CORES] += size.cores
                used[size.family] += size.cores
    value = [
        _usage(_CORES, "Total Regional vCPUs", used, _CORE_LIMIT),
        _usage(_MACHINES, "Virtual Machines", used, _MACHINE_LIMIT),
        *(_usage(family, shown, used, _CORE_LIMIT) for family, shown in _CATALOG["families"].items()),
    ]
    return Answer(200, {"value": value})


def _size(size: Size) -> dict[str, Any]:
    return {
        "name": size.name,
        "numberOfCores": size.cores,
        "osDiskSizeInMB": _OS_DISK,
        "resourceDiskSizeInMB": 0,
        "memoryInMB": size.memory * 1024,
        "maxDataDiskCount": _DATA_DISKS,
    }


def _sku(size: Size, region: str) -> dict[str, Any]:
    capabilities = {"vCPUs": size.cores, "MemoryGB": size.memory, "PremiumIO": True, "HyperVGenerations": "V1,V2"}
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": [], "zoneDetails": []}],
        "capabilities": [{"name": name, "value": str(value)} for name, value in capabilities.items()],
        "restrictions": [],
    }


def _usage(name: str, shown: str, used: Counter[str], limit: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "unit": "Count",
        "currentValue": used[name],
        "name": {"value": name, "localizedValue": shown},
    }


operations = (*_on_images, *_on_sizes)
