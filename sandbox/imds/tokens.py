"""Tokens for a machine's identities. They live for a day, and the service hands out the same one as long as it can."""

from __future__ import annotations

from datetime import timedelta

from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.core.recent import LRUCache
from sandbox.entra import errors as entra_errors
from sandbox.entra.resources import is_resource
from sandbox.entra.tokens import CLIENT_CERTIFICATE, IssuedToken
from sandbox.imds import errors
from sandbox.imds.identities import identities_of, selected
from sandbox.state.directory import Principal
from sandbox.state.store import Resource

LIFETIME = timedelta(hours=24)
NEARLY_EXPIRED = 300  # seconds; a token with less than this left is not handed out again
_KEPT = 256  # tokens of one machine


class Tokens:
    """The tokens of one machine's identities."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._kept: LRUCache[tuple[str, str], IssuedToken] = LRUCache(_KEPT)

    def answer(self, machine: Resource, request: Request) -> Answer:
        """Answer ``/metadata/identity/oauth2/token``; every value is a string.

        Raises:
            MetadataError: The request is not complete, or for an identity that ``machine`` does not have now.
        """
        resource = request.parameter("resource")
        if not resource:
            raise errors.no_resource()
        identity = selected(identities_of(self._cloud, machine), request)
        token = self._token(identity, resource, machine, fresh=_bypasses_cache(request))
        now = int(self._cloud.clock.now().timestamp())
        return Answer(
            200,
            {
                "access_token": token.token,
                "client_id": identity.client_id,
                "refresh_token": "",
                "expires_in": str(token.expires_on - now - 1),
                "expires_on": str(token.expires_on),
                "not_before": str(token.not_before),
                "resource": resource,
                "token_type": "Bearer",
            },
        )

    def _token(self, identity: Principal, resource: str, machine: Resource, *, fresh: bool) -> IssuedToken:
        key = (identity.object_id, resource)
        kept = self._kept.get(key)
        now = self._cloud.clock.now().timestamp()
        if kept is None or fresh or kept.expires_on - now < NEARLY_EXPIRED:
            kept = self._issue(identity, resource, machine)
            self._kept.put(key, kept)
        return kept

    def _issue(self, identity: Principal, resource: str, machine: Resource) -> IssuedToken:
        if not is_resource(resource, self._cloud.validator):
            refusal = entra_errors.unknown_resource(resource, seed_data.TENANT_NAME)
            said = refusal.answer(self._cloud.clock.now(), new_request_id()).body["error_description"]
            raise errors.unknown_resource(said)
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
        raise errors.bad_request("The query parameter 'bypass_cache' can only be 'true'")
    return value is not None
