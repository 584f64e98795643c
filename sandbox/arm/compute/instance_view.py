"""The instance view of a virtual machine: how it is now, in contrast to how it was asked for."""

from __future__ import annotations

from typing import Any

from sandbox.arm.compute.vm_images import find_image
from sandbox.state.store import Resource

_PROVISIONING = {
    "Succeeded": ("succeeded", "Provisioning succeeded"),
    "Creating": ("creating", "Creating"),
    "Updating": ("updating", "Updating"),
    "Deleting": ("deleting", "Deleting"),
}
_AGENT_VERSION = {"Windows": "2.7.41491.1121", "Linux": "2.10.0.8"}


def instance_view(machine: Resource) -> dict[str, Any]:
    """Return the instance view of ``machine``."""
    power = machine.internal["power"]
    since = machine.internal["provisioned_at"]
    profile = machine.properties["storageProfile"]
    view: dict[str, Any] = {"statuses": _statuses(machine.properties["provisioningState"], power, since)}
    view["disks"] = [
        {"name": disk["name"], "statuses": [_status("ProvisioningState/succeeded", "Provisioning succeeded", since)]}
        for disk in (profile["osDisk"], *profile["dataDisks"])
    ]
    view["hyperVGeneration"] = "V1" if "gen1" in str(profile.get("imageReference", {}).get("sku", "")) else "V2"
    if power == "running":
        view |= _from_within(machine, since)
    return view


def _from_within(machine: Resource, since: str) -> dict[str, Any]:
    """Return what the agent inside the machine reports."""
    properties = machine.properties
    os_type = properties["storageProfile"]["osDisk"]["osType"]
    reference = properties["storageProfile"].get("imageReference", {})
    image = find_image(reference)
    system = {"osName": image.os_name, "osVersion": image.os_version} if "publisher" in reference else {}
    ready = _status("ProvisioningState/succeeded", "Ready", since)
    ready["message"] = "GuestAgent is running and accepting new configurations."
    return {
        "computerName": properties.get("osProfile", {}).get("computerName", machine.body["name"]),
        **system,
        "vmAgent": {"vmAgentVersion": _AGENT_VERSION[os_type], "statuses": [ready], "extensionHandlers": []},
    }


def _statuses(state: str, power: str, since: str) -> list[dict[str, Any]]:
    code, shown = _PROVISIONING[state]
    return [
        _status(f"ProvisioningState/{code}", shown, since),
        {"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"},
    ]


def _status(code: str, shown: str, since: str) -> dict[str, Any]:
    return {"code": code, "level": "Info", "displayStatus": shown, "time": since}
