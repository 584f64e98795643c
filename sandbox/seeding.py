"""Puts the seed data into an empty store."""

import json
from pathlib import Path

from rbac.roles import OWNER
from sandbox.arm.authorization.role_assignments import new_assignment
from sandbox.arm.compute.machines import new_virtual_machine
from sandbox.arm.resources.resource_groups import new_group
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.files import is_private, write_private
from sandbox.core.resource_ids import ROLE_DEFINITION
from sandbox.state.directory import Principal, new_secret
from sandbox.state.state_directory import StateError

_SEEDED = "seeded"


def ensure_seeded(cloud: Cloud, operator_secret: str) -> bool:
    """Put the seed data into a store that has none yet; the operator signs in with ``operator_secret``.

    To be called in a transaction. Returns whether there was none; raises StateError if it is of another seed.
    """
    is_empty = cloud.store.setting(_SEEDED) is None
    if is_empty:
        _add_operator(cloud, operator_secret)
        new_group(cloud, seed_data.RESOURCE_GROUP, seed_data.LOCATION)
        new_group(cloud, seed_data.OTHER_RESOURCE_GROUP, seed_data.LOCATION)
        new_virtual_machine(cloud, seed_data.RESOURCE_GROUP, seed_data.VM_NAME, seed_data.LOCATION)
        cloud.store.set_setting(_SEEDED, str(cloud.ids.seed))
    seed = cloud.store.setting(_SEEDED)
    if cloud.directory.by_object_id(cloud.seed_data.operator_object_id) is None:
        raise StateError(
            f"The sandbox's state was made with seed {seed}, not {cloud.ids.seed}. Start it with --seed {seed}, use "
            "another state directory (--data), or delete the state first: python -m sandbox reset"
        )
    cloud.directory.set_secret(cloud.seed_data.operator_client_id, operator_secret)
    return is_empty


def ensure_operator_secret(file: Path) -> str:
    """Return the operator's secret, generated at the first start and kept for the ones after.

    One that others could read or have written is replaced.
    """
    try:
        secret = json.loads(file.read_bytes())["clientSecret"]
        usable = isinstance(secret, str) and secret != "" and is_private(file)
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        usable = False
    if not usable:
        secret = new_secret()
        write_private(file, json.dumps({"clientSecret": secret}).encode())
    return str(secret)


def _add_operator(cloud: Cloud, secret: str) -> None:
    seeded = cloud.seed_data
    operator = Principal(
        seeded.operator_object_id, seeded.operator_client_id, seed_data.OPERATOR_NAME, "Application", None
    )
    cloud.directory.add(operator, secret)
    role_id = f"{seeded.subscription}/providers/{ROLE_DEFINITION}/{OWNER}"
    given = {"roleDefinitionId": role_id, "principalId": seeded.operator_object_id, "principalType": "ServicePrincipal"}
    name = cloud.ids.guid("world", "operator is owner")
    made = new_assignment(cloud, name, seeded.subscription, {**given, "createdBy": "", "updatedBy": ""})
    cloud.assignments.put(made, cloud.clock.now())
