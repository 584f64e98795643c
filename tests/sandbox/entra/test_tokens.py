"""Tokens: the claims they carry, which ones are accepted and which are not."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.entra import validation
from sandbox.entra.keys import SigningKey, base64url
from sandbox.entra.tokens import IssuedToken, TokenIssuer
from sandbox.entra.validation import ExpiredToken, InvalidToken, NotYetValid, TokenValidator, WrongAudience
from tests.support.clocks import FrozenClock

TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"
CLIENT = "11111111-1111-4111-8111-111111111111"
OBJECT = "22222222-2222-4222-8222-222222222222"
ARM = "https://management.azure.com/"
AUDIENCES = (ARM, "https://localhost:8443")
GROUP = "/subscriptions/s/resourcegroups/myResourceGroupVM"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/myVM"
NOW = int(FrozenClock().now().timestamp())


def issue(key: SigningKey, clock: FrozenClock, **changes: object) -> IssuedToken:
    arguments: dict[str, Any] = {
        "audience": ARM,
        "client_id": CLIENT,
        "object_id": OBJECT,
        "lifetime": timedelta(hours=1),
    }
    return TokenIssuer(key, TENANT, clock).for_application(**arguments | changes)


def validator(key: SigningKey, clock: FrozenClock) -> TokenValidator:
    return TokenValidator(key, TENANT, clock, AUDIENCES)


def good_claims() -> dict[str, Any]:
    issuer = f"https://sts.windows.net/{TENANT}/"
    return {
        "aud": ARM,
        "iss": issuer,
        "iat": NOW - 300,
        "nbf": NOW - 300,
        "exp": NOW + 3600,
        "appid": CLIENT,
        "oid": OBJECT,
        "sub": OBJECT,
        "tid": TENANT,
        "ver": "1.0",
    }


def sign(key: SigningKey, claims: dict[str, Any], **header: object) -> str:
    headers = {"kid": key.kid} | header
    return jwt.encode(claims, key.private, algorithm="RS256", headers=headers)


def by_hand(header: object, payload: object, sign_with: Callable[[bytes], bytes]) -> str:
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    return f"{signed}.{base64url(sign_with(signed.encode()))}"


# --- what is issued -----------------------------------------------------------------------------------------


def test_an_applications_token_has_the_real_claims(key: SigningKey, clock: FrozenClock) -> None:
    issued = issue(key, clock)
    header = jwt.get_unverified_header(issued.token)
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    uti = claims.pop("uti")
    issuer = f"https://sts.windows.net/{TENANT}/"
    assert header == {"typ": "JWT", "alg": "RS256", "x5t": key.kid, "kid": key.kid}
    assert claims == {
        "aud": ARM,
        "iss": issuer,
        "iat": NOW - 300,
        "nbf": NOW - 300,
        "exp": NOW + 3600,
        "appid": CLIENT,
        "appidacr": "1",
        "idp": issuer,
        "idtyp": "app",
        "oid": OBJECT,
        "sub": OBJECT,
        "tid": TENANT,
        "ver": "1.0",
    }
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", uti)
    assert (issued.not_before, issued.expires_on, issued.expires_in) == (NOW - 300, NOW + 3600, 3599)


def test_a_managed_identitys_token_names_the_identity_and_the_machine(key: SigningKey, clock: FrozenClock) -> None:
    issued = issue(key, clock, appidacr="2", xms_mirid=IDENTITY, xms_az_rid=MACHINE, lifetime=timedelta(hours=24))
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    assert (claims["appidacr"], claims["xms_mirid"], claims["xms_az_rid"]) == ("2", IDENTITY, MACHINE)
    assert issued.expires_on == claims["exp"] == NOW + 86400


def test_no_two_tokens_are_the_same(key: SigningKey, clock: FrozenClock) -> None:
    assert issue(key, clock).token != issue(key, clock).token


def test_a_token_does_not_show_in_a_repr(key: SigningKey, clock: FrozenClock) -> None:
    issued = issue(key, clock)
    assert issued.token not in repr(issued)
    assert "eyJ" not in repr(issued)


# --- what is accepted ---------------------------------------------------------------------------------------


def test_claims_are_read(key: SigningKey, clock: FrozenClock) -> None:
    claims = validator(key, clock).validate(issue(key, clock, xms_mirid=IDENTITY).token)
    assert (claims.object_id, claims.client_id, claims.tenant_id) == (OBJECT, CLIENT, TENANT)
    assert (claims.audience, claims.not_before, claims.expires_on) == (ARM, NOW - 300, NOW + 3600)
    assert claims.raw["xms_mirid"] == IDENTITY
    raw: Any = claims.raw
    with pytest.raises(TypeError):
        raw["oid"] = "someone else"


@pytest.mark.parametrize(
    "audience",
    [ARM, ARM.removesuffix("/"), "https://localhost:8443", "https://localhost:8443/"],
)
def test_the_final_slash_of_an_audience_does_not_matter(key: SigningKey, clock: FrozenClock, audience: str) -> None:
    assert validator(key, clock).validate(issue(key, clock, audience=audience).token).audience == audience


@pytest.mark.parametrize("seconds", [0, 1, 3599])
def test_a_token_works_until_it_expires(key: SigningKey, clock: FrozenClock, seconds: int) -> None:
    checker, issued = validator(key, clock), issue(key, clock)
    checker.validate(issued.token)
    clock.advance(seconds)
    assert checker.validate(issued.token).object_id == OBJECT


# --- what is not --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known_before", [False, True])
@pytest.mark.parametrize("seconds", [3600, 3601, 10**6])
def test_an_expired_token(key: SigningKey, clock: FrozenClock, seconds: int, known_before: bool) -> None:
    checker, issued = validator(key, clock), issue(key, clock)
    if known_before:
        checker.validate(issued.token)
    clock.advance(seconds)
    with pytest.raises(ExpiredToken) as caught:
        checker.validate(issued.token)
    assert caught.value.expiry == datetime.fromtimestamp(NOW + 3600, UTC)
    assert caught.value.now == clock.now()


def test_a_token_from_the_future(key: SigningKey, clock: FrozenClock) -> None:
    checker = validator(key, clock)
    token = sign(key, good_claims() | {"nbf": NOW + 1})
    with pytest.raises(NotYetValid):
        checker.validate(token)
    clock.advance(1)
    assert checker.validate(token).object_id == OBJECT


@pytest.mark.parametrize(
    "audience",
    [
        "https://graph.microsoft.com/",
        "https://management.azure.com//",
        "https://management.azure.com.example.com/",
        "https://management.azure.com/x",
        "http://management.azure.com/",
        "HTTPS://MANAGEMENT.AZURE.COM/",
    ],
)
def test_a_token_for_another_resource(key: SigningKey, clock: FrozenClock, audience: str) -> None:
    with pytest.raises(WrongAudience) as caught:
        validator(key, clock).validate(issue(key, clock, audience=audience).token)
    assert caught.value.audience == audience


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"iss": f"https://sts.windows.net/{OBJECT}/"}, id="another issuer"),
        pytest.param({"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"}, id="version 2.0"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"tid": "00000000-0000-4000-8000-000000000000"}, id="another tenant"),
        pytest.param({"tid": None}, id="no tenant"),
        pytest.param({"oid": None}, id="no object id"),
        pytest.param({"oid": ""}, id="empty object id"),
        pytest.param({"oid": 7}, id="object id a number"),
        pytest.param({"oid": [OBJECT]}, id="object id a list"),
        pytest.param({"appid": None}, id="no application"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"aud": [ARM]}, id="audience a list"),
        pytest.param({"exp": None}, id="never expires"),
        pytest.param({"exp": str(NOW + 3600)}, id="expiry a string"),
        pytest.param({"exp": True}, id="expiry a boolean"),
        pytest.param({"exp": 1e300}, id="expiry a fraction"),
        pytest.param({"nbf": None}, id="no beginning"),
    ],
)
def test_a_token_with_wrong_claims(key: SigningKey, clock: FrozenClock, change: dict[str, Any]) -> None:
    claims = {name: value for name, value in (good_claims() | change).items() if value is not None}
    checker = validator(key, clock)
    checker.validate(sign(key, good_claims()))
    with pytest.raises(InvalidToken) as caught:
        checker.validate(sign(key, claims))
    assert caught.type is InvalidToken


def wrong_key(key: SigningKey, other: SigningKey) -> str:
    return jwt.encode(good_claims(), other.private, algorithm="RS256", headers={"kid": key.kid})


def unknown_key(key: SigningKey, other: SigningKey) -> str:
    return sign(other, good_claims())


def no_key_id(key: SigningKey, other: SigningKey) -> str:
    return jwt.encode(good_claims(), key.private, algorithm="RS256")


def key_id_of_another_type(key: SigningKey, other: SigningKey) -> str:
    header = {"alg": "RS256", "typ": "JWT", "kid": {"$ne": None}}
    return by_hand(header, good_claims(), lambda _: b"signature")


def not_signed(key: SigningKey, other: SigningKey) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": key.kid}
    return by_hand(header, good_claims(), lambda _: b"")


def not_signed_but_longer(key: SigningKey, other: SigningKey) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": key.kid}
    return by_hand(header, good_claims(), lambda _: b"x")


def none_in_capitals(key: SigningKey, other: SigningKey) -> str:
    return by_hand({"alg": "NONE", "kid": key.kid}, good_claims(), lambda _: b"x")


def public_key_as_secret(key: SigningKey, other: SigningKey) -> str:
    secret = key.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
    return by_hand(header, good_claims(), lambda data: hmac.digest(secret, data, "sha256"))


def another_rsa_algorithm(key: SigningKey, other: SigningKey) -> str:
    return jwt.encode(good_claims(), key.private, algorithm="RS512", headers={"kid": key.kid})


def probabilistic_algorithm(key: SigningKey, other: SigningKey) -> str:
    return jwt.encode(good_claims(), key.private, algorithm="PS256", headers={"kid": key.kid})


def own_key_in_the_header(key: SigningKey, other: SigningKey) -> str:
    (jwk,) = other.jwks()["keys"]
    return sign(other, good_claims(), jwk=jwk, kid=key.kid)


def changed_payload(key: SigningKey, other: SigningKey) -> str:
    header, _, signature = sign(key, good_claims()).split(".")
    payload = base64url(json.dumps(good_claims() | {"oid": CLIENT}).encode())
    return f"{header}.{payload}.{signature}"


def payload_not_an_object(key: SigningKey, other: SigningKey) -> str:
    return jwt.PyJWS().encode(b'["oid"]', key.private, algorithm="RS256", headers={"kid": key.kid})


def payload_not_json(key: SigningKey, other: SigningKey) -> str:
    return jwt.PyJWS().encode(b"\xff\xfe", key.private, algorithm="RS256", headers={"kid": key.kid})


def header_not_json(key: SigningKey, other: SigningKey) -> str:
    _, payload, signature = sign(key, good_claims()).split(".")
    return f"{base64url(b'no json')}.{payload}.{signature}"


def header_a_list(key: SigningKey, other: SigningKey) -> str:
    return by_hand(["RS256"], good_claims(), lambda _: b"x")


def deep_header(key: SigningKey, other: SigningKey) -> str:
    return f"{base64url(b'[' * 6000)}.e30.AA"


def huge_number(key: SigningKey, other: SigningKey) -> str:
    header = base64url(b'{"kid":' + b"9" * 5000 + b"}")
    return f"{header}.e30.AA"


def cut_short(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims())[:-10]


def no_signature(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims()).rpartition(".")[0]


def empty_signature(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims()).rpartition(".")[0] + "."


def four_parts(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims()) + ".AA"


def junk_in_the_signature(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims())[:-5] + "!" + sign(key, good_claims())[-5:]


def line_break_at_the_end(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims()) + "\n"


def too_long(key: SigningKey, other: SigningKey) -> str:
    return sign(key, good_claims() | {"groups": "x" * validation.MAXIMUM_LENGTH})


FORGERIES = [
    wrong_key,
    unknown_key,
    no_key_id,
    key_id_of_another_type,
    not_signed,
    not_signed_but_longer,
    none_in_capitals,
    public_key_as_secret,
    another_rsa_algorithm,
    probabilistic_algorithm,
    own_key_in_the_header,
    changed_payload,
    payload_not_an_object,
    payload_not_json,
    header_not_json,
    header_a_list,
    deep_header,
    huge_number,
    cut_short,
    no_signature,
    empty_signature,
    four_parts,
    junk_in_the_signature,
    line_break_at_the_end,
    too_long,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_or_malformed_token(
    key: SigningKey, other_key: SigningKey, clock: FrozenClock, forge: Callable[[SigningKey, SigningKey], str]
) -> None:
    checker = validator(key, clock)
    checker.validate(sign(key, good_claims()))  # what the forgeries start from is good
    token = forge(key, other_key)
    for _ in range(2):  # nor is it accepted the second time
        with pytest.raises(InvalidToken) as caught:
            checker.validate(token)
        assert caught.type is InvalidToken
        assert str(caught.value) in {"malformed", "malformed or forged", "signed by an unknown key"}


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "Bearer", "\x00", "é.é.é", "\ud800.x.y", "null"])
def test_no_token_at_all(key: SigningKey, clock: FrozenClock, text: str) -> None:
    with pytest.raises(InvalidToken):
        validator(key, clock).validate(text)


# --- laws ---------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=200))
def test_text_is_never_more_than_refused(key: SigningKey, text: str) -> None:
    with pytest.raises(InvalidToken):
        validator(key, FrozenClock()).validate(text)


@given(data=st.data())
@settings(deadline=None)
def test_any_changed_character_is_noticed(key: SigningKey, data: st.DataObject) -> None:
    clock = FrozenClock()
    token = sign(key, good_claims())
    # Four bits of the last character stand for nothing, so that another one can mean the same signature.
    position = data.draw(st.integers(0, len(token) - 2))
    character = data.draw(st.sampled_from("ABCDwxyz0189-_.!").filter(lambda c: c != token[position]))
    checker = validator(key, clock)
    checker.validate(token)
    with pytest.raises(InvalidToken):
        checker.validate(token[:position] + character + token[position + 1 :])


@given(lifetime=st.integers(1, 10**6), age=st.integers(0, 2 * 10**6))
@settings(deadline=None)
def test_a_token_is_good_for_its_lifetime_and_no_longer(key: SigningKey, lifetime: int, age: int) -> None:
    clock = FrozenClock()
    checker = validator(key, clock)
    token = issue(key, clock, lifetime=timedelta(seconds=lifetime)).token
    clock.advance(age)
    for _ in range(2):
        if age < lifetime:
            assert checker.validate(token).expires_on == NOW + lifetime
        else:
            with pytest.raises(ExpiredToken):
                checker.validate(token)


# --- what is remembered -------------------------------------------------------------------------------------


def test_a_token_is_verified_once(key: SigningKey, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    checker, token = validator(key, clock), issue(key, clock).token
    first = checker.validate(token)
    monkeypatch.setattr(jwt, "decode", None)
    assert checker.validate(token) is first


def test_the_memory_is_bounded_and_forgets_the_longest_unused(
    key: SigningKey, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "CACHE_SIZE", 2)
    checker = validator(key, clock)
    tokens = [issue(key, clock).token for _ in range(3)]
    first, second = checker.validate(tokens[0]), checker.validate(tokens[1])
    assert checker.validate(tokens[0]) is first
    checker.validate(tokens[2])
    assert checker.validate(tokens[0]) is first
    assert checker.validate(tokens[1]) is not second


def test_the_servers_own_address_can_be_accepted_later(key: SigningKey, clock: FrozenClock) -> None:
    checker, address = validator(key, clock), "https://localhost:9443"
    token = issue(key, clock, audience=f"{address}/").token
    with pytest.raises(WrongAudience):
        checker.validate(token)
    checker.accept(address)
    assert checker.validate(token).audience == f"{address}/"


def test_no_token_is_kept(key: SigningKey, clock: FrozenClock) -> None:
    checker, token = validator(key, clock), issue(key, clock).token
    checker.validate(token)
    kept = repr(vars(checker._verified))
    assert repr(hashlib.sha256(token.encode()).digest()) in kept
    for part in token.split("."):
        assert part not in kept
