"""No token that the tenant has not made, for this and for now, opens anything, on any listener; and none is a token."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.core import seed_data
from tests.support.sandbox import RunningSandbox, running_sandbox

MANAGEMENT, GRAPH = "https://management.azure.com/", "https://graph.microsoft.com"
ELSEWHERE = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7fa01"
_OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Forge = Callable[[str], str]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("forged"), keys_from=keys) as found:
        yield found


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _with_claims(**claims: Any) -> Forge:
    """The good claims with others in their place, signed by another key that passes itself off as the tenant's."""

    def forge(token: str) -> str:
        good = jwt.decode(token, options={"verify_signature": False})
        header = jwt.get_unverified_header(token)
        return jwt.encode(good | claims, _OTHER_KEY, "RS256", headers={"kid": header["kid"], "x5t": header["x5t"]})

    return forge


def _unsigned(algorithm: str) -> Forge:
    return lambda token: f"{_encoded({'alg': algorithm, 'typ': 'JWT'})}.{token.split('.')[1]}."


def _altered(token: str) -> str:
    header, claims, signature = token.split(".")
    other = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))) | {"oid": ELSEWHERE}
    return f"{header}.{_encoded(other)}.{signature}"


FORGED: dict[str, Forge] = {
    "another key": _with_claims(),
    "another key, another audience": _with_claims(aud="https://vault.azure.net"),
    "another key, another issuer": _with_claims(iss=f"https://sts.windows.net/{ELSEWHERE}/"),
    "another key, another tenant": _with_claims(tid=ELSEWHERE),
    "another key, expired": _with_claims(exp=int(time.time()) - 10),
    "alg none": _unsigned("none"),
    "alg None": _unsigned("None"),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "another principal in it": _altered,
    "cut short": lambda token: token[:-8],
    "two of them": lambda token: f"{token}.{token}",
}


def _signed_by_the_tenant(sandbox: RunningSandbox, **claims: Any) -> str:
    """A token that the tenant's own key signed, with other claims than it would ever put there."""
    token = sandbox.token()
    good = jwt.decode(token, options={"verify_signature": False})
    key = sandbox.cloud.issuer._key
    return str(jwt.encode(good | claims, key.private, "RS256", headers={"kid": key.kid, "x5t": key.kid}))


def _ask_arm(sandbox: RunningSandbox, token: str) -> requests.Response:
    return sandbox.arm("GET", sandbox.seed_data.group(seed_data.RESOURCE_GROUP), token=token, version="2024-07-01")


def _ask_graph(sandbox: RunningSandbox, token: str) -> requests.Response:
    url = f"{sandbox.endpoint}/v1.0/servicePrincipals"
    return sandbox.session.get(url, headers={"Authorization": f"Bearer {token}"})


def _refused(response: requests.Response) -> None:
    assert response.status_code == 401, response.status_code
    assert response.json()["error"]["code"].startswith(("InvalidAuthenticationToken", "ExpiredAuthenticationToken"))


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
@pytest.mark.parametrize(("ask", "audience"), [(_ask_arm, MANAGEMENT), (_ask_graph, GRAPH)], ids=["arm", "graph"])
def test_a_forged_token_opens_nothing(
    sandbox: RunningSandbox, ask: Callable[..., requests.Response], audience: str, forge: Forge
) -> None:
    good = sandbox.credential().get_token(f"{audience.rstrip('/')}/.default").token
    assert ask(sandbox, good).status_code == 200
    _refused(ask(sandbox, forge(good)))


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://vault.azure.net"}, "InvalidAuthenticationTokenAudience"),
        ({"iss": f"https://sts.windows.net/{ELSEWHERE}/"}, "InvalidAuthenticationToken"),
        ({"tid": ELSEWHERE}, "InvalidAuthenticationToken"),
        ({"exp": 1_700_000_000}, "ExpiredAuthenticationToken"),
        ({"nbf": 4_000_000_000, "exp": 4_000_003_600}, "InvalidAuthenticationToken"),
        ({"oid": None}, "InvalidAuthenticationToken"),
    ],
    ids=["audience", "issuer", "tenant", "expired", "not yet", "nobody"],
)
def test_the_tenants_own_signature_is_not_enough(sandbox: RunningSandbox, claims: dict[str, Any], code: str) -> None:
    response = _ask_arm(sandbox, _signed_by_the_tenant(sandbox, **claims))
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)


def test_the_public_key_is_no_secret_to_sign_with(sandbox: RunningSandbox) -> None:
    """A verifier that believed the token's header would take the published key for the secret of HS256."""
    key = sandbox.cloud.issuer._key
    pem = key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{sandbox.token().split('.')[1]}"
    signature = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), "sha256")).decode().rstrip("=")
    _refused(_ask_arm(sandbox, f"{signed}.{signature}"))


def test_a_token_for_one_service_does_not_open_the_other(sandbox: RunningSandbox) -> None:
    for_graph = sandbox.credential().get_token(f"{GRAPH}/.default").token
    assert _ask_arm(sandbox, for_graph).json()["error"]["code"] == "InvalidAuthenticationTokenAudience"
    _refused(_ask_graph(sandbox, sandbox.token()))
