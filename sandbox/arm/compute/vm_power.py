"""Virtual machines started, restarted, powered off and deallocated."""

from __future__ import annotations

from sandbox.arm import versions
from sandbox.arm.compute import compute
from sandbox.arm.compute.vm_states import TRANSITIONS, TYPE, check_allowed, set_power
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import existing
from sandbox.core import errors
from sandbox.core.http import Answer

_MACHINE = "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/" + TYPE + "/{name}"

operations = Operations(TYPE, versions.COMPUTE)


def _declare(operation: str) -> None:
    quota = compute.DELETE if operation == "deallocate" else compute.UPDATE

    @operations.operation("POST", f"{_MACHINE}/{operation}", action=f"{TYPE}/{operation}/action", quota=quota)
    def change_power(call: Call) -> Answer:
        machine = existing(call, TYPE)
        check_allowed(machine, operation)
        power = machine.internal["power"]
        if operation == "restart" and power in ("stopped", "deallocated", "deallocating"):
            raise errors.conflict(
                "OperationNotAllowed",
                f"Operation 'restart' is not allowed on VM '{machine.body['name']}' since the VM is {power}. Start it.",
            )
        if not _is_there(operation, power):
            set_power(call.cloud, machine, TRANSITIONS[operation][0])
            machine.internal["transition"] = operation
            machine.properties["provisioningState"] = "Updating"
        compute.touch(machine)
        call.cloud.store.put(machine)
        links = compute.begin(call, machine, f"vm.{operation}", with_location=True)
        return Answer(202, headers=links)


def _is_there(operation: str, power: str) -> bool:
    """Tell whether nothing has to change; a machine that is deallocated is off as well."""
    if operation == "restart":
        return False
    return power == TRANSITIONS[operation][1] or (operation == "powerOff" and power == "deallocated")


for _operation in TRANSITIONS:
    _declare(_operation)
