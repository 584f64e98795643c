"""What is wrong is refused, and Azure's clients for Python, plain and async, raise it in Azure's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.compute.models import UserAssignedIdentitiesValue, VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources.models import ResourceGroup

from sandbox.core.seed_data import RESOURCE_GROUP, VM_NAME
from tests.clients.forged import NAMES, Forged
from tests.clients.python_clients import KINDS, Azure, azure_of
from tests.support.sandbox import RunningSandbox

NOBODY = "00000000-0000-4000-8000-000000000000"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
Call = Callable[[Azure, str], Awaitable[Any]]


def attach(identity: str, name: str = VM_NAME) -> Call:
    """Give a machine the identity with this id, below the group where it does not start with a slash."""

    def call(azure: Azure, group: str) -> Awaitable[Any]:
        full = identity if identity.startswith("/") else f"{group}/providers/{identity}"
        wanted = VirtualMachineIdentity(
            type="UserAssigned", user_assigned_identities={full: UserAssignedIdentitiesValue()}
        )
        return azure.virtual_machines.begin_update(RESOURCE_GROUP, name, VirtualMachineUpdate(identity=wanted))

    return call


def grant(role: str, principal: str, kind: str = "", name: str = NOBODY, below: str = "") -> Call:
    """Grant a role by its GUID on the group, or on something below it."""

    def call(azure: Azure, group: str) -> Awaitable[Any]:
        definition = f"{group}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        unsaid: Any = None  # the model's own default is a user
        wanted = RoleAssignmentCreateParameters(
            role_definition_id=definition, principal_id=principal, principal_type=kind or unsaid
        )
        return azure.role_assignments.create(group + below, name, wanted)

    return call


def identity(name: str, group: str = RESOURCE_GROUP, location: str = "eastus") -> Call:
    """Make an identity."""
    return lambda azure, _: azure.user_assigned_identities.create_or_update(group, name, Identity(location=location))


def resource_group(name: str, location: str) -> Call:
    """Make a group."""
    return lambda azure, _: azure.resource_groups.create_or_update(name, ResourceGroup(location=location))


MSI = "Microsoft.ManagedIdentity/userAssignedIdentities"
SP = "ServicePrincipal"
REFUSED: dict[str, tuple[Call, type[Exception], str, str]] = {
    "unknown group": (
        lambda azure, _: azure.resource_groups.get("nope"),
        ResourceNotFoundError,
        "ResourceGroupNotFound",
        "Resource group 'nope' could not be found.",
    ),
    "identity in an unknown group": (
        identity("ID1", group="nope"),
        ResourceNotFoundError,
        "ResourceGroupNotFound",
        "Resource group 'nope' could not be found.",
    ),
    "group that is elsewhere": (
        resource_group(RESOURCE_GROUP, "westus"),
        ResourceExistsError,
        "InvalidResourceGroupLocation",
        "Invalid resource group location 'westus'. The Resource group already exists in location 'eastus'.",
    ),
    "group name": (
        resource_group("ends with a dot.", "eastus"),
        HttpResponseError,
        "InvalidResourceGroupName",
        "The provided resource group name 'ends with a dot.' has these invalid characters",
    ),
    "location": (
        resource_group("mars", "mars"),
        HttpResponseError,
        "LocationNotAvailableForResourceType",
        "The provided location 'mars' is not available for resource type 'Microsoft.Resources/resourceGroups'.",
    ),
    "identity name": (identity("x!"), HttpResponseError, "InvalidResourceName", "The name 'x!' is not valid"),
    "unknown identity": (
        lambda azure, _: azure.user_assigned_identities.get(RESOURCE_GROUP, "ID404"),
        ResourceNotFoundError,
        "ResourceNotFound",
        f"The Resource '{MSI}/ID404' under resource group '{RESOURCE_GROUP}' was not found.",
    ),
    "unknown identity for a machine": (
        attach(f"{MSI}/ID404"),
        HttpResponseError,
        "FailedIdentityOperation",
        f"/providers/{MSI}/ID404' was not found.",
    ),
    "malformed id": (attach("/nope"), HttpResponseError, "InvalidParameter", "'/nope' is not a valid reference"),
    "unknown machine": (
        attach(f"{MSI}/ID404", name="nope"),
        ResourceNotFoundError,
        "ResourceNotFound",
        f"The Resource 'Microsoft.Compute/virtualMachines/nope' under resource group '{RESOURCE_GROUP}' was not found.",
    ),
    "unknown role": (
        grant(NOBODY, NOBODY, SP),
        ResourceNotFoundError,
        "RoleDefinitionDoesNotExist",
        f"The specified role definition with ID '{NOBODY}' does not exist.",
    ),
    "unknown principal": (
        grant(READER, NOBODY),
        HttpResponseError,
        "PrincipalNotFound",
        f"Principal {NOBODY.replace('-', '')} does not exist in the directory",
    ),
    "name that is no GUID": (
        grant(READER, NOBODY, SP, name="nope"),
        HttpResponseError,
        "InvalidRoleAssignmentId",
        "The role assignment ID 'nope' is not valid. The role assignment ID must be a GUID.",
    ),
    "grant on what is not there": (
        grant(READER, NOBODY, SP, below=f"/providers/{MSI}/ID404"),
        ResourceNotFoundError,
        "ResourceNotFound",
        f"The Resource '{MSI}/ID404' under resource group '{RESOURCE_GROUP}' was not found.",
    ),
}


def refusal(sandbox: RunningSandbox, kind: str, call: Call, token: str | None = None) -> HttpResponseError:
    async def ask() -> None:
        async with azure_of(sandbox, kind, token) as azure:
            await call(azure, sandbox.seed_data.group(RESOURCE_GROUP))

    with pytest.raises(HttpResponseError) as refused:
        asyncio.run(ask())
    return refused.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(sandbox: RunningSandbox, name: str, kind: str) -> None:
    call, error, code, message = REFUSED[name]
    refused = refusal(sandbox, kind, call)
    assert type(refused) is error
    assert refused.error is not None and refused.error.code == code
    assert message in str(refused.error.message)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_grant_under_another_name(sandbox: RunningSandbox, kind: str) -> None:
    principal = str(sandbox.add_principal(f"reader, {kind}")[0].object_id)

    async def twice(azure: Azure, group: str) -> None:
        await grant(READER, principal, name=principal)(azure, group)
        await grant(READER, principal, name=principal.translate(str.maketrans("01234567", "12345670")))(azure, group)

    refused = refusal(sandbox, kind, twice)
    assert refused.error is not None
    assert (type(refused), refused.error.code) == (ResourceExistsError, "RoleAssignmentExists")
    assert refused.error.message == "The role assignment already exists."


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_tokens(sandbox: RunningSandbox, forged: Mapping[str, Forged], name: str, kind: str) -> None:
    wrong = forged[name]
    refused = refusal(sandbox, kind, lambda azure, _: azure.resource_groups.get(RESOURCE_GROUP), wrong.token)
    assert type(refused) is ClientAuthenticationError
    assert refused.error is not None and refused.error.code == wrong.code
    assert str(refused.error.message).startswith(wrong.message)


@pytest.mark.parametrize("kind", KINDS)
def test_an_application_without_the_role(sandbox: RunningSandbox, kind: str) -> None:
    learner, secret = sandbox.add_principal(f"learner, {kind}")
    token = sandbox.token(learner.client_id, secret)
    who = f"The client '{learner.client_id}' with object id '{learner.object_id}' does not have authorization"
    for call in (REFUSED["unknown group"][0], REFUSED["identity name"][0], resource_group("mine", "eastus")):
        refused = refusal(sandbox, kind, call, token)
        assert refused.status_code == 403
        assert refused.error is not None and refused.error.code == "AuthorizationFailed"
        assert str(refused.error.message).startswith(f"{who} to perform action '")
