"""``az vm create`` and its template: a machine with all it needs, on which an identity gets its token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sandbox.core.seed_data import LOCATION
from tests.clients.azure_cli import AzureCli
from tests.support.sandbox import RunningSandbox

GROUP = "rg-machines"
LINUX = ("--image", "Ubuntu2204", "--admin-username", "azureuser", "--generate-ssh-keys", "--size", "Standard_B2s")


def test_a_machine_with_an_identity_that_may_read_its_group(
    az: AzureCli, az_on: Callable[[str], AzureCli], sandbox: RunningSandbox
) -> None:
    group = az("group", "create", "--name", GROUP, "--location", LOCATION)["id"]
    identity = az("identity", "create", "--resource-group", GROUP, "--name", "ID1")
    made = az(
        *("vm", "create", "--resource-group", GROUP, "--name", "web", *LINUX),
        *("--assign-identity", "[system]", identity["id"], "--scope", group, "--role", "Reader"),
    )
    assert (made["powerState"], made["privateIpAddress"], made["publicIpAddress"]) == (
        "VM running",
        "10.0.0.4",
        "203.0.113.1",
    )
    assert made["identity"]["role"] == "Reader" and made["identity"]["scope"] == group
    kinds = az("resource", "list", "--resource-group", GROUP, "--query", "[].type")
    assert sorted(kind.rpartition("/")[2] for kind in kinds) == [
        "networkInterfaces",
        "networkSecurityGroups",
        "publicIPAddresses",
        "userAssignedIdentities",
        "virtualMachines",
        "virtualNetworks",
    ]
    [deployment] = az("deployment", "group", "list", "--resource-group", GROUP)
    assert deployment["properties"]["provisioningState"] == "Succeeded"

    machine = az_on("web")
    machine("login", "--identity")
    assert machine("group", "show", "--name", GROUP)["id"] == group


def test_what_az_vm_create_is_refused(az: AzureCli) -> None:
    create = ("vm", "create", "--resource-group", "rg-refused", "--name", "web")
    az("group", "create", "--name", "rg-refused", "--location", LOCATION)
    done = az.run(*create, *LINUX, "--computer-name", "has spaces")
    # The program reads the refusal's body twice and stumbles over that, with Azure as well; it shows the first reading.
    assert done.returncode != 0 and "The content for this response was already consumed" in done.stderr
    assert "(InvalidTemplateDeployment) The template deployment 'vm_deploy_" in done.stderr
    assert "(InvalidParameter) Linux host name cannot exceed 64 characters in length" in done.stderr
    assert az("resource", "list", "--resource-group", "rg-refused") == []


def test_a_template_of_ones_own(az: AzureCli, tmp_path: Path) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"name": {"type": "string"}},
        "resources": [
            {
                "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
                "apiVersion": "2024-11-30",
                "name": "[parameters('name')]",
                "location": "[resourceGroup().location]",
            }
        ],
        "outputs": {
            "client": {
                "type": "string",
                "value": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities',"
                " parameters('name'))).clientId]",
            }
        },
    }
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template))
    az("group", "create", "--name", "rg-template", "--location", LOCATION)
    at = ("--resource-group", "rg-template", "--template-file", str(file), "--parameters", "name=ID1")
    done = az("deployment", "group", "create", "--name", "d1", *at)
    client = az("identity", "show", "--resource-group", "rg-template", "--name", "ID1")["clientId"]
    assert done["properties"]["outputs"]["client"]["value"] == client
