"""What Entra publishes about a tenant: endpoints, keys, and which hosts belong together."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.cloud import Cloud
from sandbox.core.http import Answer, Request
from sandbox.entra import errors
from sandbox.entra.tokens import issuer_of

PUBLIC_HOSTS = ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net")

_PUBLISHED = {"Access-Control-Allow-Origin": "*"}


def answer_configuration_v2(cloud: Cloud, request: Request) -> Answer:
    """Answer ``/v2.0/.well-known/openid-configuration`` (OpenID Connect Discovery 1.0)."""
    tenant, base = cloud.seed_data.tenant_id, request.base_url
    return _configuration(
        request,
        token_endpoint=f"{base}/{tenant}/oauth2/v2.0/token",
        jwks_uri=f"{base}/{tenant}/discovery/v2.0/keys",
        issuer=_issuer_v2(tenant),
        # There is no one to sign in with a browser here; but msal reads no configuration without this.
        authorization_endpoint=f"{base}/{tenant}/oauth2/v2.0/authorize",
    )


def answer_configuration_v1(cloud: Cloud, request: Request) -> Answer:
    """Answer ``/.well-known/openid-configuration``."""
    tenant, base = cloud.seed_data.tenant_id, request.base_url
    return _configuration(
        request,
        token_endpoint=f"{base}/{tenant}/oauth2/token",
        jwks_uri=f"{base}/common/discovery/keys",
        issuer=issuer_of(tenant),
        authorization_endpoint=f"{base}/{tenant}/oauth2/authorize",
    )


def answer_keys(cloud: Cloud, request: Request) -> Answer:
    """Answer the public keys that verify the tenant's tokens."""
    return Answer(200, cloud.issuer.jwks(), dict(_PUBLISHED))


def answer_instance(cloud: Cloud, request: Request) -> Answer:
    """Answer whether the authority in ``authorization_endpoint`` is Entra's, and by which names it goes.

    Raises:
        EntraError: It is missing, or at a host that is not Entra's.
    """
    endpoint = request.parameter("authorization_endpoint")
    if not endpoint:
        raise errors.missing_parameter("authorization_endpoint")
    try:
        authority = urlsplit(endpoint)
        host = authority.netloc.casefold()
    except ValueError as error:  # a bracket that is not closed
        raise errors.unknown_instance() from error
    own = request.host.casefold()
    tenant = authority.path.strip("/").partition("/")[0]
    if authority.scheme != "https" or host not in {own, *PUBLIC_HOSTS} or not tenant:
        raise errors.unknown_instance()
    aliases = list(PUBLIC_HOSTS) if host in PUBLIC_HOSTS else [own]
    return Answer(
        200,
        {
            "tenant_discovery_endpoint": f"https://{host}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.parameter("api-version") or "1.1",
            "metadata": [
                {
                    "preferred_network": aliases[0],
                    "preferred_cache": aliases[min(1, len(aliases) - 1)],
                    "aliases": aliases,
                }
            ],
        },
        dict(_PUBLISHED),
    )


def _configuration(request: Request, **endpoints: str) -> Answer:
    body: dict[str, object] = {
        **endpoints,
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "NA",
        "cloud_instance_name": request.host,
        "msgraph_host": "graph.microsoft.com",
    }
    return Answer(200, body, dict(_PUBLISHED))


def _issuer_v2(tenant_id: str) -> str:
    return f"https://login.microsoftonline.com/{tenant_id}/v2.0"
