"""The certificates: who accepts them, what they are good for, when they are remade."""

import http.server
import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.core.clock import SystemClock
from sandbox.web import tls
from sandbox.web.tls import Certificates, ensure_certificates, server_context
from tests.support.clocks import FrozenClock
from tests.support.needs import in_need_of

NAMES = [*tls.HOST_NAMES, *tls.ADDRESSES]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure_certificates(tmp_path_factory.mktemp("tls"), SystemClock())


def strict_client(ca: Path) -> ssl.SSLContext:
    """The checks that Python makes by default from 3.13 on."""
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A TLS handshake without a network; returns the client's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    pending = [client_side, server_side]
    for _ in range(10):
        for side in list(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                continue
        if not pending:
            return client_side
    raise AssertionError("the handshake does not end")


@pytest.fixture(scope="module")
def port(certificates: Certificates) -> Iterator[int]:
    """A TLS server on loopback that answers every GET."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = server_context(certificates).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_client_accepts_every_name(certificates: Certificates, name: str) -> None:
    connection = shake_hands(server_context(certificates), strict_client(certificates.ca_pem), name)
    assert connection.version() == "TLSv1.3"
    assert connection.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("name", ["example.com", "evil.management.azure.com", "127.0.0.2", "azure.com"])
def test_another_name_is_refused(certificates: Certificates, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        shake_hands(server_context(certificates), strict_client(certificates.ca_pem), name)


def test_a_client_that_does_not_trust_the_authority_refuses(certificates: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(server_context(certificates), ssl.create_default_context(), "localhost")


def test_tls_1_2_is_the_oldest_spoken(certificates: Certificates) -> None:
    client = strict_client(certificates.ca_pem)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(server_context(certificates), client, "localhost").version() == "TLSv1.2"
    assert server_context(certificates).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_requests_accepts(certificates: Certificates, port: int, name: str) -> None:
    session = requests.Session()
    session.trust_env = False
    answer = session.get(f"https://{name}:{port}/", verify=str(certificates.ca_pem), timeout=300)
    assert answer.text == "ok"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_node_accepts(certificates: Certificates, port: int, name: str) -> None:
    script = (
        "require('https').get({host: process.argv[1], port: process.argv[2], family: 4},"
        " answer => answer.on('data', data => process.stdout.write(data)))"
        ".on('error', error => { console.error(error.code); process.exit(1) })"
    )
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(certificates.ca_pem)}
    node = subprocess.run(
        [in_need_of("node"), "-e", script, name, str(port)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (node.stdout, node.returncode) == ("ok", 0), node.stderr


def test_openssl_accepts_strictly(certificates: Certificates) -> None:
    files = [str(certificates.ca_pem), str(certificates.chain_pem)]
    command = [in_need_of("openssl"), "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", *files]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def certificate_for(
    name: str, authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, folder: Path
) -> Certificates:
    """What a thief of the authority's key could make."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder(authority.subject, x509.Name([]), key.public_key(), 7)
        .not_valid_before(authority.not_valid_before_utc)
        .not_valid_after(authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .sign(signer, hashes.SHA256())
    )
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "key.pem")
    made.ca_pem.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.chain_pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@pytest.mark.parametrize(("name", "accepted"), [("localhost", True), ("www.example.com", False), ("azure.com", False)])
def test_the_authority_vouches_for_its_own_names_only(tmp_path: Path, name: str, accepted: bool) -> None:
    signer = ec.generate_private_key(ec.SECP256R1())
    authority = tls._authority(signer, SystemClock().now())
    made = certificate_for(name, authority, signer, tmp_path)
    if accepted:
        shake_hands(server_context(made), strict_client(made.ca_pem), name)
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            shake_hands(server_context(made), strict_client(made.ca_pem), name)


def test_the_authoritys_private_key_is_nowhere(certificates: Certificates) -> None:
    folder = certificates.ca_pem.parent
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server-key.pem", "server.pem"]
    keys = [path for path in folder.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert keys == [certificates.key_pem]
    authority = x509.load_pem_x509_certificate(certificates.ca_pem.read_bytes())
    key = serialization.load_pem_private_key(certificates.key_pem.read_bytes(), None)
    assert key.public_key() != authority.public_key()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_the_key_is_private(certificates: Certificates) -> None:
    assert stat.S_IMODE(certificates.key_pem.stat().st_mode) == 0o600


def contents(certificates: Certificates) -> list[bytes]:
    return [path.read_bytes() for path in (certificates.ca_pem, certificates.chain_pem, certificates.key_pem)]


def test_certificates_are_reused_until_shortly_before_they_expire(tmp_path: Path) -> None:
    clock = FrozenClock()
    made = contents(ensure_certificates(tmp_path, clock))
    clock.advance((tls.LIFETIME - tls.RENEWAL - tls.CLOCK_SKEW - timedelta(seconds=1)).total_seconds())
    assert contents(ensure_certificates(tmp_path, clock)) == made
    clock.advance(1)
    remade = contents(ensure_certificates(tmp_path, clock))
    assert all(new != old for new, old in zip(remade, made, strict=True))
    assert contents(ensure_certificates(tmp_path, clock)) == remade


def test_certificates_from_the_future_are_remade(tmp_path: Path) -> None:
    clock = FrozenClock()
    made = contents(ensure_certificates(tmp_path, clock))
    clock.advance(-timedelta(days=2).total_seconds())
    assert contents(ensure_certificates(tmp_path, clock)) != made


@pytest.mark.parametrize("name", ["ca.pem", "server.pem", "server-key.pem"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage", "another's"])
def test_damaged_certificates_are_remade(tmp_path: Path, name: str, damage: str) -> None:
    clock = SystemClock()
    made = ensure_certificates(tmp_path, clock)
    (tmp_path / "other").mkdir()
    ensure_certificates(tmp_path / "other", clock)
    path = tmp_path / name
    whole = path.read_bytes()
    damaged = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "garbage": b"\x00\xff" * 100,
        "another's": (tmp_path / "other" / name).read_bytes(),
    }
    path.unlink() if damage == "missing" else path.write_bytes(damaged[damage])
    ensure_certificates(tmp_path, clock)
    shake_hands(server_context(made), strict_client(made.ca_pem), "localhost")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_key_that_others_could_read_is_remade(tmp_path: Path) -> None:
    clock = FrozenClock()
    made = ensure_certificates(tmp_path, clock)
    before = contents(made)
    made.key_pem.chmod(0o640)
    ensure_certificates(tmp_path, clock)
    assert contents(made) != before
    assert stat.S_IMODE(made.key_pem.stat().st_mode) == 0o600


def test_certificates_for_fewer_names_are_remade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    with monkeypatch.context() as patch:
        patch.setattr(tls, "HOST_NAMES", ("localhost",))
        made = ensure_certificates(tmp_path, clock)
    ensure_certificates(tmp_path, clock)
    shake_hands(server_context(made), strict_client(made.ca_pem), "management.azure.com")


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ensure_certificates(tmp_path / "nowhere", SystemClock())


def test_ipv6_loopback_works_over_a_socket(certificates: Certificates) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    server = server_context(certificates)
    with listener:
        raw = socket.create_connection(listener.getsockname()[:2], timeout=300)
        accepted, _ = listener.accept()
        thread = threading.Thread(target=lambda: server.wrap_socket(accepted, server_side=True).close())
        thread.start()
        with strict_client(certificates.ca_pem).wrap_socket(raw, server_hostname="::1") as connection:
            assert connection.version() == "TLSv1.3"
        thread.join()
