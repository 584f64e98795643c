import json
import re
from pathlib import Path
from typing import Any

import pytest

from rbac.roles import Permission, RoleDefinition, load_roles, role_guid

GUID = "1111aaaa-2222-4333-8444-5555bbbbcccc"


def az_role(**changes: object) -> dict[str, Any]:
    """One role as the Azure CLI prints it."""
    permission = {
        "actions": ["*/read"],
        "condition": None,
        "conditionVersion": None,
        "dataActions": [],
        "notActions": ["Microsoft.Web/*"],
        "notDataActions": [],
    }
    return {
        "assignableScopes": ["/subscriptions/00000000-0000-0000-0000-000000000000"],
        "createdBy": None,
        "createdOn": "2024-05-01T10:00:00.123456+00:00",
        "description": "Looks, and does not touch.",
        "id": f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{GUID}",
        "name": GUID,
        "permissions": [permission],
        "roleName": "Onlooker",
        "roleType": "CustomRole",
        "type": "Microsoft.Authorization/roleDefinitions",
        "updatedBy": None,
        "updatedOn": "2024-05-02T10:00:00.123456+00:00",
    } | changes


def saved(folder: Path, roles: object) -> Path:
    path = folder / "roles.json"
    path.write_text(json.dumps(roles), encoding="utf-8")
    return path


def without(role: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in role.items() if name != key}


def with_permission(**changes: object) -> dict[str, Any]:
    role = az_role()
    return role | {"permissions": [role["permissions"][0] | changes]}


def test_reads_what_the_azure_cli_prints(tmp_path: Path) -> None:
    assert load_roles(saved(tmp_path, [az_role()])) == {
        GUID: RoleDefinition(
            id=GUID,
            name="Onlooker",
            description="Looks, and does not touch.",
            kind="CustomRole",
            assignable_scopes=("/subscriptions/00000000-0000-0000-0000-000000000000",),
            permissions=(Permission(actions=("*/read",), not_actions=("Microsoft.Web/*",)),),
            created_on="2024-05-01T10:00:00.123456Z",
            updated_on="2024-05-02T10:00:00.123456Z",
        )
    }


def test_ids_are_in_lower_case(tmp_path: Path) -> None:
    upper = "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE"
    roles = load_roles(saved(tmp_path, [az_role(name=upper)]))
    assert [(key, role.id) for key, role in roles.items()] == [(upper.lower(), upper.lower())]


def test_a_condition_is_kept(tmp_path: Path) -> None:
    condition = "@Resource[a] StringEquals 'b'"
    [role] = load_roles(saved(tmp_path, [with_permission(condition=condition)])).values()
    assert role.permissions[0].condition == condition


@pytest.mark.parametrize("absent", [az_role(description=None, createdOn=None), without(az_role(), "createdOn")])
def test_dates_and_description_may_be_absent(tmp_path: Path, absent: dict[str, Any]) -> None:
    [role] = load_roles(saved(tmp_path, [absent])).values()
    assert role.created_on is None
    assert role.description == (absent["description"] or "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_in_which_shells_save_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "roles.json"
    path.write_text(json.dumps([az_role(roleName="Zuschauer für alles")], ensure_ascii=False), encoding)
    assert load_roles(str(path))[GUID].name == "Zuschauer für alles"


def test_the_result_is_read_only(tmp_path: Path) -> None:
    roles: Any = load_roles(saved(tmp_path, [az_role()]))
    with pytest.raises(TypeError):
        roles[GUID] = roles[GUID]


BAD_CONTENT = [
    ({"value": [az_role()]}, "must be the list of roles that `az role definition list` prints"),
    ([], "must be the list of roles that `az role definition list` prints"),
    (["Reader"], "role 1: must be an object"),
    ([az_role(), without(az_role(), "roleName")], "role 2: roleName is missing: it must be a text"),
    ([az_role(roleName="")], "role 1 (): roleName must be a text that is not empty"),
    ([az_role(name=7)], "role 1 (Onlooker): name must be a text"),
    ([az_role(name="reader")], "role 1 (Onlooker): name must be a GUID, not 'reader'"),
    ([az_role(roleType="Custom")], "roleType must be BuiltInRole or CustomRole, not 'Custom'"),
    ([az_role(assignableScopes="/")], "assignableScopes must be a list of texts"),
    ([az_role(permissions=None)], "permissions must be a list of objects"),
    ([az_role(permissions={"actions": []})], "permissions must be a list of objects"),
    ([az_role(permissions=["*"])], "role 1 (Onlooker): permission 1: must be an object"),
    ([with_permission(actions=None)], "role 1 (Onlooker): permission 1: actions must be a list of texts"),
    ([with_permission(notActions=[1])], "permission 1: notActions must be a list of texts"),
    (
        [az_role(permissions=[without(az_role()["permissions"][0], "notActions")])],
        "permission 1: notActions is missing: it must be a list of texts",
    ),
    ([az_role(createdOn="yesterday")], "createdOn must be a date in ISO 8601, not 'yesterday'"),
    ([az_role(updatedOn="2024-05-01T10:00:00+02:00")], "updatedOn must be in UTC"),
    ([az_role(updatedOn="2024-05-01T10:00:00")], "updatedOn must be in UTC"),
    ([az_role(), az_role(roleName="Twin")], f"role 2 (Twin): name {GUID} is also that of Onlooker"),
]


@pytest.mark.parametrize(("content", "complaint"), BAD_CONTENT)
def test_bad_content_is_named(tmp_path: Path, content: object, complaint: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(ValueError, match=re.escape(complaint)) as caught:
        load_roles(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "roles.json"
    path.write_text("ERROR: Please run 'az login' to setup account.")
    with pytest.raises(ValueError, match=r"roles\.json: is not JSON: Expecting value: line 1"):
        load_roles(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.json: cannot be read: "):
        load_roles(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "role_definition_id",
    [
        GUID,
        GUID.upper(),
        f"/providers/Microsoft.Authorization/roleDefinitions/{GUID}",
        f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{GUID.upper()}/",
    ],
)
def test_role_guid(role_definition_id: str) -> None:
    assert role_guid(role_definition_id) == GUID
