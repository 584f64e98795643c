"""One's own world as Azure has it now: identities, machines, scopes and grants, and what has changed since.

There are no ids and no times in it, so the same world always reads the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import chain, pairwise
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineIdentity
from azure.mgmt.msi import ManagedServiceIdentityClient

from helpers.connection import Connection
from helpers.names import MADE_BY
from rbac.folding import fold
from rbac.roles import role_guid

_COLUMNS = (("Virtual machine", 20), ("Identity", 255), ("Role", 490), ("Scope", 725))  # heading and left edge
_WIDTH, _BOX, _PITCH, _FIRST = 940, 195, 64, 80
_LONGEST = 24  # letters that a box has room for
_SIGNS = {"kept": "", "new": "+ ", "gone": "- "}
_STYLE = """
svg{font:14px system-ui,-apple-system,'Segoe UI',sans-serif}.page{fill:#fff}text{fill:#1f2328}
.head{fill:#59636e;font-weight:600}.box{fill:#f0f3f6;stroke:#59636e}path{fill:none;stroke:#59636e;stroke-width:1.5}
.new .box,path.new{stroke:#0a6b2e;stroke-width:2.5}.new text{fill:#0a6b2e}
.gone .box,path.gone{stroke:#a0250d;stroke-dasharray:5 4}.gone text{fill:#a0250d}
"""
# The drawing is an image, since one in the page itself is stripped where outputs are not trusted. Images do not see the
# page's colours: it is light, and turned dark where JupyterLab's theme is or, in other pages, the system's.
_DARK = "{filter:invert(.93) hue-rotate(180deg)}"
_PAGE_STYLE = f"""<style>[data-jp-theme-light=false] .azure-picture{_DARK}
@media (prefers-color-scheme:dark){{body:not([data-jp-theme-light]) .azure-picture{_DARK}}}</style>"""


class Node(NamedTuple):
    """A box; ``key`` tells those of one column apart that have the same text."""

    column: int
    text: str
    key: str = ""


Found = TypeVar("Found")
Chain = tuple[Node, ...]  # boxes, each joined to the next by a line


@dataclass(frozen=True)
class Picture:
    """What there is, and what there was; notebooks show it as a drawing, everything else as text."""

    subscription: str
    facts: Mapping[str, Chain]  # a sentence each, and what is drawn for it
    since: Picture | None = None

    @property
    def changes(self) -> list[str]:
        """What has come and what has gone, in a sentence each."""
        now, before = self.facts.keys(), (self.since or self).facts.keys()
        return [*(f"+ {each}" for each in sorted(now - before)), *(f"- {each}" for each in sorted(before - now))]

    def __repr__(self) -> str:
        facts = sorted(self.facts, key=lambda each: (len(self.facts[each]), each))
        lines = [f"In the subscription {self.subscription}:", *(f"  {each}" for each in facts or ["nothing"])]
        if self.since is not None:
            lines += ["Since the last picture:", *(f"  {each}" for each in self.changes or ["nothing has changed"])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        drawn = quote(draw(self.facts.values(), (self.since or self).facts.values()))
        image = f'style="max-width:100%" alt="{escape(repr(self))}" src="data:image/svg+xml,{drawn}"'
        return f'{_PAGE_STYLE}<img class="azure-picture" {image}>'


def picture(connection: Connection, resource_group: str, since: Picture | None = None) -> Picture:
    """Return what is in the group now, what its identities may do where, and what has changed since an earlier picture.

    What whoever is signed in may not see is not in it.
    """
    msi, compute = connection.client(ManagedServiceIdentityClient), connection.client(ComputeManagementClient)
    identities = _seen(lambda: [*msi.user_assigned_identities.list_by_resource_group(resource_group)])
    machines = _seen(lambda: [*compute.virtual_machines.list(resource_group)])
    facts: dict[str, Chain] = {}
    if (identities, machines) != (None, None):  # there is something to list it in
        facts[f"resource group {resource_group}"] = (Node(3, resource_group),)
    names = {each.principal_id: each.name for each in identities or ()}
    facts |= {f"identity {name}": (Node(1, name),) for name in names.values()}
    for vm in machines or ():
        block, machine = vm.identity or VirtualMachineIdentity(), Node(0, str(vm.name))
        facts[f"VM {vm.name}"] = (machine,)
        has = [
            names.get(entry.principal_id) or f"{identity_id.rpartition('/')[2]} (deleted, or elsewhere)"
            for identity_id, entry in (block.user_assigned_identities or {}).items()
        ]
        if block.principal_id:
            names[block.principal_id] = f"{vm.name}'s own identity"
            has.append(names[block.principal_id])
        facts |= {f"{vm.name} has {name}": (machine, Node(1, name)) for name in has}
    facts |= _grants(connection, resource_group, names)
    return Picture(str(connection.subscription["displayName"]), facts, since)


def _grants(connection: Connection, resource_group: str, names: Mapping[str | None, str]) -> dict[str, Chain]:
    """Return what these principals hold, and what the course granted to such as are gone by now."""
    roles = connection.client(AuthorizationManagementClient)
    subscription = f"/subscriptions/{connection.subscription_id}"
    scope = f"{subscription}/resourceGroups/{resource_group}"
    known = {fold(subscription): "the subscription", fold(scope): resource_group}
    facts: dict[str, Chain] = {}

    @cache
    def role_name(guid: str) -> str:
        found = _seen(lambda: roles.role_definitions.get(scope, guid))
        return str(found.role_name) if found else "some role"

    for held in _seen(lambda: [*roles.role_assignments.list_for_scope(scope)]) or ():
        if held.principal_id not in names and not str(held.description).startswith(f"{MADE_BY} "):
            continue
        who, role = names.get(held.principal_id, "a deleted identity"), role_name(role_guid(held.role_definition_id))
        where = known.get(fold(held.scope)) or held.scope.rpartition("/")[2] or held.scope
        fact = f"{who} is {role} at {where}"
        facts[fact] = (Node(1, who), Node(2, role, key=fact), Node(3, where))
    return facts


def _seen(ask: Callable[[], Found]) -> Found | None:
    """Return the answer; None if it is not there, or whoever is signed in may not see it."""
    try:
        return ask()
    except HttpResponseError as refusal:
        if refusal.status_code in (403, 404):
            return None
        raise


def draw(now: Collection[Chain], before: Collection[Chain]) -> str:
    """Return the SVG of ``now``, in which what was not in ``before`` is new, and what only was there is gone."""
    boxes = _states(set(chain(*now)), set(chain(*before)))
    lines = _states(set(chain(*map(pairwise, now))), set(chain(*map(pairwise, before))))
    places: dict[Node, tuple[int, int]] = {}  # a box's left edge, and its middle
    for node in boxes:
        row = sum(1 for other in places if other.column == node.column)
        places[node] = (_COLUMNS[node.column][1], _FIRST + _PITCH * row)
    height = max((middle for _, middle in places.values()), default=_FIRST) + 41
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" viewBox="0 0 {_WIDTH} {height}">',
        f'<style>{_STYLE}</style><rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>',
        *(f'<text class="head" x="{left}" y="34">{heading}</text>' for heading, left in _COLUMNS),
        *(_line(*places[start], *places[end], state) for (start, end), state in lines.items()),
        *(_box(node.text, *places[node], state) for node, state in boxes.items()),
    ]
    return "\n".join([*parts, "</svg>"])


def _states(now: set[Any], before: set[Any]) -> dict[Any, str]:
    return {each: "gone" if each not in now else "kept" if each in before else "new" for each in sorted(now | before)}


def _line(left: int, y: int, right: int, end: int, state: str) -> str:
    return f'<path class="{state}" d="M{left + _BOX} {y}L{right} {end}"/>'


def _box(text: str, left: int, y: int, state: str) -> str:
    half = (_LONGEST - 1) // 2
    short = text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"  # the alternative text has all of it
    return (
        f'<g class="{state}"><rect class="box" x="{left}" y="{y - 21}" width="{_BOX}" height="42" rx="6"/>'
        f'<text x="{left + 10}" y="{y + 5}">{_SIGNS[state]}{escape(short)}</text></g>'
    )
