"""Access tokens of version 1.0, the kind that Azure Resource Manager takes.

The claims are described in https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference;
which of them are there, and their values, follow tokens of the real service.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import jwt

from sandbox.core.clock import Clock
from sandbox.entra.keys import SigningKey, base64url

ALGORITHM = "RS256"
CLIENT_SECRET = "1"  # appidacr: the application proved itself with a secret …
CLIENT_CERTIFICATE = "2"  # … or with a certificate, as a managed identity does behind the scenes

BACKDATING = 300  # seconds; Entra dates a token back so that a verifier whose clock is slow accepts it


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its times, in seconds since 1970.

    ``expires_in`` is a second less than its lifetime, as in Entra: a client that adds it to its own clock is not late.
    """

    token: str = field(repr=False)  # a secret: never logged or shown
    expires_on: int
    not_before: int
    expires_in: int


def issuer_of(tenant_id: str) -> str:
    """Return the ``iss`` of a tenant's version 1.0 tokens."""
    return f"https://sts.windows.net/{tenant_id}/"


class TokenIssuer:
    """Signs tokens for the applications and managed identities of one tenant; ``record`` is told each of them."""

    def __init__(self, key: SigningKey, tenant_id: str, clock: Clock) -> None:
        self._key = key
        self._tenant_id = tenant_id
        self._clock = clock
        self._header = {"typ": "JWT", "x5t": key.kid, "kid": key.kid}
        self.record: Callable[[str], object] | None = None

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """Return the public keys that verify what is signed here (RFC 7517)."""
        return self._key.jwks()

    def for_application(
        self,
        *,
        audience: str,
        client_id: str,
        object_id: str,
        lifetime: timedelta,
        appidacr: str = CLIENT_SECRET,
        roles: Sequence[str] = (),
        xms_mirid: str | None = None,
        xms_az_rid: str | None = None,
    ) -> IssuedToken:
        """Sign a token for a service principal acting for itself.

        ``audience`` is the resource it is for, as the caller wrote it: with or without a final slash. A managed
        identity's has its resource id in ``xms_mirid``, and in ``xms_az_rid`` that of the machine where it was got.
        ``appidacr`` says how the application proved itself; ``roles`` are permissions on the resource, not of RBAC.
        """
        now = int(self._clock.seconds())
        begin, end = now - BACKDATING, now + int(lifetime.total_seconds())
        issuer = issuer_of(self._tenant_id)
        claims: dict[str, object] = {
            "aud": audience,
            "iss": issuer,
            "iat": begin,
            "nbf": begin,
            "exp": end,
            "appid": client_id,
            "appidacr": appidacr,
            "idp": issuer,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": self._tenant_id,
            "uti": base64url(secrets.token_bytes(16)),
            "ver": "1.0",
        }
        resources = {"xms_mirid": xms_mirid, "xms_az_rid": xms_az_rid}
        claims |= {name: value for name, value in resources.items() if value is not None}
        if roles:
            claims["roles"] = list(roles)
        token = jwt.encode(claims, self._key.private, algorithm=ALGORITHM, headers=self._header)
        if self.record is not None:
            self.record(token)
        return IssuedToken(token, expires_on=end, not_before=begin, expires_in=end - now - 1)
