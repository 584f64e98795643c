"""The token endpoint: an application proves itself with its secret and gets a token (RFC 6749, 4.4)."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, unquote_plus

from sandbox.core import seed_data
from sandbox.core.http import Answer, Request
from sandbox.entra import errors
from sandbox.entra.tenant import Tenant
from sandbox.entra.tokens import IssuedToken
from sandbox.state.directory import Principal

LIFETIME = timedelta(hours=1)
MAXIMUM_BODY = 64 * 1024  # bytes
MAXIMUM_FIELDS = 64

_GRANT = "client_credentials"
_DEFAULT = "/.default"
_ABOUT_A_USER = frozenset({"openid", "profile", "offline_access", "email"})  # mean nothing for an application


def answer_v2(tenant: Tenant, request: Request) -> Answer:
    """Answer ``/oauth2/v2.0/token``: the resource is named by ``scope``, numbers are numbers."""
    form = _read_grant(request)
    token = _sign_in(tenant, form, _resource_in(_require(form, "scope")))
    lifetime = {"expires_in": token.expires_in, "ext_expires_in": token.expires_in}
    return Answer(200, {"token_type": "Bearer", **lifetime, "access_token": token.token})


def answer_v1(tenant: Tenant, request: Request) -> Answer:
    """Answer ``/oauth2/token``: the resource is named by ``resource``, numbers are strings."""
    form = _read_grant(request)
    resource = _require(form, "resource")
    token = _sign_in(tenant, form, resource)
    body = {
        "token_type": "Bearer",
        "expires_in": str(token.expires_in),
        "ext_expires_in": str(token.expires_in),
        "expires_on": str(token.expires_on),
        "not_before": str(token.not_before),
        "resource": resource,
        "access_token": token.token,
    }
    return Answer(200, body)


def _read_grant(request: Request) -> Mapping[str, str]:
    """Return the body's fields that have a value; an application may prove itself in the header instead."""
    form = _read_form(request)
    grant = _require(form, "grant_type")
    if grant != _GRANT:
        raise errors.refusal("unsupported_grant", grant)
    _require(form, "client_id")
    return form


def _read_form(request: Request) -> Mapping[str, str]:
    if len(request.body) > MAXIMUM_BODY:
        raise errors.refusal("malformed_request")
    try:
        pairs = parse_qsl(request.body.decode(), errors="strict", max_num_fields=MAXIMUM_FIELDS)
    except ValueError as error:  # too many fields, or not UTF-8
        raise errors.refusal("malformed_request") from error
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise errors.refusal("duplicate_parameter", name)
    return _from_header(request) | dict(pairs)


def _from_header(request: Request) -> dict[str, str]:
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.casefold() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise errors.refusal("malformed_request") from error
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


def _sign_in(tenant: Tenant, form: Mapping[str, str], resource: str) -> IssuedToken:
    application = _authenticate(tenant, form)
    if not tenant.has_resource(resource):
        raise errors.refusal("unknown_resource", resource, seed_data.TENANT_NAME)
    return tenant.issuer.for_application(
        audience=resource,
        client_id=application.client_id,
        object_id=application.object_id,
        lifetime=LIFETIME,
        roles=tenant.permissions(application.object_id, resource),
    )


def _authenticate(tenant: Tenant, form: Mapping[str, str]) -> Principal:
    client_id, secret = form["client_id"], form.get("client_secret")
    application = tenant.directory.by_client_id(client_id)
    if application is None:
        raise errors.refusal("unknown_application", client_id, seed_data.TENANT_NAME)
    if not secret:
        raise errors.refusal("unknown_certificate" if "client_assertion" in form else "missing_credential")
    if not tenant.directory.verify_secret(client_id, secret):
        raise errors.refusal("invalid_secret", client_id)
    return application


def _resource_in(scope: str) -> str:
    """Return the resource: of ``https://management.azure.com/.default``, what stands before ``/.default``."""
    names = [name for name in scope.split() if name not in _ABOUT_A_USER]
    if not names:
        raise errors.refusal("invalid_scope", scope)
    if not all(name.endswith(_DEFAULT) for name in names):
        raise errors.refusal("scope_without_default", scope)
    resources = {name.removesuffix(_DEFAULT) for name in names}
    if len(resources) > 1:
        raise errors.refusal("several_resources", scope)
    return resources.pop()


def _require(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise errors.refusal("missing_parameter", name)
    return value
