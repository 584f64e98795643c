"""Entra's endpoints: which one a path is, and for whose tenant."""

from __future__ import annotations

import re
from collections.abc import Callable

from rbac.roles import GUID
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.entra import errors
from sandbox.entra.errors import EntraError
from sandbox.entra.metadata import answer_configuration_v1, answer_configuration_v2, answer_instance, answer_keys
from sandbox.entra.sign_in import answer_v1, answer_v2

Endpoint = Callable[[Cloud, Request], Answer]

_TOKENS: dict[str, Endpoint] = {"oauth2/token": answer_v1, "oauth2/v2.0/token": answer_v2}
_METADATA: dict[str, Endpoint] = {
    ".well-known/openid-configuration": answer_configuration_v1,
    "v2.0/.well-known/openid-configuration": answer_configuration_v2,
    "discovery/keys": answer_keys,
    "discovery/v2.0/keys": answer_keys,
    "discovery/instance": answer_instance,
}
_ANY_TENANT = frozenset({"common", "organizations"})
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)


class Entra:
    """Answers the requests to ``https://login.microsoftonline.com``."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def handle(self, request: Request) -> Answer:
        """Return the answer; a refusal is one, in Entra's own shape."""
        try:
            return self._answer(request)
        except EntraError as error:
            return error.answer(self._cloud.clock.now(), _correlation_id(request))

    def _answer(self, request: Request) -> Answer:
        tenant, _, rest = request.path.strip("/").partition("/")
        path = rest.casefold()
        if path in _TOKENS:
            self._check_own_tenant(tenant)
            if request.method != "POST":
                raise errors.wrong_verb("POST", request.method)
            return _TOKENS[path](self._cloud, request)
        if path in _METADATA:
            if tenant.casefold() not in _ANY_TENANT:
                self._check_own_tenant(tenant)
            if request.method not in {"GET", "HEAD"}:
                raise errors.wrong_verb("GET", request.method)
            return _METADATA[path](self._cloud, request)
        raise errors.unknown_endpoint()

    def _check_own_tenant(self, tenant: str) -> None:
        folded = tenant.casefold()
        if folded in {self._cloud.seed_data.tenant_id, seed_data.TENANT_DOMAIN}:
            return
        if folded in _ANY_TENANT:
            raise errors.no_tenant()
        if GUID.fullmatch(tenant) or _DOMAIN.fullmatch(tenant):
            raise errors.unknown_tenant(tenant)
        raise errors.invalid_tenant(tenant)


def _correlation_id(request: Request) -> str:
    given = request.headers.get("client-request-id", "")
    return given if GUID.fullmatch(given) else new_request_id()
