"""Every call of Azure's management clients for Python that the course makes, and those around them: plain and async."""

from __future__ import annotations

import ast
import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity, IdentityUpdate
from azure.mgmt.resource.resources.models import GenericResource, ResourceGroup, ResourceGroupPatchable

from sandbox.core.seed_data import RESOURCE_GROUP, VM_NAME
from tests.clients.python_clients import GROUPS, KINDS, Azure, azure_of
from tests.support.sandbox import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]
GROUP = "rg-python"
MACHINE = (RESOURCE_GROUP, VM_NAME)


async def whole_life(azure: Azure, subscription: str) -> None:
    """Make and unmake everything the course is about, with every call it uses."""
    await groups(azure)
    await any_resource(azure, subscription)
    identity = await identities(azure)
    await machine(azure, identity)
    await roles(azure, identity, subscription)
    await azure.user_assigned_identities.delete(GROUP, "ID1")
    await azure.resource_groups.begin_delete(GROUP)
    assert await azure.resource_groups.check_existence(GROUP) is False
    with pytest.raises(HttpResponseError) as missing:
        await azure.resource_groups.get(GROUP)
    assert missing.value.error is not None and missing.value.error.code == "ResourceGroupNotFound"


async def groups(azure: Azure) -> None:
    assert (await azure.providers.get("Microsoft.ManagedIdentity")).registration_state == "Registered"
    made = await azure.resource_groups.create_or_update(GROUP, ResourceGroup(location="eastus"))
    changed = await azure.resource_groups.update(GROUP, ResourceGroupPatchable(tags={"a": "b"}))
    assert (await azure.resource_groups.get(GROUP)).tags == changed.tags == {"a": "b"}
    assert await azure.resource_groups.check_existence(GROUP) is True
    assert made.id in {group.id for group in await azure.resource_groups.list()}


async def identities(azure: Azure) -> Identity:
    made = await azure.user_assigned_identities.create_or_update(GROUP, "ID1", Identity(location="eastus"))
    changed = await azure.user_assigned_identities.update(GROUP, "ID1", IdentityUpdate(tags={"a": "b"}))
    read: Identity = await azure.user_assigned_identities.get(GROUP, "ID1")
    assert read.principal_id == made.principal_id and read.tags == changed.tags == {"a": "b"}
    for listed in (
        await azure.user_assigned_identities.list_by_resource_group(GROUP),
        await azure.user_assigned_identities.list_by_subscription(),
        await azure.resources.list_by_resource_group(GROUP),
        await azure.resources.list(filter="resourceType eq 'Microsoft.ManagedIdentity/userAssignedIdentities'"),
    ):
        assert [found.id for found in listed] == [read.id]
    given = FederatedIdentityCredential(issuer="https://contoso.com", subject="build", audiences=["a"])
    of = (GROUP, "ID1", "build")
    await azure.federated_identity_credentials.create_or_update(*of, given)
    assert (await azure.federated_identity_credentials.get(*of)).subject == "build"
    assert [found.name for found in await azure.federated_identity_credentials.list(*of[:2])] == ["build"]
    await azure.federated_identity_credentials.delete(*of)
    return read


async def any_resource(azure: Azure, subscription: str) -> None:
    network = f"{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
    wanted = GenericResource(location="eastus", properties={"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}})
    of = {"resource_id": network, "api_version": "2024-05-01"}
    made = await azure.resources.begin_create_or_update_by_id(parameters=wanted, **of)
    read = await azure.resources.get_by_id(**of)
    assert (read.id, read.properties["provisioningState"]) == (made.id, "Succeeded")
    await azure.resources.begin_delete_by_id(**of)
    assert await azure.resources.list_by_resource_group(GROUP) == []


async def machine(azure: Azure, identity: Identity) -> None:
    wanted = VirtualMachineIdentity(
        type="SystemAssigned, UserAssigned",
        user_assigned_identities={str(identity.id): UserAssignedIdentitiesValue()},
    )
    updated = await azure.virtual_machines.begin_update(*MACHINE, VirtualMachineUpdate(identity=wanted))
    read = await azure.virtual_machines.get(*MACHINE)
    assert read.identity.user_assigned_identities[identity.id].client_id == identity.client_id
    own = await azure.system_assigned_identities.get_by_scope(updated.id.lstrip("/"))
    assert own.principal_id == read.identity.principal_id
    for begin, state in (
        (azure.virtual_machines.begin_power_off, "stopped"),
        (azure.virtual_machines.begin_deallocate, "deallocated"),
        (azure.virtual_machines.begin_start, "running"),
        (azure.virtual_machines.begin_restart, "running"),
    ):
        await begin(*MACHINE)
        view = await azure.virtual_machines.instance_view(*MACHINE)
        assert view.statuses[-1].code == f"PowerState/{state}"
    assert [found.name for found in await azure.virtual_machines.list(RESOURCE_GROUP)] == [VM_NAME]
    assert [found.name for found in await azure.virtual_machines.list_all()] == [VM_NAME]
    nothing = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="None"))
    assert (await azure.virtual_machines.begin_update(*MACHINE, nothing)).identity is None


async def roles(azure: Azure, identity: Identity, subscription: str) -> None:
    scope = f"{subscription}/resourceGroups/{GROUP}"
    [reader] = await azure.role_definitions.list(scope, filter="roleName eq 'Reader'")
    assert (await azure.role_definitions.get(scope, reader.name)).role_name == "Reader"
    assert (await azure.role_definitions.get_by_id(reader.id)).id == reader.id
    wanted = RoleAssignmentCreateParameters(
        role_definition_id=reader.id, principal_id=str(identity.principal_id), principal_type="ServicePrincipal"
    )
    made = await azure.role_assignments.create(scope, str(uuid.uuid4()), wanted)
    read = await azure.role_assignments.get(scope, made.name)
    assert (await azure.role_assignments.get_by_id(made.id)).created_by == read.created_by != made.created_by
    mine = f"principalId eq '{identity.principal_id}'"
    for listed in (
        [
            found
            for found in await azure.role_assignments.list_for_scope(scope, filter="atScope()")
            if found.id == read.id
        ],
        await azure.role_assignments.list_for_subscription(filter=mine),
        await azure.role_assignments.list_for_resource_group(GROUP, filter=mine),
    ):
        assert [found.id for found in listed] == [made.id]
    await azure.role_assignments.delete(scope, made.name)
    again = await azure.role_assignments.create_by_id(made.id, wanted)
    await azure.role_assignments.delete_by_id(again.id)
    assert await azure.role_assignments.list_for_scope(scope, filter=mine) == []
    permissions = await azure.permissions.list_for_resource_group(GROUP)
    assert [permission.actions for permission in permissions] == [["*"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_of_the_course(sandbox: RunningSandbox, kind: str) -> None:
    async def run() -> None:
        async with azure_of(sandbox, kind) as azure:
            await whole_life(azure, sandbox.seed_data.subscription)
            missing = {call for call in used() if azure.offers(call)} - azure.called
            assert not missing, "the course makes calls that this test does not"

    asyncio.run(run())


def used() -> set[str]:
    """The calls in the helpers and the notebooks: ``virtual_machines.get`` and so on."""
    return {call for source in _sources() for call in _calls(ast.parse(source))}


def _sources() -> Iterator[str]:
    for module in (ROOT / "helpers").glob("*.py"):
        yield module.read_text("utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        yield "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _calls(tree: ast.AST) -> Iterator[str]:
    """Yield ``group.method`` for ``anything.group.method`` and for ``name.method`` after ``name = anything.group``."""
    names = {
        target.id: node.value.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr in GROUPS
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        group = node.value.attr if isinstance(node.value, ast.Attribute) else names.get(getattr(node.value, "id", ""))
        if group in GROUPS:
            yield f"{group}.{node.attr}"


def test_the_courses_calls_are_found() -> None:
    assert used() >= {
        "resource_groups.get",
        "user_assigned_identities.create_or_update",
        "virtual_machines.begin_update",
        "role_assignments.create",
    }
    assert set(_calls(ast.parse("groups = client.resource_groups\ngroups.get('x')"))) == {"resource_groups.get"}
