"""The Azure CLI, unmodified, does with the sandbox what it does with Azure."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.seed_data import OTHER_RESOURCE_GROUP, RESOURCE_GROUP, VM_NAME
from tests.clients.azure_cli import AzureCli
from tests.support.sandbox import RunningSandbox

VM = ("--resource-group", RESOURCE_GROUP, "--name", VM_NAME)
TYPED = """\
eval "$({python} -m sandbox --data {data} env --az)"
az login --service-principal --username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET" \\
    --tenant "$AZURE_TENANT_ID" --query '[].name' --output tsv
az account list --query '[].state' --output tsv
az account show --query '[environmentName, user.type]' --output tsv
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_one_eval_is_all_it_takes_before_az_login(tmp_path: Path, installed_az: Path) -> None:
    data, home = tmp_path / "state", tmp_path / "home"
    home.mkdir()
    sandbox = [sys.executable, "-m", "sandbox", "--data", str(data)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    path = f"{installed_az.parent}{os.pathsep}{kept['PATH']}"
    subprocess.run([*sandbox, "start"], check=True, capture_output=True)
    try:
        done = subprocess.run(
            ["bash", "-ec", TYPED.format(python=shlex.quote(sys.executable), data=data)],
            env={**kept, "HOME": str(home), "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        subprocess.run([*sandbox, "stop"], check=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Contoso Sandbox", "Enabled", "Sandbox", "servicePrincipal"]
    assert not (home / ".azure").exists(), "the user's own folder was touched"


def test_resource_groups(az: AzureCli) -> None:
    group = ("group", "--name", "rg-groups")
    made = az("group", "create", "--name", "rg-groups", "--location", "East US", "--tags", "team=payroll")
    assert (made["location"], made["tags"], made["properties"]) == (
        "eastus",
        {"team": "payroll"},
        {"provisioningState": "Succeeded"},
    )
    assert az("group", "update", *group[1:], "--set", "tags.cost=42")["tags"] == {"team": "payroll", "cost": "42"}
    assert "rg-groups" in az("group", "list", "--query", "[].name")
    assert az("group", "list", "--tag", "cost=42", "--query", "[].name") == ["rg-groups"]
    assert az("group", "show", *group[1:])["tags"] == {"team": "payroll", "cost": "42"}
    assert az("group", "delete", *group[1:], "--yes") is None
    assert az("group", "exists", *group[1:]) is False
    assert "(ResourceGroupNotFound) Resource group 'rg-groups' could not be found." in az.refused(
        "group", "show", *group[1:]
    )


def test_identities_and_their_federated_credentials(az: AzureCli, sandbox: RunningSandbox) -> None:
    az("group", "create", "--name", "rg-identities", "--location", "westeurope")
    group = ("--resource-group", "rg-identities")
    made = az("identity", "create", *group, "--name", "ID1")
    assert (made["location"], made["tenantId"]) == ("westeurope", sandbox.seed_data.tenant_id)
    principal = sandbox.cloud.directory.by_client_id(made["clientId"])
    assert principal is not None and principal.object_id == made["principalId"]
    assert az("identity", "show", *group, "--name", "id1") == made
    assert az("identity", "list", *group) == [made]

    credential = ("identity", "federated-credential")
    of = (*group, "--identity-name", "ID1")
    given = ("--issuer", "https://contoso.com", "--subject", "build", "--audiences", "api://AzureADTokenExchange")
    federated = az(*credential, "create", *of, "--name", "build", *given)
    assert (federated["issuer"], federated["subject"]) == ("https://contoso.com", "build")
    assert az(*credential, "list", *of) == [federated]
    assert az(*credential, "delete", *of, "--name", "build", "--yes") is None
    assert az(*credential, "list", *of) == []

    assert az("identity", "delete", *group, "--name", "ID1") is None
    assert az("identity", "list", *group) == []


def test_a_machines_power(az: AzureCli) -> None:
    def state() -> str:
        statuses = az("vm", "get-instance-view", *VM)["instanceView"]["statuses"]
        return next(status["displayStatus"] for status in statuses if status["code"].startswith("PowerState/"))

    shown = az("vm", "show", *VM, "--show-details")
    assert (shown["powerState"], shown["privateIps"]) == ("VM running", "10.0.0.4")
    assert [found["name"] for found in az("vm", "list")] == [VM_NAME]
    az("vm", "stop", *VM)
    assert state() == "VM stopped"
    az("vm", "start", *VM)
    assert state() == "VM running"
    az("vm", "deallocate", *VM)
    assert state() == "VM deallocated"
    assert az("vm", "list", "--resource-group", RESOURCE_GROUP, "--show-details")[0]["powerState"] == "VM deallocated"
    az("vm", "start", *VM)


def test_a_machines_identities(az: AzureCli) -> None:
    first, second = (
        az("identity", "create", "--resource-group", OTHER_RESOURCE_GROUP, "--name", name) for name in ("vm-1", "vm-2")
    )
    assigned = az("vm", "identity", "assign", *VM, "--identities", "[system]", first["id"])
    assert assigned["systemAssignedIdentity"] and list(assigned["userAssignedIdentities"]) == [first["id"]]
    az("vm", "identity", "assign", *VM, "--identities", second["id"])
    shown = az("vm", "identity", "show", *VM)
    assert shown["type"] == "SystemAssigned, UserAssigned"
    assert shown["principalId"] == assigned["systemAssignedIdentity"]
    assert shown["userAssignedIdentities"] == {
        made["id"]: {"clientId": made["clientId"], "principalId": made["principalId"]} for made in (first, second)
    }
    left = az("vm", "identity", "remove", *VM, "--identities", "[system]", first["id"])
    assert (left["type"], list(left["userAssignedIdentities"])) == ("UserAssigned", [second["id"]])
    az("vm", "identity", "remove", *VM, "--identities", second["id"])
    assert az("vm", "identity", "show", *VM) is None


def test_role_definitions(az: AzureCli, sandbox: RunningSandbox, tmp_path: Path) -> None:
    [reader] = az("role", "definition", "list", "--name", "Reader")
    assert (reader["roleName"], reader["permissions"][0]["actions"]) == ("Reader", ["*/read"])
    file = tmp_path / "role.json"
    file.write_text(
        '{"Name": "VM Starter", "Description": "Starts machines.", "Actions": '
        '["Microsoft.Compute/virtualMachines/start/action"], "NotActions": [], '
        f'"AssignableScopes": ["{sandbox.seed_data.subscription}"]}}'
    )
    made = az("role", "definition", "create", "--role-definition", f"@{file}")
    assert (made["roleName"], made["roleType"]) == ("VM Starter", "CustomRole")
    names = "[].roleName"
    assert az("role", "definition", "list", "--custom-role-only", "--query", names) == ["VM Starter"]
    az("role", "definition", "delete", "--name", "VM Starter")
    assert az("role", "definition", "list", "--custom-role-only", "--query", names) == []


def test_role_assignments(az: AzureCli, sandbox: RunningSandbox) -> None:
    made = az("identity", "create", "--resource-group", OTHER_RESOURCE_GROUP, "--name", "assignee")
    scope = az("group", "create", "--name", "rg-roles", "--location", "eastus")["id"]
    at = ("--scope", scope, "--role", "Reader")
    assignment = ("role", "assignment")
    by_name = az(*assignment, "create", "--assignee", made["clientId"], *at)
    assert (by_name["principalId"], by_name["principalType"]) == (made["principalId"], "ServicePrincipal")
    [listed] = az(*assignment, "list", "--scope", scope)
    assert (listed["principalName"], listed["roleDefinitionName"]) == (made["clientId"], "Reader")
    assert [found["id"] for found in az(*assignment, "list", "--assignee", made["principalId"], "--all")] == [
        by_name["id"]
    ]
    az(*assignment, "delete", "--assignee", made["principalId"], *at)
    assert az(*assignment, "list", "--scope", scope) == []
    with_type = ("--assignee-object-id", made["principalId"], "--assignee-principal-type", "ServicePrincipal")
    again = az(*assignment, "create", *with_type, *at)
    assert az(*assignment, "create", *with_type, *at)["id"] == again["id"], "a grant that is there already is no error"
    az(*assignment, "delete", "--ids", again["id"])
    assert az(*assignment, "list", "--scope", scope, "--include-inherited", "--query", "[].roleDefinitionName") == [
        "Owner"
    ]


def test_any_request(az: AzureCli, sandbox: RunningSandbox) -> None:
    url = f"{sandbox.seed_data.group(RESOURCE_GROUP)}?api-version=2016-06-01"
    assert az("rest", "--method", "get", "--url", url)["name"] == RESOURCE_GROUP
    assert az("rest", "--url", f"{sandbox.endpoint}{url}")["name"] == RESOURCE_GROUP
    graph = f"{sandbox.endpoint}/v1.0/servicePrincipals?$filter=displayName eq 'operator'"
    [operator] = az("rest", "--url", graph, "--resource", "https://graph.microsoft.com")["value"]
    assert operator["id"] == sandbox.seed_data.operator_object_id


def test_a_program_signs_in_as_the_azure_cli_is(az: AzureCli, sandbox: RunningSandbox) -> None:
    program = (
        "from azure.identity import AzureCliCredential\n"
        "print(AzureCliCredential(process_timeout=300).get_token('https://management.azure.com/.default').token)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**az.variables, "PATH": f"{az.az.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    claims = sandbox.cloud.validator.validate(done.stdout.strip())
    assert claims.object_id == sandbox.seed_data.operator_object_id


def test_the_directory(az: AzureCli, sandbox: RunningSandbox) -> None:
    found = az("ad", "sp", "show", "--id", sandbox.seed_data.operator_client_id)
    assert (found["id"], found["displayName"]) == (sandbox.seed_data.operator_object_id, "operator")
    assert [each["displayName"] for each in az("ad", "sp", "list", "--display-name", "oper")] == ["operator"]
    assert "/me request is only valid with delegated authentication flow." in az.refused("ad", "signed-in-user", "show")


def test_the_identity_on_the_machine(
    az: AzureCli, az_on: Callable[[str], AzureCli], sandbox: RunningSandbox, request: pytest.FixtureRequest
) -> None:
    def grant(group: str) -> Any:
        return az(
            *("role", "assignment", "create", "--role", "Reader", "--scope", sandbox.seed_data.group(group)),
            *("--assignee-object-id", made["principalId"], "--assignee-principal-type", "ServicePrincipal"),
        )

    made = az("identity", "create", "--resource-group", OTHER_RESOURCE_GROUP, "--name", "on-machine")
    az("vm", "identity", "assign", *VM, "--identities", made["id"])
    request.addfinalizer(lambda: az("vm", "identity", "remove", *VM, "--identities", made["id"]))
    grant(OTHER_RESOURCE_GROUP)
    machine = az_on(VM_NAME)
    [account] = machine("login", "--identity", "--client-id", made["clientId"])
    assert account["user"] == {
        "assignedIdentityInfo": f"MSIClient-{made['clientId']}",
        "name": "userAssignedIdentity",
        "type": "servicePrincipal",
    }
    show = ("group", "show", "--name", RESOURCE_GROUP)
    assert (
        f"(AuthorizationFailed) The client '{made['clientId']}' with object id '{made['principalId']}' does not have "
        "authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope "
        f"'{sandbox.seed_data.subscription}/resourcegroups/{RESOURCE_GROUP}' or the scope is invalid."
    ) in machine.refused(*show)
    grant(RESOURCE_GROUP)
    assert machine(*show)["name"] == RESOURCE_GROUP
    operator = az("account", "show")["user"]
    assert operator["name"] == sandbox.seed_data.operator_client_id, "a machine's sign-in is not the operator's"
