"""What is wrong is refused, and the Azure CLI shows Azure's own message for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sandbox.core.seed_data import LOCATION, OTHER_RESOURCE_GROUP, RESOURCE_GROUP, VM_NAME
from tests.clients.azure_cli import AzureCli, clients_environment
from tests.clients.forged import Forged
from tests.support.sandbox import RunningSandbox

VM = ("--resource-group", RESOURCE_GROUP, "--name", VM_NAME)
NOBODY = "00000000-0000-4000-8000-000000000000"


def test_groups_and_identities(az: AzureCli) -> None:
    identity = ("identity", "create", "--name", "ID1")
    missing = "(ResourceGroupNotFound) Resource group 'nope' could not be found."
    assert missing in az.refused(*identity, "--resource-group", "nope", "--location", LOCATION)
    assert (
        "(InvalidResourceGroupLocation) Invalid resource group location 'westus'. The Resource group already exists in "
        f"location '{LOCATION}'."
    ) in az.refused("group", "create", "--name", RESOURCE_GROUP, "--location", "westus")
    assert "(LocationNotAvailableForResourceType) The provided location 'mars' is not available" in az.refused(
        "group", "create", "--name", "rg-mars", "--location", "mars"
    )
    az(*identity, "--resource-group", RESOURCE_GROUP)
    assert (
        f"(InvalidResourceLocation) The resource 'ID1' already exists in location '{LOCATION}' in resource group "
        f"'{RESOURCE_GROUP}'."
    ) in az.refused(*identity, "--resource-group", RESOURCE_GROUP, "--location", "westus")


def test_identities_of_a_machine(az: AzureCli, sandbox: RunningSandbox) -> None:
    group = sandbox.seed_data.group(RESOURCE_GROUP)
    missing = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID404"
    assign = ("vm", "identity", "assign", *VM, "--identities")
    assert (
        "(FailedIdentityOperation) Identity operation for resource "
        f"'{group}/providers/Microsoft.Compute/virtualMachines/{VM_NAME}' failed with error"
    ) in az.refused(*assign, missing)
    assert "is not a valid reference to a Microsoft.ManagedIdentity identity." in az.refused(*assign, "not/a/name")
    assert (
        f"(ResourceNotFound) The Resource 'Microsoft.Compute/virtualMachines/nope' under resource group "
        f"'{RESOURCE_GROUP}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    ) in az.refused("vm", "show", "--resource-group", RESOURCE_GROUP, "--name", "nope")


def test_roles(az: AzureCli, sandbox: RunningSandbox) -> None:
    scope = ("--scope", sandbox.seed_data.group(RESOURCE_GROUP))
    create = ("role", "assignment", "create")
    operator = ("--assignee-object-id", sandbox.seed_data.operator_object_id)
    typed = (*operator, "--assignee-principal-type", "ServicePrincipal")
    assert "Role 'Nope' doesn't exist." in az.refused(*create, *typed, *scope, "--role", "Nope")
    assert f"(RoleDefinitionDoesNotExist) The specified role definition with ID '{NOBODY}'" in az.refused(
        *create, *typed, *scope, "--role", NOBODY
    )
    reader = (*create, *scope, "--role", "Reader")
    assert "(InvalidRoleAssignmentId) The role assignment ID 'x' is not valid." in az.refused(
        *reader, *typed, "--name", "x"
    )
    assert (
        f"(PrincipalNotFound) Principal {NOBODY.replace('-', '')} does not exist in the directory "
        f"{sandbox.seed_data.tenant_id}."
    ) in az.refused(*reader, "--assignee-object-id", NOBODY)
    assert f"Cannot find user or service principal in graph database for '{NOBODY}'." in az.refused(
        *reader, "--assignee", NOBODY
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/subscriptions/nope/resourceGroups/x?api-version=2022-09-01", '"code":"InvalidSubscriptionId"'),
        ("/subscriptions?api-version=1999-01-01", '"code":"InvalidApiVersionParameter"'),
    ],
)
def test_any_request(az: AzureCli, path: str, message: str) -> None:
    assert message in az.refused("rest", "--url", path)


@pytest.mark.parametrize("name", ["wrong key", "wrong issuer", "wrong audience", "alg none"])
def test_tokens(az: AzureCli, sandbox: RunningSandbox, forged: Mapping[str, Forged], name: str) -> None:
    wrong = forged[name]
    said = az.refused(
        *("rest", "--url", f"{sandbox.seed_data.subscription}?api-version=2022-12-01", "--skip-authorization-header"),
        *("--headers", f"Authorization=Bearer {wrong.token}"),
    )
    assert f'"code":"{wrong.code}","message":"{wrong.message}' in said


def test_sign_in(sandbox: RunningSandbox, az_program: Path, tmp_path: Path) -> None:
    def refused(**changed: str) -> str:
        v = {**az.variables, **changed}
        return az.refused(
            *("login", "--service-principal", "--username", v["AZURE_CLIENT_ID"]),
            *("--password", v["AZURE_CLIENT_SECRET"], "--tenant", v["AZURE_TENANT_ID"]),
        )

    az = AzureCli(az_program, clients_environment(sandbox, tmp_path, VM_NAME))
    assert "AADSTS7000215: Invalid client secret provided." in refused(AZURE_CLIENT_SECRET="guessed")
    assert f"AADSTS700016: Application with identifier '{NOBODY}' was not found in the directory 'Contoso'." in refused(
        AZURE_CLIENT_ID=NOBODY
    )
    assert "AADSTS90002: Tenant 'fabrikam.com' not found." in refused(AZURE_TENANT_ID="fabrikam.com")


def test_an_application_without_a_role(sandbox: RunningSandbox, az_program: Path, tmp_path: Path) -> None:
    learner, secret = sandbox.add_principal("learner")
    variables = clients_environment(sandbox, tmp_path, VM_NAME)
    az = AzureCli(az_program, {**variables, "AZURE_CLIENT_ID": learner.client_id, "AZURE_CLIENT_SECRET": secret})
    with pytest.raises(AssertionError, match="No subscriptions found"):
        az.sign_in()
    sandbox.arm(
        "PUT",
        f"{sandbox.seed_data.group(OTHER_RESOURCE_GROUP)}/providers/Microsoft.Authorization/roleAssignments/{NOBODY}",
        {
            "properties": {
                "roleDefinitionId": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
                "principalId": learner.object_id,
                "principalType": "ServicePrincipal",
            }
        },
    )
    az.sign_in()
    who = f"(AuthorizationFailed) The client '{learner.client_id}' with object id '{learner.object_id}'"
    assert (
        f"{who} does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourcegroups/write'"
    ).casefold() in az.refused("group", "create", "--name", "mine", "--location", LOCATION).casefold()
    assert who in az.refused("group", "show", "--name", "does-not-exist"), "what is not there is not told apart"
    assert "Insufficient privileges to complete the operation." in az.refused("ad", "sp", "list", "--all")


def test_a_token_that_has_expired_meanwhile(az: AzureCli, sandbox: RunningSandbox) -> None:
    show = ("group", "show", "--name", RESOURCE_GROUP)
    az(*show)
    sandbox.clock.advance(3700)
    said = az.refused(*show)
    sandbox.clock.advance(-3700)
    assert "(ExpiredAuthenticationToken) The access token expiry UTC time '" in said


def test_an_identity_that_was_taken_away(
    az: AzureCli, az_on: Callable[[str], AzureCli], sandbox: RunningSandbox
) -> None:
    made = az("identity", "create", "--resource-group", OTHER_RESOURCE_GROUP, "--name", "taken-away")
    az("vm", "identity", "assign", *VM, "--identities", made["id"])
    machine = az_on(VM_NAME)
    machine("login", "--identity", "--client-id", made["clientId"], "--allow-no-subscriptions")
    az("vm", "identity", "remove", *VM, "--identities", made["id"])
    assert "Identity not found" in machine.refused("account", "get-access-token")
