"""The signing key: what is published of it, and how it is kept."""

import base64
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.entra.keys import SigningKey, ensure_signing_key
from sandbox.state.state_directory import StateDirectory

PUBLIC_MEMBERS = {"kty", "use", "kid", "x5t", "n", "e", "x5c"}


def test_only_public_members_are_published(key: SigningKey) -> None:
    (published,) = key.jwks()["keys"]
    assert set(published) == PUBLIC_MEMBERS
    numbers = key.private.private_numbers()
    secrets = [numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp]
    for secret in secrets:
        encoded = secret.to_bytes((secret.bit_length() + 7) // 8, "big")
        for text in (base64.urlsafe_b64encode(encoded).rstrip(b"=").decode(), encoded.hex(), str(secret)):
            assert text not in str(published)


def test_what_is_published_verifies_what_is_signed(key: SigningKey) -> None:
    (published,) = jwt.PyJWKSet.from_dict(key.jwks()).keys
    token = jwt.encode({"a": 1}, key.private, algorithm="RS256", headers={"kid": key.kid})
    assert jwt.decode(token, published.key, algorithms=["RS256"]) == {"a": 1}
    assert published.key_id == jwt.get_unverified_header(token)["kid"]


def test_the_certificate_is_the_keys_and_names_it(key: SigningKey) -> None:
    (published,) = key.jwks()["keys"]
    encoded = published["x5c"]
    assert isinstance(encoded, list)
    certificate = x509.load_der_x509_certificate(base64.b64decode(encoded[0]))
    certificate.verify_directly_issued_by(certificate)
    assert certificate.public_key() == key.public
    thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA1())).rstrip(b"=").decode()
    assert published["kid"] == published["x5t"] == key.kid == thumbprint


def test_the_key_is_strong(key: SigningKey) -> None:
    assert key.private.key_size == 2048
    assert key.public.public_numbers().e == 65537


def test_a_key_is_made_once(tmp_path: Path) -> None:
    made = ensure_signing_key(tmp_path)
    again = ensure_signing_key(tmp_path)
    assert again.private.private_numbers() == made.private.private_numbers()
    assert (again.kid, again.jwks()) == (made.kid, made.jwks())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_key_is_private(tmp_path: Path) -> None:
    made = ensure_signing_key(tmp_path)
    path = StateDirectory(tmp_path).signing_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert ensure_signing_key(tmp_path).kid != made.kid, "a key that others could read is not used again"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def weak() -> bytes:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def mixed() -> bytes:
    """A key whose parts do not belong together: one of its exponents is another key's."""
    mine, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers() for _ in range(2))
    numbers = rsa.RSAPrivateNumbers(mine.p, mine.q, mine.d, other.dmp1, mine.dmq1, mine.iqmp, mine.public_numbers)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda whole: whole[:900],
    "garbage": lambda _: b"\xff" * 40,
    "weak": lambda _: weak(),
    "mixed": lambda _: mixed(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_key_is_remade(tmp_path: Path, damage: str) -> None:
    made = ensure_signing_key(tmp_path)
    path = StateDirectory(tmp_path).signing_key
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    remade = ensure_signing_key(tmp_path)
    assert remade.kid != made.kid
    assert remade.private.key_size == 2048
    assert ensure_signing_key(tmp_path).kid == remade.kid


def test_no_key_shows_in_a_repr(key: SigningKey) -> None:
    assert str(key.private.private_numbers().d) not in repr(key)
