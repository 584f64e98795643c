"""Which identities a machine has now, and which of them a request means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rbac.scopes import canonical
from sandbox.cloud import Cloud
from sandbox.core.http import Request
from sandbox.imds import errors
from sandbox.state.directory import Principal
from sandbox.state.store import Resource


@dataclass(frozen=True, slots=True)
class Identities:
    """The principals of a machine: its own, if it has one, and those it shares."""

    system: Principal | None
    users: tuple[Principal, ...]


Matches = Callable[[Principal, str], bool]

_SELECTORS: dict[str, Matches] = {
    "client_id": lambda principal, value: principal.client_id == value.lower(),
    "object_id": lambda principal, value: principal.object_id == value.lower(),
    "msi_res_id": lambda principal, value: canonical(principal.resource_id or "") == canonical(value),
    "mi_res_id": lambda principal, value: canonical(principal.resource_id or "") == canonical(value),
}


def identities_of(cloud: Cloud, machine: Resource) -> Identities:
    """Return the identities that ``machine`` has now.

    An entry whose principal is gone, since the identity was deleted, leads nowhere; one that was just attached takes
    its time to arrive.
    """
    if machine.internal.get("identity_effective_at", 0.0) > cloud.clock.now().timestamp():
        return Identities(None, ())
    block = machine.body.get("identity", {})
    entries = block.get("userAssignedIdentities", {}).values()
    users = (cloud.directory.by_object_id(entry["principalId"]) for entry in entries)
    system = cloud.directory.by_object_id(block["principalId"]) if "principalId" in block else None
    return Identities(system, tuple(user for user in users if user is not None))


def selected(identities: Identities, request: Request) -> Principal:
    """Return the identity that ``request`` names or, if it names none, the only one it can mean.

    Raises:
        MetadataError: It names none of the machine's, or in several ways, or none where there are several.
    """
    given = {name: value for name in _SELECTORS if (value := request.parameter(name)) is not None}
    if len(given) > 1:
        raise errors.several_selectors(given)
    for name, value in given.items():
        return _named(identities, _SELECTORS[name], value)
    if identities.system is not None:
        return identities.system
    if len(identities.users) > 1:
        raise errors.several_identities()
    if not identities.users:
        raise errors.identity_not_found()
    return identities.users[0]


def _named(identities: Identities, matches: Matches, value: str) -> Principal:
    everyone = identities.users if identities.system is None else (identities.system, *identities.users)
    for principal in everyone:
        if matches(principal, value):
            return principal
    raise errors.identity_not_found()
