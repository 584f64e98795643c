"""Whether an access token is ours, for us and for now."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import jwt
from cachetools import LRUCache

from sandbox.core.clock import Clock
from sandbox.core.data_files import read_data
from sandbox.entra.keys import SigningKey
from sandbox.entra.tokens import ALGORITHM, issuer_of

MANAGEMENT_AUDIENCES = (  # in the order in which Resource Manager lists them when it refuses another
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
)
GRAPH_AUDIENCES = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
RESOURCES = frozenset(  # what tokens can be had for: service principals of Microsoft's that are in every tenant
    [
        *(audience.removesuffix("/") for audience in MANAGEMENT_AUDIENCES),
        *GRAPH_AUDIENCES,
        *read_data(__file__, "published.yaml")["resources"],
    ]
)
MAXIMUM_LENGTH = 16 * 1024  # characters; a real token has about 1,500
CACHE_SIZE = 4096  # tokens

# Python's base64 decoder skips characters that do not belong there; a signed token has none.
_COMPACT_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

# Times, ids and audience are checked below, against the sandbox's clock and with a reason for each.
_NOT_VERIFIED = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
_SIGNATURE_ONLY: Any = {"verify_signature": True, **_NOT_VERIFIED}


class InvalidToken(Exception):
    """The token is malformed or forged, or another tenant or issuer made it: the caller gets one answer for all."""


class ExpiredToken(InvalidToken):
    """The token's time is over: ``expiry`` was before ``now``."""

    def __init__(self, expiry: datetime, now: datetime) -> None:
        super().__init__(f"expired at {expiry:%Y-%m-%dT%H:%M:%SZ}")
        self.expiry = expiry
        self.now = now


class NotYetValid(InvalidToken):
    """The token's time has not come."""


class WrongAudience(InvalidToken):
    """The token is for another resource, ``audience``."""

    def __init__(self, audience: str) -> None:
        super().__init__(f"made for {audience!r}")
        self.audience = audience


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that was verified says: times in seconds since 1970, and in ``raw`` all of it, read-only."""

    object_id: str
    client_id: str
    tenant_id: str
    audience: str
    not_before: int
    expires_on: int
    raw: Mapping[str, object]


class TokenValidator:
    """Verifies the tokens of one tenant for one resource, and remembers those it has verified.

    Every request brings its token along, and checking a signature costs more than serving the request. The times are
    looked at each time. ``latest`` is the latest time there was, in seconds since 1970: if the clock was set back
    since, a token from before seems to come from the future, and is good.
    """

    def __init__(
        self, key: SigningKey, tenant_id: str, clock: Clock, audiences: Iterable[str] = MANAGEMENT_AUDIENCES
    ) -> None:
        self._key = key
        self._tenant_id = tenant_id
        self._issuer = issuer_of(tenant_id)
        self._clock = clock
        self._audiences = {_without_slash(audience) for audience in audiences}
        self.latest = 0.0
        self._verified: LRUCache[bytes, Claims] = LRUCache(maxsize=CACHE_SIZE)

    def accept(self, audience: str) -> None:
        """Accept tokens for ``audience`` too: the server's own address, known once it listens."""
        self._audiences.add(_without_slash(audience))

    def accepts(self, audience: str) -> bool:
        """Return whether tokens for ``audience`` are accepted; a final slash does not matter."""
        return _without_slash(audience) in self._audiences

    def validate(self, token: str) -> Claims:
        """Return the token's claims; raises InvalidToken, or the kind of it that fits."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()  # so that no token is kept
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verified[digest] = self._verify(token)
        self._check_times(claims)
        return claims

    def _verify(self, token: str) -> Claims:
        claims = _read(self._signed_claims(token))
        if claims.tenant_id != self._tenant_id or claims.raw["iss"] != self._issuer:
            raise InvalidToken("another tenant's")
        if not self.accepts(claims.audience):
            raise WrongAudience(claims.audience)
        return claims

    def _signed_claims(self, token: str) -> dict[str, object]:
        if len(token) > MAXIMUM_LENGTH or not _COMPACT_FORM.fullmatch(token):
            raise InvalidToken("malformed")
        try:
            if jwt.get_unverified_header(token).get("kid") != self._key.kid:
                raise InvalidToken("signed by an unknown key")
            # The algorithm is fixed here: what the token's own header says about it decides nothing.
            return jwt.decode(token, self._key.public, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
        except (jwt.PyJWTError, RecursionError) as error:
            raise InvalidToken("malformed or forged") from error

    def _check_times(self, claims: Claims) -> None:
        seconds = self._clock.seconds()
        if seconds >= claims.expires_on:
            raise ExpiredToken(datetime.fromtimestamp(claims.expires_on, UTC), self._clock.now())
        if max(seconds, self.latest) < claims.not_before:
            raise NotYetValid("not valid yet")


def _read(raw: dict[str, object]) -> Claims:
    return Claims(
        object_id=_text(raw, "oid"),
        client_id=_text(raw, "appid"),
        tenant_id=_text(raw, "tid"),
        audience=_text(raw, "aud"),
        not_before=_seconds(raw, "nbf"),
        expires_on=_seconds(raw, "exp"),
        raw=MappingProxyType(raw | {"iss": _text(raw, "iss")}),
    )


def _text(raw: Mapping[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken(f"no {name}")
    return value


def _seconds(raw: Mapping[str, object], name: str) -> int:
    value = raw.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidToken(f"no {name}")
    return value


def _without_slash(audience: str) -> str:
    return audience.removesuffix("/")
