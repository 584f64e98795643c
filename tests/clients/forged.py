"""Tokens that do not open, and what Resource Manager says to each."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from sandbox.entra.keys import SigningKey, base64url, ensure_signing_key
from sandbox.entra.tokens import TokenIssuer
from tests.support.sandbox import RunningSandbox

AUDIENCE = "https://management.azure.com/"
OTHER_TENANT = "72f988bf-0000-4000-8000-000000000000"
NAMES = ("wrong key", "wrong issuer", "wrong audience", "expired", "alg none", "no signature", "symmetric", "no token")
_INVALID = ("InvalidAuthenticationToken", "The access token is invalid.")


@dataclass(frozen=True)
class Forged:
    """A token, and the code and the beginning of the message of its refusal."""

    token: str
    code: str
    message: str


def forged_tokens(sandbox: RunningSandbox, other_key: SigningKey) -> Mapping[str, Forged]:
    """Each of ``NAMES`` with a token that is the operator's but for what the name says."""
    key = ensure_signing_key(sandbox.server.state.path)
    good = _issue(sandbox, key)
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    vault = "https://vault.azure.net"
    return {
        "wrong key": Forged(_issue(sandbox, other_key), *_INVALID),
        "wrong issuer": Forged(_issue(sandbox, key, tenant=OTHER_TENANT), *_INVALID),
        "wrong audience": Forged(
            _issue(sandbox, key, audience=vault),
            "InvalidAuthenticationTokenAudience",
            f"The access token has been obtained for wrong audience or resource '{vault}'.",
        ),
        "expired": Forged(
            _issue(sandbox, key, lifetime=timedelta(seconds=-1)),
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time '",
        ),
        "alg none": Forged(".".join((_encoded({**header, "alg": "none"}), *good.split(".")[1:])), *_INVALID),
        "no signature": Forged(f"{_encoded({**header, 'alg': 'none'})}.{_encoded(claims)}.", *_INVALID),
        "symmetric": Forged(_signed_with_public_key(header, claims, key), *_INVALID),
        "no token": Forged("nonsense", *_INVALID),
    }


def _issue(sandbox: RunningSandbox, key: SigningKey, **changed: Any) -> str:
    issuer = TokenIssuer(key, changed.pop("tenant", sandbox.seed_data.tenant_id), sandbox.clock)
    claims: dict[str, Any] = {
        "audience": AUDIENCE,
        "client_id": sandbox.seed_data.operator_client_id,
        "object_id": sandbox.seed_data.operator_object_id,
        "lifetime": timedelta(hours=1),
    }
    return issuer.for_application(**{**claims, **changed}).token


def _signed_with_public_key(header: dict[str, Any], claims: dict[str, Any], key: SigningKey) -> str:
    """Sign with what everybody knows, for a verifier that lets the token choose the algorithm."""
    public = key.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    content = f"{_encoded({**header, 'alg': 'HS256'})}.{_encoded(claims)}"
    return f"{content}.{base64url(hmac.digest(public, content.encode(), 'sha256'))}"


def _encoded(value: Any) -> str:
    return base64url(json.dumps(value).encode())
