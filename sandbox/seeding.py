"""Puts the seed data into an empty store: the operator, and then what the operator asks Resource Manager for."""

import json
from pathlib import Path
from typing import Any

from rbac.roles import OWNER
from sandbox.arm import ROUTER
from sandbox.arm.authorization.role_assignments import new_assignment
from sandbox.arm.envelope import ResourceManager
from sandbox.arm.versions import versions_of
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.data_files import filled, read_data
from sandbox.core.errors import AzureError
from sandbox.core.files import is_private, write_private
from sandbox.core.http import Request
from sandbox.core.resource_ids import RESOURCE_GROUP, ROLE_DEFINITION, parse_resource_id
from sandbox.core.timing import INSTANT
from sandbox.state.directory import Caller, Principal, new_secret
from sandbox.state.state_directory import StateError

_SEEDED = "seeded"
_REQUESTS: dict[str, dict[str, Any]] = read_data(__file__, "seeding.yaml")


def ensure_seeded(cloud: Cloud, operator_secret: str) -> bool:
    """Put the seed data into a store that has none yet; the operator signs in with ``operator_secret``.

    To be called in a transaction. Returns whether there was none; raises StateError if it is of another seed.
    """
    is_empty = cloud.store.setting(_SEEDED) is None
    if is_empty:
        operator = _add_operator(cloud, operator_secret)
        make_group(cloud, operator, seed_data.RESOURCE_GROUP)
        make_group(cloud, operator, seed_data.OTHER_RESOURCE_GROUP)
        make_machine(cloud, operator, seed_data.RESOURCE_GROUP, seed_data.VM_NAME)
        cloud.store.set_setting(_SEEDED, str(cloud.ids.seed))
    seed = cloud.store.setting(_SEEDED)
    if cloud.directory.by_object_id(cloud.seed_data.operator_object_id) is None:
        raise StateError(
            f"The sandbox's state was made with seed {seed}, not {cloud.ids.seed}. Start it with --seed {seed}, use "
            "another state directory (--data), or delete the state first: python -m sandbox reset"
        )
    cloud.directory.set_secret(cloud.seed_data.operator_client_id, operator_secret)
    return is_empty


def make_group(cloud: Cloud, owner: Caller, name: str) -> None:
    """Make a resource group as ``owner``; to be called in a transaction."""
    _make(cloud, owner, "group", group=name)


def make_machine(cloud: Cloud, owner: Caller, group: str, name: str) -> None:
    """Make a running Windows machine and its network as ``owner``; to be called in a transaction."""
    password = f"{new_secret()}aA1-"  # kept nowhere; by chance alone it might not have three kinds of characters
    _make(cloud, owner, "machine", group=group, at=cloud.seed_data.group(group), name=name, password=password)


def _make(cloud: Cloud, owner: Caller, what: str, **names: str) -> None:
    manager = ResourceManager(cloud, ROUTER)
    timing, cloud.timing = cloud.timing, INSTANT  # it has been there for long
    try:
        for path, body in filled(_REQUESTS[what], location=seed_data.LOCATION, **names).items():
            resource_id = f"{cloud.seed_data.subscription}/{path}"
            query = (("api-version", max(versions_of(parse_resource_id(resource_id).type or RESOURCE_GROUP))),)
            content = json.dumps(body).encode()
            manager.perform(owner, Request("PUT", "https", "management.azure.com", resource_id, query, {}, content))
    except AzureError as error:  # by a file of roles in which an Owner may do less
        raise StateError(f"What a sandbox starts with cannot be made: {error.message}") from error
    finally:
        cloud.timing = timing


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


def _add_operator(cloud: Cloud, secret: str) -> Caller:
    seeded = cloud.seed_data
    operator = Principal(
        seeded.operator_object_id, seeded.operator_client_id, seed_data.OPERATOR_NAME, "Application", None
    )
    cloud.directory.add(operator, secret)
    role_id = f"{seeded.subscription}/providers/{ROLE_DEFINITION}/{OWNER}"
    given = {"roleDefinitionId": role_id, "principalId": seeded.operator_object_id, "principalType": "ServicePrincipal"}
    name = cloud.ids.guid("world", "operator is owner")
    made = new_assignment(cloud, name, seeded.subscription, {**given, "createdBy": "", "updatedBy": ""})
    cloud.assignments.put(made, cloud.clock.seconds())
    return Caller(operator.object_id, operator.client_id)
