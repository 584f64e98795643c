"""The quickstart for PowerShell maps one to one to the notebooks: its headings, its commands, and the fields it shows.

`COMMANDS` is the table. Where a copy of the quickstart is at hand, the table is held to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.notebooks.course import FOLDER, book

SEED = FOLDER.parent.parent / "shared" / "seed"


@dataclass(frozen=True)
class Step:
    """A command of the quickstart: the notebook and cell that does it, and what of Azure's it uses there."""

    command: str
    notebook: str
    cell: str
    python: str


COMMANDS = (
    Step("Install-Module -Name PowerShellGet", "00_prerequisites", "configure-python-packages", "version(package)"),
    Step(
        "Install-Module -Name Az.ManagedServiceIdentity",
        "00_prerequisites",
        "configure-python-packages",
        '"azure-mgmt-msi"',
    ),
    Step("Connect-AzAccount", "00_prerequisites", "sign-in-connect", "connect(target, subscription_id, sign_in="),
    Step(
        "New-AzUserAssignedIdentity",
        "01_create_identity",
        "create-identity",
        "identities.create_or_update(resource_group, identity_name, wanted)",
    ),
    Step(
        "Get-AzVM",
        "02_assign_identity",
        "assign-identity-before",
        "compute.virtual_machines.get(resource_group, vm_name)",
    ),
    Step(
        "Update-AzVM",
        "02_assign_identity",
        "assign-identity",
        "compute.virtual_machines.begin_update(resource_group, vm_name, change)",
    ),
    Step(
        "Get-AzUserAssignedIdentity",
        "03_grant_access",
        "catch-up",
        "ensure_identity(connection, resource_group",
    ),
    Step(
        "New-AzRoleAssignment",
        "03_grant_access",
        "create-grant",
        "role_assignments.create(scope=group.id, role_assignment_name=name, parameters=wanted)",
    ),
    Step(
        "Invoke-WebRequest -Uri 'http://169.254.169.254",
        "04_get_token",
        "get-an-access-token",
        'on_vm.get(url, params=params, headers={"Metadata": "true"}, timeout=10)',
    ),
    Step("ConvertFrom-Json", "04_get_token", "get-an-access-token-content", "content = response.json()"),
    Step("$content.access_token", "04_get_token", "token-claims", 'content["access_token"]'),
    Step(
        "Invoke-WebRequest -Uri https://management.azure.com",
        "05_read_properties",
        "read-properties-request",
        "on_vm.get(url, params=version, headers=headers, timeout=30)",
    ),
)

HEADINGS = (
    ("Prerequisites", "00_prerequisites", "# Check the prerequisites"),
    ("Configure Azure PowerShell locally", "00_prerequisites", "## Configure Python locally"),
    ("Enable a user-assigned managed identity", "01_create_identity", "## Enable a user-assigned managed identity"),
    ("Create identity", "01_create_identity", "## Create identity"),
    ("Assign identity", "02_assign_identity", "## Assign identity"),
    ("Grant access", "03_grant_access", "## Grant access"),
    ("Get an access token", "04_get_token", "## Get an access token"),
    ("Read properties", "05_read_properties", "## Read properties"),
)

IDENTITY_FIELDS = (
    *("Id", "ResourceGroupName", "Name", "Location", "TenantId"),
    *("PrincipalId", "ClientId", "ClientSecretUrl", "Type"),
)
ASSIGNMENT_FIELDS = (
    *("RoleAssignmentId", "Scope", "DisplayName", "SignInName", "RoleDefinitionName"),
    *("RoleDefinitionId", "ObjectId", "ObjectType", "CanDelegate"),
)
ANSWERS = (
    ("01_create_identity", "create-identity-fields", IDENTITY_FIELDS),
    ("03_grant_access", "create-grant-fields", ASSIGNMENT_FIELDS),
    ("05_read_properties", "read-properties", ("id", "name", "location", "properties", "provisioningState")),
)


def twins(notebook: str, language: str) -> str:
    """All folded code in ``language`` of a notebook."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", book(notebook).prose, re.MULTILINE | re.DOTALL))


def cmdlet(command: str) -> str:
    """What identifies a command: its name and what it is aimed at."""
    return re.sub(r"(https?://[\w.]+).*", r"\1", command.replace('"', "").replace("'", ""))


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.command)
class TestCommand:
    def test_a_cell_does_it(self, step: Step) -> None:
        cell = book(step.notebook).cell(step.cell)
        assert cell.is_code
        assert "".join(step.python.split()) in "".join(cell.source.split())  # a long line is broken somewhere

    def test_its_powershell_is_folded_into_the_same_notebook(self, step: Step) -> None:
        assert cmdlet(step.command) in cmdlet_lines(twins(step.notebook, "powershell"))


def cmdlet_lines(text: str) -> str:
    return text.replace('"', "").replace("'", "")


@pytest.mark.parametrize("step", COMMANDS[2:], ids=lambda step: step.command)
def test_there_is_an_azure_cli_twin(step: Step) -> None:
    assert re.search(r"^az |=\$\(az |^ +az ", twins(step.notebook, "bash"), re.MULTILINE)


@pytest.mark.parametrize(("heading", "notebook", "ours"), HEADINGS)
def test_every_heading_has_its_own(heading: str, notebook: str, ours: str) -> None:
    assert re.search(rf"^{ours}$", book(notebook).prose, re.MULTILINE)


@pytest.mark.parametrize(("notebook", "cell", "fields"), ANSWERS)
def test_every_field_of_an_answer_is_shown(notebook: str, cell: str, fields: tuple[str, ...]) -> None:
    outputs = [output["data"] for output in book(notebook).cell(cell).outputs]
    shown = "".join("".join(data["text/plain"]) for data in outputs)
    for name in fields:
        assert re.search(rf"(^|[\"\s]){name}([\"\s]*:)", shown, re.MULTILINE), name


def test_the_literal_addresses_stand_in_the_cells() -> None:
    token = book("04_get_token").cell("get-an-access-token-address").source
    assert 'url = "http://169.254.169.254/metadata/identity/oauth2/token"' in token
    asked = book("04_get_token").cell("get-an-access-token-params").source
    assert '"api-version": "2018-02-01"' in asked
    assert '"client_id": identity.client_id' in asked
    assert '"resource": "https://management.azure.com/"' in asked
    group = book("05_read_properties").cell("read-properties-url").source
    assert "https://management.azure.com/subscriptions/{connection.subscription_id}" in group
    assert "/resourceGroups/{resource_group}" in group
    assert '{"api-version": "2016-06-01"}' in group


@pytest.fixture(scope="module")
def quickstart() -> str:
    files = sorted(Path(SEED).glob("*.txt")) if SEED.is_dir() else []
    if not files:
        pytest.skip("the quickstart is not beside the repository")
    return files[0].read_text("utf-8")


def test_no_command_of_the_quickstart_is_missing_from_the_table(quickstart: str) -> None:
    blocks = re.findall(r"^ *```azurepowershell[\w-]*\n(.*?)^ *```", quickstart, re.MULTILINE | re.DOTALL)
    commands = [
        line for block in blocks for line in block.splitlines() if re.search(r"[A-Z]\w+-[A-Z]\w+|\$content\.", line)
    ]
    assert len(commands) >= 10
    known = [cmdlet(step.command) for step in COMMANDS]
    for line in commands:
        assert [command for command in known if command in cmdlet_lines(line)], line


def test_no_heading_of_the_quickstart_is_missing_from_the_table(quickstart: str) -> None:
    assert re.findall(r"^##+ (.+)$", quickstart, re.MULTILINE) == [heading for heading, _, _ in HEADINGS]


def test_no_field_of_the_quickstart_is_missing_from_the_table(quickstart: str) -> None:
    shown = set(re.findall(r"^(\w+) ?:", quickstart.split("---", 2)[2], re.MULTILINE))
    assert shown == {*IDENTITY_FIELDS, *ASSIGNMENT_FIELDS}
