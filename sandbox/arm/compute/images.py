"""Platform images, as clients look them up: which operating system one holds, and what "latest" stands for.

The sandbox boots nothing, so it takes any image; those named here get the versions they had in May 2024, others 1.0.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rbac.folding import fold
from sandbox.arm import versions
from sandbox.arm.compute.provider import LOCATION, NAMESPACE
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors, seed_data
from sandbox.core.http import Answer

_UNKNOWN = "1.0.0"
_WINDOWS_PUBLISHERS = ("microsoftwindows", "microsoftsqlserver")
_LINUX = re.compile("ubuntu|rhel|sles")  # which SQL Server comes on, too
_WINDOWS_BUILDS = {
    "2025": "26100.863.240531",
    "2022": "20348.2461.240510",
    "2019": "17763.5820.240510",
    "2016": "14393.6981.240510",
}
_UBUNTU_VERSIONS = {"24": "24.04.202405170", "22": "22.04.202405140", "20": "20.04.202405150"}
_NUMBER = re.compile(r"\d+")
_TYPE = NAMESPACE + "/locations/publishers/artifacttypes/offers/skus/versions"
_VERSIONS = LOCATION + "/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"

operations = Operations(_TYPE, versions.COMPUTE)


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
    known = _UBUNTU_VERSIONS.get(numbers[0], _UNKNOWN) if publisher == "canonical" and numbers else _UNKNOWN
    version = _exact(reference, known)
    name = "ubuntu" if publisher == "canonical" else publisher or "linux"
    return Image("Linux", version, name, ".".join(version.split(".")[:2]), 30)


def _windows(sku: str, reference: dict[str, Any]) -> Image:
    year = next((year for year in _WINDOWS_BUILDS if sku.startswith(year)), None)
    version = _exact(reference, _WINDOWS_BUILDS.get(year or "", _UNKNOWN))
    name = f"Windows Server {year} Datacenter" if year else "Windows"
    if "azure-edition" in sku:
        name += " Azure Edition"
    return Image("Windows", version, name, "10.0." + ".".join(version.split(".")[:2]), 127)


def _exact(reference: dict[str, Any], latest: str) -> str:
    version = str(reference.get("version", "latest"))
    return latest if fold(version) == "latest" else version


@operations.operation("GET", _VERSIONS, action=_TYPE + "/read")
def _list_versions(call: Call) -> Answer:
    image = find_image({**call.parameters, "version": "latest"})
    shown = _shown(call, image)
    return Answer(200, [shown if call.query("$expand") else {name: shown[name] for name in ("location", "name", "id")}])


@operations.operation("GET", _VERSIONS + "/{version}", action=_TYPE + "/read")
def _get_version(call: Call) -> Answer:
    image = find_image({**call.parameters, "version": "latest"})
    if call["version"] != image.exact_version:
        raise errors.AzureError(404, "NotFound", "Artifact: VMImage was not found.")
    return Answer(200, _shown(call, image))


def _shown(call: Call, image: Image) -> dict[str, Any]:
    location = seed_data.location_name(call["location"])
    if location is None:
        raise errors.location_not_available(call["location"], "locations/publishers", seed_data.LOCATIONS)
    at = call.request.path.partition("/versions")[0]
    return {
        "location": location,
        "name": image.exact_version,
        "id": f"{at}/versions/{image.exact_version}",
        "properties": {
            "architecture": "x64",
            "hyperVGeneration": "V2",
            "osDiskImage": {"operatingSystem": image.os_type},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": False},
            "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}],
        },
    }
