"""What is worked out before kernels are forked is what they would work out themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from azure.core.serialization import attribute_list, is_generated_model
from azure.mgmt.compute.models import VirtualMachine

from sandbox.entra.keys import ensure_signing_key
from tests.support.desk import Desk
from tests.support.machines import IDENTITY, Machines
from workshop.kernels.first_use import MACHINE


def test_a_machine_consists_of_models_that_were_made_before(tmp_path: Path) -> None:
    machines = Machines(Desk(ensure_signing_key(tmp_path)))
    identity = f"{machines.desk.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    machines.ask("PUT", identity, {"location": "eastus"}, version=IDENTITY)
    block = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    machines.ask("PATCH", machines.path(), {"identity": block})
    assert set(models_in(VirtualMachine(machines.get()))) == set(MACHINE)


def models_in(value: object) -> Iterator[str]:
    """The classes of all models in a model."""
    if is_generated_model(value):
        yield type(value).__name__
        names = [*attribute_list(value), "properties"]  # for which the list has what is in them
        values: Iterator[object] = (getattr(value, name, None) for name in names)
    elif isinstance(value, dict):
        values = iter(value.values())
    elif isinstance(value, list):
        values = iter(value)
    else:
        return
    for each in values:
        yield from models_in(each)
