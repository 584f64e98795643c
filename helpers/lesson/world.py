"""One's own world as Azure has it now: identities, machines, scopes and grants, and what has changed since.

There are no ids and no times in it, so the same world always reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from helpers.errors import TutorialError, explain
from helpers.lesson.drawing import Edge, Graph, Node, draw
from helpers.names import MADE_BY
from rbac.roles import role_guid

if TYPE_CHECKING:
    from helpers.connection import Connection

_GONE = "a deleted identity"
_IDENTITIES = ("Microsoft.ManagedIdentity/userAssignedIdentities", "2024-11-30")
_MACHINES = ("Microsoft.Compute/virtualMachines", "2024-11-01")
_ASSIGNMENTS = ("Microsoft.Authorization/roleAssignments", "2022-04-01")
_DEFINITIONS = ("Microsoft.Authorization/roleDefinitions", "2022-04-01")
_GROUPS_VERSION = "2021-04-01"
_NOT_SEEN = (403, 404)  # it is not there, or whoever is signed in may not see it


@dataclass(frozen=True, order=True)
class Grant:
    """Who has which role where, by their names."""

    who: str
    role: str
    scope: str

    def __str__(self) -> str:
        return f"{self.who} is {self.role} at {self.scope}"


@dataclass(frozen=True)
class Picture:
    """A world, and the one before; notebooks show it as a drawing, everything else as text."""

    subscription: str
    group: str
    group_exists: bool
    identities: frozenset[str]
    machines: Mapping[str, frozenset[str]]  # with the names of the identities that they have
    grants: frozenset[Grant]
    since: Picture | None = field(default=None, repr=False)

    @property
    def facts(self) -> frozenset[str]:
        """Everything in it, a sentence each."""
        assigned = {f"{vm} has {each}" for vm, names in self.machines.items() for each in names}
        there = {f"identity {name}" for name in self.identities} | {f"VM {name}" for name in self.machines}
        return frozenset(there | assigned | {str(grant) for grant in self.grants})

    @property
    def changes(self) -> list[str]:
        """What has come and what has gone, in a sentence each."""
        before = self.facts if self.since is None else self.since.facts
        come, gone = sorted(self.facts - before), sorted(before - self.facts)
        return [*(f"+ {each}" for each in come), *(f"- {each}" for each in gone)]

    def __repr__(self) -> str:
        grants = [str(grant) for grant in sorted(self.grants)]
        lines = [
            f"Subscription {self.subscription}",
            f"  Resource group {self.group}" + ("" if self.group_exists else " (is not there)"),
            *(f"    Identity {name}" for name in sorted(self.identities)),
            *(
                f"    VM {vm}, has {', '.join(sorted(has)) or 'no identity'}"
                for vm, has in sorted(self.machines.items())
            ),
            *(f"  Grant: {each}" for each in grants or ["none"]),
        ]
        if self.since is not None:
            lines += ["Since the last picture:", *(f"  {each}" for each in self.changes or ["nothing has changed"])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # As an image with a text: a drawing in the page itself is stripped where outputs are not trusted.
        drawn = quote(draw(_graph(self), _graph(self.since or self)))
        return f'<img style="max-width:100%" alt="{escape(repr(self))}" src="data:image/svg+xml,{drawn}">'


def own_identity(vm: str) -> str:
    """Return what a machine's system-assigned identity is called here."""
    return f"{vm}'s own identity"


def _graph(world: Picture) -> Graph:
    """Return four columns, from the machine by its identity and that one's roles to the scopes, and what joins them."""
    nodes = {Node(0, vm) for vm in world.machines} | {Node(1, name) for name in world.identities}
    edges = {Edge(Node(0, vm), Node(1, each)) for vm, names in world.machines.items() for each in names}
    for grant in world.grants:
        role = Node(2, grant.role, str(grant))
        edges |= {Edge(Node(1, grant.who), role), Edge(role, Node(3, grant.scope))}
    group = {Node(3, world.group)} if world.group_exists else set()
    return Graph(nodes | group | {end for edge in edges for end in edge}, edges)


def picture(connection: Connection, resource_group: str, since: Picture | None = None) -> Picture:
    """Return a picture of the group as Azure has it now: its identities and VMs, and what the identities may do where.

    Args:
        connection: The sign-in; what it may not see is not in the picture.
        resource_group: The group's name.
        since: An earlier picture: the new one says what has changed.

    Raises:
        TutorialError: Azure cannot be asked.
    """
    subscription = f"/subscriptions/{connection.subscription_id}"
    group = f"{subscription}/resourceGroups/{resource_group}"
    identities = {
        str(each["properties"]["principalId"]): str(each["name"]) for each in _list(connection, group, *_IDENTITIES)
    }
    machines = {str(each["name"]): each.get("identity") or {} for each in _list(connection, group, *_MACHINES)}
    own = {str(block["principalId"]): own_identity(vm) for vm, block in machines.items() if "principalId" in block}
    roles: dict[str, str] = {}
    grants = set()
    for each in _list(connection, group, *_ASSIGNMENTS):
        held = each["properties"]
        who = (identities | own).get(held["principalId"])
        if who is None and not str(held.get("description") or "").startswith(f"{MADE_BY} "):
            continue  # somebody else's
        role = role_guid(held["roleDefinitionId"])
        if role not in roles:
            roles[role] = _role_name(connection, group, role)
        grants.add(Grant(who or _GONE, roles[role], _place(held["scope"], connection)))
    return Picture(
        str(connection.subscription["displayName"]),
        resource_group,
        connection.arm("GET", group, _GROUPS_VERSION).ok,
        frozenset(identities.values()),
        {vm: frozenset(_identities_of(vm, block, identities)) for vm, block in machines.items()},
        frozenset(grants),
        since,
    )


def _identities_of(vm: str, block: Mapping[str, Any], identities: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of a machine's identities, of which there may be some that are deleted or of another group."""
    if "principalId" in block:
        yield own_identity(vm)
    for identity_id, entry in (block.get("userAssignedIdentities") or {}).items():
        name = str(identity_id).rpartition("/")[2]
        yield name if (entry or {}).get("principalId") in identities else f"{name} (deleted, or elsewhere)"


def _place(scope: str, connection: Connection) -> str:
    """Return a scope by its name; whatever is above the subscription by its id."""
    if scope.casefold() == f"/subscriptions/{connection.subscription_id}".casefold():
        return f"the subscription {connection.subscription['displayName']}"
    return scope.rpartition("/")[2] or scope


def _role_name(connection: Connection, scope: str, guid: str) -> str:
    kind, version = _DEFINITIONS
    answer = connection.arm("GET", f"{scope}/providers/{kind}/{guid}", version)
    return str(answer.json()["properties"]["roleName"]) if answer.ok else "some role"


def _list(connection: Connection, scope: str, kind: str, version: str) -> Iterator[Mapping[str, Any]]:
    """Yield all resources of a kind in a scope, page by page."""
    path = f"{scope}/providers/{kind}"
    while path:
        answer = connection.arm("GET", path, version)
        if answer.status_code in _NOT_SEEN:
            return
        if not answer.ok:
            why = explain(answer)
            raise TutorialError(f"There is no picture: {path} could not be listed. {why.message} {why.advice}")
        page = answer.json()
        yield from page["value"]
        following = str(page.get("nextLink") or "")
        path, version = following.partition("management.azure.com")[2], ""
