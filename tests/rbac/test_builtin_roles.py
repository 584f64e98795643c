"""The built-in roles that come with the sandbox, and that they are Azure's."""

import json
from pathlib import Path

import pytest

from rbac.decisions import Assignment, is_allowed
from rbac.roles import Permission, RoleDefinition, builtin_roles

REPOSITORY = Path(__file__).resolve().parents[2]
FACTS = REPOSITORY.parent / "shared" / "azure" / "built-in-roles.json"

ASSIGN_ROLE = "Microsoft.Authorization/roleAssignments/write"
DEFINE_ROLE = "Microsoft.Authorization/roleDefinitions/write"
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
MACHINES = "Microsoft.Compute/virtualMachines"
CLUSTERS = "Microsoft.ContainerService/managedClusters"

GROUP = "/subscriptions/s/resourceGroups/myResourceGroupVM"

ROLES = {role.name: role for role in builtin_roles().values()}


def test_reader_is_azures_to_the_letter() -> None:
    reader = builtin_roles()["acdd72a7-3385-48ef-bd42-f606fba81ae7"]
    assert reader == RoleDefinition(
        id="acdd72a7-3385-48ef-bd42-f606fba81ae7",
        name="Reader",
        description=reader.description,
        kind="BuiltInRole",
        assignable_scopes=("/",),
        permissions=(Permission(actions=("*/read",)),),
        created_on="2015-02-02T21:55:09.8806423Z",
        updated_on="2021-11-11T20:13:47.8628684Z",
    )


def test_all_are_built_in_assignable_everywhere_dated_and_described_each_in_its_own_words() -> None:
    roles = builtin_roles()
    assert len(roles) >= 50
    assert all(key == role.id for key, role in roles.items())
    assert {role.kind for role in roles.values()} == {"BuiltInRole"}
    assert {role.assignable_scopes for role in roles.values()} == {("/",)}
    assert all(role.created_on and role.updated_on for role in roles.values())
    assert len({role.name.lower() for role in roles.values()}) == len(roles)
    assert len({role.description for role in roles.values()}) == len(roles)
    assert all(len(role.description) > 20 and role.description.endswith(".") for role in roles.values())


@pytest.mark.skipif(not FACTS.exists(), reason="the table of Azure's built-in roles is not beside the repository")
def test_names_ids_and_actions_are_azures() -> None:
    azure = {fact["name"]: fact for fact in json.loads(FACTS.read_text(encoding="utf-8"))}
    for role in builtin_roles().values():
        assert _as_fact(role) == azure[role.id]


def _as_fact(role: RoleDefinition) -> dict[str, object]:
    [permission] = role.permissions
    return {
        "roleName": role.name,
        "name": role.id,
        "actions": list(permission.actions),
        "notActions": list(permission.not_actions),
        "dataActions": list(permission.data_actions),
        "notDataActions": list(permission.not_data_actions),
    }


@pytest.mark.parametrize(
    ("role", "action", "expected"),
    [
        ("Reader", "Microsoft.Resources/subscriptions/resourceGroups/read", True),
        ("Reader", "Microsoft.Resources/subscriptions/resourceGroups/write", False),
        ("Reader", f"{MACHINES}/start/action", False),
        ("Contributor", f"{MACHINES}/write", True),
        ("Contributor", "Microsoft.Authorization/roleAssignments/read", True),
        ("Contributor", ASSIGN_ROLE, False),
        ("Contributor", "Microsoft.Authorization/roleAssignments/delete", False),
        ("Contributor", f"{IDENTITIES}/assign/action", True),
        ("Owner", ASSIGN_ROLE, True),
        ("User Access Administrator", ASSIGN_ROLE, True),
        ("User Access Administrator", f"{MACHINES}/write", False),
        ("Role Based Access Control Administrator", ASSIGN_ROLE, True),
        ("Role Based Access Control Administrator", DEFINE_ROLE, False),
        ("Virtual Machine Contributor", f"{MACHINES}/write", True),
        ("Virtual Machine Contributor", f"{IDENTITIES}/assign/action", False),
        ("Virtual Machine Contributor", ASSIGN_ROLE, False),
        ("Managed Identity Operator", f"{IDENTITIES}/assign/action", True),
        ("Managed Identity Operator", f"{IDENTITIES}/read", True),
        ("Managed Identity Operator", f"{IDENTITIES}/write", False),
        ("Managed Identity Contributor", f"{IDENTITIES}/write", True),
        ("Managed Identity Contributor", f"{IDENTITIES}/assign/action", False),
        ("Virtual Machine User Login", f"{MACHINES}/read", True),
        ("Virtual Machine User Login", f"{MACHINES}/login/action", False),
        ("Storage Blob Data Reader", "Microsoft.Storage/storageAccounts/read", False),
    ],
)
def test_what_a_role_allows(role: str, action: str, expected: bool) -> None:
    assert _allows(role, action, data=False) is expected


@pytest.mark.parametrize(
    ("role", "action", "expected"),
    [
        ("Owner", f"{BLOBS}/read", False),
        ("Storage Blob Data Reader", f"{BLOBS}/read", True),
        ("Storage Blob Data Reader", f"{BLOBS}/write", False),
        ("Key Vault Secrets User", "Microsoft.KeyVault/vaults/secrets/getSecret/action", True),
        ("Key Vault Contributor", "Microsoft.KeyVault/vaults/secrets/getSecret/action", False),
        ("Virtual Machine User Login", f"{MACHINES}/login/action", True),
        ("Virtual Machine User Login", f"{MACHINES}/loginAsAdmin/action", False),
        ("Virtual Machine Administrator Login", f"{MACHINES}/loginAsAdmin/action", True),
        ("Azure Kubernetes Service RBAC Admin", f"{CLUSTERS}/pods/write", True),
        ("Azure Kubernetes Service RBAC Admin", f"{CLUSTERS}/namespaces/write", False),
    ],
)
def test_what_a_role_allows_on_data(role: str, action: str, expected: bool) -> None:
    assert _allows(role, action, data=True) is expected


def _allows(role: str, action: str, *, data: bool) -> bool:
    held = Assignment("a", GROUP, "p", ROLES[role].id)
    return is_allowed(
        principal_id="p", action=action, scope=GROUP, assignments=[held], roles=builtin_roles(), data=data
    )
