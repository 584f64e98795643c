"""The key that the tenant signs its tokens with, and the public half that it publishes."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from sandbox.core.files import is_private, write_private
from sandbox.state.state_directory import StateDirectory

KEY_SIZE = 2048  # bits; what Entra uses

# The certificate around the key is made anew at each start. Nothing in it varies but the key, and an RSA
# PKCS #1 signature is deterministic, so that its thumbprint (the key's id in every token) stays the same.
_CERTIFICATE_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_CERTIFICATE_END = datetime(2050, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SigningKey:
    """An RSA key, which leaves the process to its own file only, with a self-signed certificate around it."""

    private: rsa.RSAPrivateKey

    @cached_property
    def public(self) -> rsa.RSAPublicKey:
        """The public half."""
        return self.private.public_key()

    @cached_property
    def certificate(self) -> bytes:
        """The self-signed certificate, DER."""
        return _certificate(self.private).public_bytes(serialization.Encoding.DER)

    @cached_property
    def kid(self) -> str:
        """The key's id, as in Entra: the certificate's SHA-1 thumbprint, base64url (RFC 7515, ``x5t``)."""
        return base64url(hashlib.sha1(self.certificate, usedforsecurity=False).digest())

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """Return the JSON Web Key Set that verifies this tenant's tokens: public members only (RFC 7517)."""
        key = RSAAlgorithm.to_jwk(self.public, as_dict=True)
        del key["key_ops"]
        x5c = [base64.b64encode(self.certificate).decode()]
        return {"keys": [{**key, "use": "sig", "kid": self.kid, "x5t": self.kid, "x5c": x5c}]}


def ensure_signing_key(folder: Path) -> SigningKey:
    """Return the folder's signing key; make one if it is missing, damaged or not its owner's alone.

    Tokens signed by a key that was replaced are no longer accepted.
    """
    path = StateDirectory(folder).signing_key
    key = _load(path)
    if key is None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE)
        write_private(path, _pem(key))
    return SigningKey(key)


def base64url(value: bytes) -> str:
    """Encode as JSON Web Tokens do: base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _load(path: Path) -> rsa.RSAPrivateKey | None:
    if not path.exists() or not is_private(path):
        return None
    try:
        # OpenSSL's own check looks for primes, which is a tenth of a start. A signature shows damage as well.
        key = serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    except ValueError:  # cut short, or not PEM
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) and key.key_size == KEY_SIZE and _signs(key) else None


def _signs(key: rsa.RSAPrivateKey) -> bool:
    probe, pkcs1, sha256 = b"probe", padding.PKCS1v15(), hashes.SHA256()
    try:
        key.public_key().verify(key.sign(probe, pkcs1, sha256), probe, pkcs1, sha256)
    except (InvalidSignature, ValueError):
        return False
    return True


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Azure sandbox token signing")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_CERTIFICATE_BEGIN)
        .not_valid_after(_CERTIFICATE_END)
        .sign(key, hashes.SHA256())
    )
