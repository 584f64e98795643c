"""Role definitions: the built-in ones that come with the sandbox, and those read from a file.

Both are read from what `az role definition list` prints. The names, ids and actions of the built-in roles are
Azure's (https://learn.microsoft.com/azure/role-based-access-control/built-in-roles).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeGuard

from rbac.folding import fold

RoleKind = Literal["BuiltInRole", "CustomRole"]

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"  # built-in roles have the same GUID in every tenant


@dataclass(frozen=True, slots=True)
class Permission:
    """What a role allows: actions less not_actions, and apart from them data_actions less not_data_actions.

    `condition` is set where Azure allows it only under a condition. The sandbox cannot evaluate conditions,
    so such a permission grants nothing there.
    """

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class RoleDefinition:
    """A role. `id` is its GUID in lower case; the dates are ISO 8601 text in UTC, None where not known."""

    id: str
    name: str
    description: str
    kind: RoleKind
    assignable_scopes: tuple[str, ...]
    permissions: tuple[Permission, ...]
    created_on: str | None
    updated_on: str | None


def role_guid(role_definition_id: str) -> str:
    """Return the key of a role: the GUID, in lower case, that its id ends with or consists of."""
    return fold(role_definition_id).rstrip("/").rpartition("/")[2]


@lru_cache(maxsize=1)
def builtin_roles() -> Mapping[str, RoleDefinition]:
    """Return the built-in roles that come with the sandbox, by GUID in lower case."""
    return load_roles(Path(__file__).with_name("builtin_roles.json"))


def load_roles(path: str | Path) -> Mapping[str, RoleDefinition]:
    """Return the role definitions in a file that holds the JSON output of `az role definition list`.

    They are known by GUID in lower case. Raises ValueError, which names file, role and key, at one that is not such.
    """
    try:
        entries = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path}: must be the list of roles that `az role definition list` prints")
    roles: dict[str, RoleDefinition] = {}
    for number, entry in enumerate(entries, start=1):
        role = read_role(entry, f"{path}: role {number}")
        if role.id in roles:
            other = roles[role.id].name
            raise ValueError(f"{path}: role {number} ({role.name}): name {role.id} is also that of {other}")
        roles[role.id] = role
    return MappingProxyType(roles)


def read_role(entry: object, place: str) -> RoleDefinition:
    """Return the role that an element of that list is; raises ValueError, which names ``place``, role and key."""
    return _Entry(entry, place).role()


class _Entry:
    """One JSON object of the file, read key by key, that knows where it stands when something is wrong."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{place}: must be an object")
        self._value = value
        name = value.get("roleName")
        self._place = f"{place} ({name})" if isinstance(name, str) else place

    def role(self) -> RoleDefinition:
        return RoleDefinition(
            id=self._guid("name"),
            name=self._text("roleName"),
            description=self._optional_text("description") or "",
            kind=self._kind("roleType"),
            assignable_scopes=self._texts("assignableScopes"),
            permissions=self._permissions("permissions"),
            created_on=self._date("createdOn"),
            updated_on=self._date("updatedOn"),
        )

    def permission(self) -> Permission:
        return Permission(
            actions=self._texts("actions"),
            not_actions=self._texts("notActions"),
            data_actions=self._texts("dataActions"),
            not_data_actions=self._texts("notDataActions"),
            condition=self._optional_text("condition"),
        )

    def _permissions(self, key: str) -> tuple[Permission, ...]:
        entries = self._value.get(key)
        if not isinstance(entries, list):
            raise self._wrong(key, "must be a list of objects")
        places = (f"{self._place}: permission {number}" for number in range(1, len(entries) + 1))
        return tuple(_Entry(entry, place).permission() for entry, place in zip(entries, places, strict=True))

    def _text(self, key: str) -> str:
        text = self._optional_text(key)
        if not text:
            raise self._wrong(key, "must be a text that is not empty")
        return text

    def _optional_text(self, key: str) -> str | None:
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "must be a text")

    def _texts(self, key: str) -> tuple[str, ...]:
        # A list that is left out is an error: a role without its notActions would allow more than in Azure.
        value = self._value.get(key)
        if not _is_list_of_texts(value):
            raise self._wrong(key, "must be a list of texts")
        return tuple(value)

    def _guid(self, key: str) -> str:
        guid = fold(self._text(key))
        if not GUID.fullmatch(guid):
            raise self._wrong(key, f"must be a GUID, not {guid!r}")
        return guid

    def _kind(self, key: str) -> RoleKind:
        match self._text(key):
            case "BuiltInRole":
                return "BuiltInRole"
            case "CustomRole":
                return "CustomRole"
            case other:
                raise self._wrong(key, f"must be BuiltInRole or CustomRole, not {other!r}")

    def _date(self, key: str) -> str | None:
        """Return a date as Resource Manager writes it: where that says Z, the Azure CLI prints +00:00."""
        text = self._optional_text(key)
        if text is None:
            return None
        try:
            offset = datetime.fromisoformat(text).utcoffset()
        except ValueError as error:
            raise self._wrong(key, f"must be a date in ISO 8601, not {text!r}") from error
        if offset is None or offset:
            raise self._wrong(key, f"must be in UTC, not {text!r}")
        return text.removesuffix("+00:00").removesuffix("Z") + "Z"

    def _wrong(self, key: str, what: str) -> ValueError:
        return ValueError(f"{self._place}: {key} {what if key in self._value else 'is missing: it ' + what}")


def _is_list_of_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
