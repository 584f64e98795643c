"""The role definitions in force: the built-in ones, those loaded from a file, and the tenant's custom ones."""

from collections.abc import Mapping

from rbac.roles import RoleDefinition, read_role
from sandbox.core.resource_ids import ROLE_DEFINITION
from sandbox.state.store import Resource, Store


class Roles:
    """All role definitions, kept in memory until one changes."""

    def __init__(self, store: Store, built_in: Mapping[str, RoleDefinition]) -> None:
        self._store = store
        self._built_in = built_in
        self._by_id: Mapping[str, RoleDefinition] | None = None
        store.on_rollback(self.forget)

    @property
    def by_id(self) -> Mapping[str, RoleDefinition]:
        """The definitions by GUID in lowercase: the same object as long as none has changed."""
        if self._by_id is None:
            custom = (_role(resource) for resource in self._store.list("/", ROLE_DEFINITION))
            self._by_id = {**self._built_in, **{role.id: role for role in custom}}
        return self._by_id

    def forget(self) -> None:
        """Read the custom roles anew when they are next asked for; to be called after each change of one."""
        self._by_id = None


def _role(resource: Resource) -> RoleDefinition:
    """Return the custom role that is kept as ``resource``."""
    properties = resource.properties
    return read_role({**properties, "name": resource.body["name"], "roleType": properties["type"]}, resource.id)
