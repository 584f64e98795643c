"""Platform images, as clients look them up before they make a machine."""

from __future__ import annotations

from typing import Any

from sandbox.arm import versions
from sandbox.arm.compute.vm_images import Image, find_image
from sandbox.arm.routing import Call, Operations
from sandbox.core import errors, seed_data
from sandbox.core.http import Answer

_LOCATION = "Microsoft.Compute/locations/"
_READ = _LOCATION + "publishers/artifacttypes/offers/skus/versions/read"
_VERSIONS = (
    "/subscriptions/{subscription}/providers/" + _LOCATION + "{location}/publishers/{publisher}"
    "/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
)

operations = Operations(_LOCATION + "publishers/artifacttypes/offers/skus/versions", versions.COMPUTE)


@operations.operation("GET", _VERSIONS, action=_READ)
def list_versions(call: Call) -> Answer:
    """Answer the versions of an image: the one that "latest" stands for."""
    image = find_image({**call.parameters, "version": "latest"})
    shown = _shown(call, image)
    return Answer(200, [shown if call.query("$expand") else {name: shown[name] for name in ("location", "name", "id")}])


@operations.operation("GET", _VERSIONS + "/{version}", action=_READ)
def get_version(call: Call) -> Answer:
    """Answer one version of an image."""
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
