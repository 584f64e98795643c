"""Whether a virtual machine runs: started, restarted, powered off and deallocated; and how it is now.

``provisioningState`` is what Azure is doing with a machine; ``power``, in what is kept beside the body, is whether it
runs: running, stopped or deallocated, or on the way there: starting, stopping, deallocating.
"""

from functools import partial
from typing import Any

from sandbox.arm.compute import provider
from sandbox.arm.compute.catalog import find_image
from sandbox.arm.compute.provider import MACHINE, check_allowed, compute_time
from sandbox.arm.compute.run_command import preempt_script
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import existing
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.resource_ids import VIRTUAL_MACHINE
from sandbox.state.store import Resource

_TRANSITIONS = {
    "start": ("starting", "running"),
    "restart": ("starting", "running"),
    "powerOff": ("stopping", "stopped"),
    "deallocate": ("deallocating", "deallocated"),
    "redeploy": ("starting", "running"),
}
_FROM_RUNNING = ("restart", "redeploy")
_AGENT_VERSION = {"Windows": "2.7.41491.1121", "Linux": "2.10.0.8"}

operations = Operations(VIRTUAL_MACHINE)


def _declare(operation: str) -> None:
    quota = provider.DELETE if operation == "deallocate" else provider.UPDATE

    @operations.operation("POST", f"{MACHINE}/{operation}", action=f"{VIRTUAL_MACHINE}/{operation}/action", quota=quota)
    def change_power(call: Call) -> Answer:
        machine = existing(call, VIRTUAL_MACHINE)
        check_allowed(machine, operation)
        power, name = machine.internal["power"], machine.body["name"]
        if operation in _FROM_RUNNING and power in ("stopped", "deallocated", "deallocating"):
            raise errors.refusal("OperationNotAllowed.stopped", operation, name, power)
        if not _is_there(operation, power):
            set_power(call.cloud, machine, _TRANSITIONS[operation][0])
            machine.internal["transition"] = operation
            machine.properties["provisioningState"] = "Updating"
        return provider.accept(call, machine, f"vm.{operation}")


def _is_there(operation: str, power: str) -> bool:
    """Return whether nothing has to change; a machine that is deallocated is off as well."""
    if operation in _FROM_RUNNING:
        return False
    return power == _TRANSITIONS[operation][1] or (operation == "powerOff" and power == "deallocated")


for _operation in _TRANSITIONS:
    _declare(_operation)


@operations.operation("POST", MACHINE + "/reapply", action=VIRTUAL_MACHINE + "/reapply/action", quota=provider.UPDATE)
def _reapply(call: Call) -> Answer:
    """Begin to apply a machine's state again, which changes nothing."""
    machine = existing(call, VIRTUAL_MACHINE)
    check_allowed(machine, "reapply")
    machine.properties["provisioningState"] = "Updating"
    return provider.accept(call, machine, "vm.update")


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each change of power."""
    for operation, (_, power) in _TRANSITIONS.items():
        cloud.long_operations.on(f"vm.{operation}", partial(_arrive, cloud, operation, power))


def _arrive(cloud: Cloud, operation: str, power: str, machine_id: str) -> None:
    machine = cloud.store.get(machine_id)
    if machine is None or machine.internal.get("transition") != operation:
        return  # another operation has come in between
    del machine.internal["transition"]
    set_power(cloud, machine, power)
    succeed(cloud, machine)


def running_machines(cloud: Cloud) -> list[str]:
    """Return the ids of the machines that run now."""
    machines = cloud.store.list(cloud.seed_data.subscription, VIRTUAL_MACHINE)
    return [machine.id for machine in machines if machine.internal["power"] == "running"]


def set_power(cloud: Cloud, machine: Resource, power: str) -> None:
    """Change whether a machine runs; the caller keeps it."""
    if "running" in (machine.internal.get("power"), power):
        cloud.machines_changed = True
    if power != "running":
        preempt_script(cloud, machine)
    machine.internal["power"] = power


def succeed(cloud: Cloud, machine: Resource) -> None:
    """Keep a machine with which Azure is done."""
    machine.properties["provisioningState"] = "Succeeded"
    machine.internal["provisioned_at"] = compute_time(cloud.clock.now())
    cloud.store.put(machine)


def instance_view(machine: Resource) -> dict[str, Any]:
    """Return how ``machine`` is now, in contrast to how it was asked for."""
    power, since = machine.internal["power"], machine.internal["provisioned_at"]
    profile = machine.properties["storageProfile"]
    state = machine.properties["provisioningState"]
    shown = "Provisioning succeeded" if state == "Succeeded" else state
    view: dict[str, Any] = {
        "statuses": [
            _status(f"ProvisioningState/{state.lower()}", shown, since),
            {"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"},
        ],
        "disks": [
            {
                "name": disk["name"],
                "statuses": [_status("ProvisioningState/succeeded", "Provisioning succeeded", since)],
            }
            for disk in (profile["osDisk"], *profile["dataDisks"])
        ],
        "hyperVGeneration": "V1" if "gen1" in str(profile.get("imageReference", {}).get("sku", "")) else "V2",
    }
    if power == "running":
        view |= _from_within(machine, since)
    return view


def _from_within(machine: Resource, since: str) -> dict[str, Any]:
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


def _status(code: str, shown: str, since: str) -> dict[str, Any]:
    return {"code": code, "level": "Info", "displayStatus": shown, "time": since}
