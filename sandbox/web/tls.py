"""The sandbox's own certificate authority and the certificate it serves TLS with.

Azure's clients refuse to send a token over plain HTTP, so the sandbox speaks TLS under Azure's own names as
well as localhost. Whoever trusts its authority must not thereby trust anything else: the authority is bound
to those names by a critical name constraint, and its private key exists in memory only, for two signatures.
"""

import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.core.clock import Clock
from sandbox.core.files import is_private, write_private

HOST_NAMES = (
    "localhost",
    "management.azure.com",
    "login.microsoftonline.com",
    "graph.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
)
ADDRESSES = ("127.0.0.1", "::1")

LIFETIME = timedelta(days=397)  # the longest that browsers accept for a server's certificate
RENEWAL = timedelta(days=30)  # a certificate with less than this left is remade at the next start
CLOCK_SKEW = timedelta(days=1)  # a client whose clock is slow must not see one from the future


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the three PEM files are.

    The authority's certificate is all that clients trust: variables such as REQUESTS_CA_BUNDLE replace their list, and
    with the sandbox's settings in force a client should reach nothing but the sandbox, so no public one is added.
    """

    ca_pem: Path  # the authority's certificate
    chain_pem: Path  # what the server presents: its certificate, without the authority's, as is usual for a root
    key_pem: Path  # the server's private key, readable by its owner only


def ensure_certificates(folder: Path, clock: Clock) -> Certificates:
    """Return the certificates in a folder that only its owner may enter; made anew if missing, damaged or expiring.

    The clock must tell the time of day, since clients compare the dates with their own. Raises OSError if the folder
    cannot be written.
    """
    certificates = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server-key.pem")
    now = clock.now()
    if not _usable(certificates, now):
        _make(certificates, now)
    return certificates


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """Return the server's side of TLS: 1.2 or newer, HTTP/1.1.

    Raises ssl.SSLError or OSError where the files do not hold a certificate with its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificates.chain_pem, certificates.key_pem)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _usable(certificates: Certificates, now: datetime) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(certificates.ca_pem.read_bytes())
        server = x509.load_pem_x509_certificate(certificates.chain_pem.read_bytes())
        key = serialization.load_pem_private_key(certificates.key_pem.read_bytes(), password=None)
        server.verify_directly_issued_by(authority)
        names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        private = is_private(certificates.key_pem)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        private
        and server.public_key() == key.public_key()
        and set(names) == set(_names(ipaddress.ip_address))
        and all(_in_time(certificate, now) for certificate in (authority, server))
    )


def _in_time(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEWAL


def _make(certificates: Certificates, now: datetime) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key, now)
    server = _server(server_key.public_key(), authority.subject, authority_key, now)
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # A crash between these leaves files that do not match, which the next start notices.
    write_private(certificates.key_pem, private)
    write_private(certificates.chain_pem, server.public_bytes(serialization.Encoding.PEM))
    write_private(certificates.ca_pem, authority.public_bytes(serialization.Encoding.PEM))


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _common_name("Azure sandbox authority (this machine only)")
    return (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificate_signing=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.NameConstraints(_names(ipaddress.ip_network), excluded_subtrees=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePublicKey, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    return (
        _builder(_common_name("localhost"), issuer, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_signing=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(ipaddress.ip_address)), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + LIFETIME)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, certificate_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_signing,
        key_cert_sign=certificate_signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(read_address: Callable[[str], Any]) -> list[x509.GeneralName]:
    """Return what the sandbox goes by, with its addresses as an extension has them: alone, or as ranges."""
    addresses = (x509.IPAddress(read_address(address)) for address in ADDRESSES)
    return [*(x509.DNSName(name) for name in HOST_NAMES), *addresses]
