"""Which sizes of machines there are, and how many of their cores a subscription may have.

Shapes: https://learn.microsoft.com/rest/api/compute/resource-skus/list and
https://learn.microsoft.com/rest/api/compute/usage/list. A few sizes stand for the hundreds that Azure has; each can be
had in every region. Usage is counted from the machines; nobody is stopped at a limit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rbac.folding import fold
from sandbox.arm import versions
from sandbox.arm.compute.provider import LOCATION, MACHINE, NAMESPACE
from sandbox.arm.listing import invalid_filter, read_filter
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.arm.tracked import existing
from sandbox.core import errors, seed_data
from sandbox.core.http import Answer
from sandbox.core.resource_ids import VIRTUAL_MACHINE
from sandbox.core.seed_data import location_name

_CORES, _MACHINES = "cores", "virtualMachines"
_FAMILIES = {
    "standardBSFamily": "Standard BS Family vCPUs",
    "standardDSv3Family": "Standard DSv3 Family vCPUs",
    "standardDSv5Family": "Standard DSv5 Family vCPUs",
}
_OS_DISK, _DATA_DISKS = 1_047_552, 64  # MB of the largest, and how many there may be
_CORE_LIMIT, _MACHINE_LIMIT = 10_000, 25_000  # the second is Azure's documented one for a region


@dataclass(frozen=True, slots=True)
class Size:
    """A size of machines; memory in GiB."""

    name: str
    family: str
    cores: int
    memory: int


SIZES = (
    Size("Standard_B1s", "standardBSFamily", 1, 1),
    Size("Standard_B2s", "standardBSFamily", 2, 4),
    Size("Standard_B2ms", "standardBSFamily", 2, 8),
    Size("Standard_B4ms", "standardBSFamily", 4, 16),
    Size("Standard_D2s_v3", "standardDSv3Family", 2, 8),
    Size("Standard_D4s_v3", "standardDSv3Family", 4, 16),
    Size("Standard_D2s_v5", "standardDSv5Family", 2, 8),
    Size("Standard_D4s_v5", "standardDSv5Family", 4, 16),
)
_BY_NAME = {fold(size.name): size for size in SIZES}

operations = Operations(NAMESPACE + "/skus", versions.COMPUTE)


@operations.operation("GET", f"{SUBSCRIPTION}/providers/{NAMESPACE}/skus", action=NAMESPACE + "/skus/read")
def _list_skus(call: Call) -> Answer:
    """Answer the sizes in each region, or in the one that ``$filter`` names: ``location eq 'eastus'``."""
    wanted = read_filter(call.query("$filter") or "")
    if not set(wanted) <= {"location"}:
        raise invalid_filter(call.query("$filter") or "")
    regions = [location_name(wanted["location"])] if wanted else list(seed_data.LOCATIONS)
    return Answer(200, {"value": [_sku(size, region) for region in regions if region for size in SIZES]})


@operations.operation("GET", LOCATION + "/vmSizes", action=NAMESPACE + "/locations/vmSizes/read")
def _list_sizes(call: Call) -> Answer:
    if location_name(call["location"]) is None:
        raise errors.location_not_available(call["location"], "locations/vmSizes", seed_data.LOCATIONS)
    return Answer(200, {"value": [_size(size) for size in SIZES]})


@operations.operation("GET", MACHINE + "/vmSizes", action=VIRTUAL_MACHINE + "/vmSizes/read")
def _list_sizes_of_machine(call: Call) -> Answer:
    existing(call, VIRTUAL_MACHINE)
    return Answer(200, {"value": [_size(size) for size in SIZES]})


@operations.operation("GET", LOCATION + "/usages", action=NAMESPACE + "/locations/usages/read")
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
        *(_usage(family, shown, used, _CORE_LIMIT) for family, shown in _FAMILIES.items()),
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
