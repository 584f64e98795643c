"""Tokens for a machine's identities. They live for a day, and the service hands out the same one as long as it can."""

from collections.abc import Callable
from datetime import timedelta

from cachetools import LRUCache

from rbac.scopes import canonical
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.entra import errors as entra_errors
from sandbox.entra.tokens import CLIENT_CERTIFICATE, IssuedToken
from sandbox.imds import errors
from sandbox.state.directory import Principal
from sandbox.state.store import Resource

LIFETIME = timedelta(hours=24)
NEARLY_EXPIRED = 300  # seconds; a token with less than this left is not handed out again
_KEPT = 256  # tokens of one machine


_SELECTORS: dict[str, Callable[[Principal, str], bool]] = {
    "client_id": lambda principal, value: principal.client_id == value.lower(),
    "object_id": lambda principal, value: principal.object_id == value.lower(),
    "msi_res_id": lambda principal, value: canonical(principal.resource_id or "") == canonical(value),
    "mi_res_id": lambda principal, value: canonical(principal.resource_id or "") == canonical(value),
}


def _identities_of(cloud: Cloud, machine: Resource) -> list[Principal]:
    """Return the principals that ``machine`` has now, its own first.

    An entry whose principal is gone, since the identity was deleted, leads nowhere; one that was just attached takes
    its time to arrive.
    """
    wait = machine.internal.get("identity_effective_at", 0.0) - cloud.clock.seconds()
    if 0 < wait <= cloud.timing.seconds("identity.reaches.vm"):  # more is left if the clock was set back meanwhile
        return []
    block = machine.body.get("identity", {})
    entries = [block, *block.get("userAssignedIdentities", {}).values()]
    found = (cloud.directory.by_object_id(entry.get("principalId", "")) for entry in entries)
    return [principal for principal in found if principal is not None]


def _selected(cloud: Cloud, machine: Resource, request: Request) -> Principal:
    """Return the identity that ``request`` names or, if it names none, the only one it can mean."""
    given = {name: value for name in _SELECTORS if (value := request.parameter(name)) is not None}
    if len(given) > 1:
        raise errors.refusal("several_selectors", ", ".join(given))
    identities = _identities_of(cloud, machine)
    named = [each for each in identities if all(_SELECTORS[name](each, value) for name, value in given.items())]
    if not named:
        raise errors.refusal("identity_not_found")
    if not given and len(named) > 1 and named[0].resource_id != machine.id:
        raise errors.refusal("several_identities")
    return named[0]


class Tokens:
    """The tokens of one machine's identities."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._kept: LRUCache[tuple[str, str], IssuedToken] = LRUCache(maxsize=_KEPT)

    def answer(self, machine: Resource, request: Request) -> Answer:
        """Answer ``/metadata/identity/oauth2/token``; every value is a string."""
        resource = request.parameter("resource")
        if not resource:
            raise errors.refusal("no_resource")
        identity = _selected(self._cloud, machine, request)
        token = self._token(identity, resource, machine, fresh=_bypasses_cache(request))
        now = int(self._cloud.clock.seconds())
        body = {
            "access_token": token.token,
            "client_id": identity.client_id,
            "refresh_token": "",
            "expires_in": str(token.expires_on - now - 1),
            "expires_on": str(token.expires_on),
            "not_before": str(token.not_before),
            "resource": resource,
            "token_type": "Bearer",
        }
        return Answer(200, body)

    def _token(self, identity: Principal, resource: str, machine: Resource, *, fresh: bool) -> IssuedToken:
        key = (identity.object_id, resource)
        kept = self._kept.get(key)
        now = self._cloud.clock.seconds()
        if kept is None or fresh or kept.expires_on - now < NEARLY_EXPIRED:
            kept = self._issue(identity, resource, machine)
            self._kept[key] = kept
        return kept

    def _issue(self, identity: Principal, resource: str, machine: Resource) -> IssuedToken:
        if not self._cloud.tenant.has_resource(resource):
            refusal = entra_errors.refusal("unknown_resource", resource, seed_data.TENANT_NAME)
            said = refusal.answer(self._cloud.clock.now(), new_request_id()).body["error_description"]
            raise errors.refusal("unknown_resource", said)
        return self._cloud.issuer.for_application(
            audience=resource,
            client_id=identity.client_id,
            object_id=identity.object_id,
            lifetime=LIFETIME,
            appidacr=CLIENT_CERTIFICATE,
            xms_mirid=identity.resource_id,
            xms_az_rid=machine.id,
        )


def _bypasses_cache(request: Request) -> bool:
    value = request.parameter("bypass_cache")
    if value not in {None, "true"}:
        raise errors.refusal("bad_bypass")
    return value is not None
