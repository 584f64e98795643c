"""The states of a virtual machine, and how they follow one another as its operations come due.

``provisioningState`` is what Azure is doing with the machine; ``power``, in what is kept beside the body, is whether it
runs: running, stopped or deallocated, or on the way there: starting, stopping, deallocating.
"""

from __future__ import annotations

from sandbox.arm.compute.compute import compute_time
from sandbox.arm.compute.running_scripts import preempt_script
from sandbox.arm.compute.vm_identities import forget_system_identity
from sandbox.arm.compute.vm_interfaces import disconnect
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.state.store import Resource

TYPE = "Microsoft.Compute/virtualMachines"
TRANSITIONS = {
    "start": ("starting", "running"),
    "restart": ("starting", "running"),
    "powerOff": ("stopping", "stopped"),
    "deallocate": ("deallocating", "deallocated"),
}


def running_machines(cloud: Cloud) -> list[str]:
    """Return the ids of the machines that run now."""
    machines = cloud.store.list(cloud.seed_data.subscription, TYPE)
    return [machine.id for machine in machines if machine.internal["power"] == "running"]


def set_power(cloud: Cloud, machine: Resource, power: str) -> None:
    """Change whether a machine runs; the caller keeps it."""
    if "running" in (machine.internal.get("power"), power):
        cloud.machines_changed = True
    if power != "running":
        preempt_script(cloud, machine)
    machine.internal["power"] = power


def check_allowed(machine: Resource, operation: str) -> None:
    """Refuse an operation on a machine that is being made or deleted."""
    state, name = machine.properties["provisioningState"], machine.body["name"]
    if state == "Deleting":
        raise errors.conflict(
            "OperationNotAllowed",
            f"Operation '{operation}' is not allowed on VM '{name}' since the VM is marked for deletion. You can only "
            "retry the Delete operation (or wait for an ongoing one to complete).",
        )
    if state == "Creating":
        raise errors.conflict(
            "OperationNotAllowed",
            f"Operation '{operation}' is not allowed on VM '{name}' since the VM is being created. Please try again "
            "later.",
        )


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each operation on a machine."""
    store = cloud.store

    def created(machine_id: str) -> None:
        machine = store.get(machine_id)
        if machine is not None and machine.properties["provisioningState"] == "Creating":
            set_power(cloud, machine, "running")
            succeed(cloud, machine)

    def updated(machine_id: str) -> None:
        machine = store.get(machine_id)
        if machine is not None and machine.properties["provisioningState"] == "Updating":
            succeed(cloud, machine)

    def deleted(machine_id: str) -> None:
        machine = store.get(machine_id)
        if machine is not None and machine.properties["provisioningState"] == "Deleting":
            removed(machine)
            disconnect(cloud, machine)
            store.delete(machine.id)
            cloud.assignments.delete_under(machine.id)

    def removed(machine: Resource) -> None:
        preempt_script(cloud, machine)
        forget_system_identity(cloud, machine)
        cloud.machines_changed = True

    cloud.on_removal[TYPE] = removed
    for what, effect in (("create", created), ("update", updated), ("delete", deleted)):
        cloud.long_operations.on(f"vm.{what}", effect)
    for operation in TRANSITIONS:
        _declare_transition(cloud, operation)


def _declare_transition(cloud: Cloud, operation: str) -> None:
    def arrived(machine_id: str) -> None:
        machine = cloud.store.get(machine_id)
        if machine is None or machine.internal.get("transition") != operation:
            return  # another operation has come in between
        del machine.internal["transition"]
        set_power(cloud, machine, TRANSITIONS[operation][1])
        succeed(cloud, machine)

    cloud.long_operations.on(f"vm.{operation}", arrived)


def succeed(cloud: Cloud, machine: Resource) -> None:
    """Keep a machine with which Azure is done."""
    machine.properties["provisioningState"] = "Succeeded"
    machine.internal["provisioned_at"] = compute_time(cloud.clock.now())
    cloud.store.put(machine)
