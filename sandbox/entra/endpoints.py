"""Entra's endpoints: which one a path is, for whose tenant, and what is published about that."""

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from rbac.roles import GUID
from sandbox.core import seed_data
from sandbox.core.data_files import filled, read_data
from sandbox.core.http import Answer, Request
from sandbox.core.ids import new_request_id
from sandbox.entra import errors
from sandbox.entra.errors import EntraError
from sandbox.entra.sign_in import answer_v1, answer_v2
from sandbox.entra.tenant import Tenant

Endpoint = Callable[[Tenant, Request], Answer]

_DATA = read_data(__file__, "published.yaml")
PUBLIC_HOSTS: list[str] = _DATA["clouds"][0]["aliases"]
_ALWAYS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "X-Content-Type-Options": "nosniff"}
_UNCACHED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Expires": "-1"}
_PUBLISHED = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=86400, private"}
_ANY_TENANT = frozenset({"common", "organizations"})
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)


class Entra:
    """Answers the requests to ``https://login.microsoftonline.com``."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def handle(self, request: Request) -> Answer:
        """Return the answer, with Entra's headers; a refusal is one, in Entra's own shape."""
        try:
            answer = self._answer(request)
        except EntraError as error:
            answer = error.answer(self._tenant.clock.now(), _correlation_id(request))
        if "Cache-Control" not in answer.headers:
            answer.headers.update(_UNCACHED)
        answer.headers.update(_ALWAYS)
        answer.headers.setdefault("x-ms-request-id", new_request_id())
        return answer

    def _answer(self, request: Request) -> Answer:
        tenant, _, rest = request.path.strip("/").partition("/")
        path = rest.casefold()
        if path in _TOKENS:
            self._check_own_tenant(tenant)
            if request.method != "POST":
                raise errors.refusal("wrong_verb", "POST", request.method)
            return _TOKENS[path](self._tenant, request)
        if path in _METADATA:
            if tenant.casefold() not in _ANY_TENANT:
                self._check_own_tenant(tenant)
            if request.method not in {"GET", "HEAD"}:
                raise errors.refusal("wrong_verb", "GET", request.method)
            return _METADATA[path](self._tenant, request)
        raise errors.refusal("unknown_endpoint")

    def _check_own_tenant(self, tenant: str) -> None:
        folded = tenant.casefold()
        if folded in {self._tenant.seed_data.tenant_id, seed_data.TENANT_DOMAIN}:
            return
        if folded in _ANY_TENANT:
            raise errors.refusal("no_tenant")
        if GUID.fullmatch(tenant) or _DOMAIN.fullmatch(tenant):
            raise errors.refusal("unknown_tenant", tenant)
        raise errors.refusal("invalid_tenant", tenant)


def _answer_configuration(version: str, tenant: Tenant, request: Request) -> Answer:
    """Answer ``…/.well-known/openid-configuration``."""
    own = filled(_DATA[version], base=request.base_url, tenant=tenant.seed_data.tenant_id, host=request.host)
    return Answer(200, own | _DATA["configuration"], dict(_PUBLISHED))


def _answer_keys(tenant: Tenant, request: Request) -> Answer:
    """Answer the public keys that verify the tenant's tokens."""
    return Answer(200, tenant.issuer.jwks(), dict(_PUBLISHED))


def _answer_instance(tenant: Tenant, request: Request) -> Answer:
    """Answer whether the authority in ``authorization_endpoint`` is Entra's, and by which names it goes."""
    endpoint = request.parameter("authorization_endpoint")
    if not endpoint:
        raise errors.refusal("missing_parameter", "authorization_endpoint")
    try:
        authority = urlsplit(endpoint)
        host = authority.netloc.casefold()
    except ValueError as error:  # a bracket that is not closed
        raise errors.refusal("unknown_instance") from error
    own = request.host.casefold()
    name = authority.path.strip("/").partition("/")[0]
    if authority.scheme != "https" or host not in {own, *PUBLIC_HOSTS} or not name:
        raise errors.refusal("unknown_instance")
    sandbox = {"preferred_network": own, "preferred_cache": own, "aliases": [own]}
    body = {
        "tenant_discovery_endpoint": f"https://{host}/{name}/v2.0/.well-known/openid-configuration",
        "api-version": request.parameter("api-version") or "1.1",
        "metadata": [*([] if host in PUBLIC_HOSTS else [sandbox]), *_DATA["clouds"]],
    }
    return Answer(200, body, dict(_PUBLISHED))


def _correlation_id(request: Request) -> str:
    given = request.headers.get("client-request-id", "")
    return given if GUID.fullmatch(given) else new_request_id()


_TOKENS: dict[str, Endpoint] = {"oauth2/token": answer_v1, "oauth2/v2.0/token": answer_v2}
_METADATA: dict[str, Endpoint] = {
    ".well-known/openid-configuration": partial(_answer_configuration, "v1"),
    "v2.0/.well-known/openid-configuration": partial(_answer_configuration, "v2"),
    "discovery/keys": _answer_keys,
    "discovery/v2.0/keys": _answer_keys,
    "discovery/instance": _answer_instance,
}
