"""What the hub is started with, and what it is not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.core.clock import SystemClock
from sandbox.web.tls import ensure_certificates, server_context
from tests.workshop.classroom.lesson import class_of, learner
from workshop import jupyterhub
from workshop.classroom.folder import ClassFolder
from workshop.cli import main
from workshop.errors import UsageError
from workshop.jupyterhub.launch import HubAddress, answers, hub_environment

HERE = Path(jupyterhub.__file__).parent
PEM = Path("some.pem")


@pytest.mark.parametrize(
    "place",
    [
        HubAddress("http://127.0.0.1:8000"),
        HubAddress("http://localhost:8000"),
        HubAddress("http://[::1]:8000/class"),
        HubAddress("https://0.0.0.0:443", PEM, PEM),
    ],
)
def test_places_that_will_do(place: HubAddress) -> None:
    place.check()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (HubAddress("http://0.0.0.0:8000"), "in the clear"),
        (HubAddress("http://hub.contoso.com"), "in the clear"),
        (HubAddress("https://0.0.0.0:443"), "https takes --certificate"),
        (HubAddress("http://127.0.0.1:8000", PEM, PEM), "and only https does"),
        (HubAddress("https://0.0.0.0:443", PEM), "go together"),
        (HubAddress("127.0.0.1:8000"), "an address such as"),
        (HubAddress("ftp://127.0.0.1"), "an address such as"),
        (HubAddress("http://127.0.0.1:99999"), "an address such as"),
        (HubAddress("http://127.0.0.1:0"), "an address such as"),
        (HubAddress("http://127.0.0.1:many"), "an address such as"),
        (HubAddress("http://[::1"), "an address such as"),
    ],
)
def test_passwords_do_not_go_over_a_network_in_the_clear(place: HubAddress, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        place.check()


def test_the_hub_does_not_get_the_trainers_sign_in(tmp_path: Path) -> None:
    base = {
        "PATH": "/bin",
        "AZURE_CLIENT_SECRET": "x",
        "azure_sandbox_dir": "y",
        "MSI_SECRET": "z",
        "IMDS_ENDPOINT": "a",
    }
    address = HubAddress("https://0.0.0.0:443", PEM, PEM)
    found = hub_environment(ClassFolder(tmp_path / "class"), address, 1 << 20, 90, base)
    assert (found["WORKSHOP_HUB_MEMORY_KILOBYTES"], found["WORKSHOP_HUB_IDLE_SECONDS"]) == ("1048576", "5400")
    assert found["PATH"] == "/bin"
    assert not {"x", "y", "z", "a"} & set(found.values())
    assert found["WORKSHOP_HUB_CERTIFICATE"] == str(Path.cwd() / PEM)
    inside = [found["WORKSHOP_HUB_INTERNAL_URL"], found["WORKSHOP_HUB_PROXY_URL"]]
    assert len(set(inside)) == 2 and all(each.startswith("http://127.0.0.1:") for each in inside)


@pytest.mark.parametrize(("minutes", "seconds"), [(0, "0"), (0.001, "1"), (0.025, "2"), (90, "5400")])
def test_a_limit_of_an_instant_is_still_a_limit(tmp_path: Path, minutes: float, seconds: str) -> None:
    address = HubAddress("http://127.0.0.1:8000")
    found = hub_environment(ClassFolder(tmp_path / "class"), address, 1 << 20, minutes, {})
    assert found["WORKSHOP_HUB_IDLE_SECONDS"] == seconds


def test_before_anybody_can_sign_in_there_is_no_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ClassFolder(tmp_path / "class")
    assert main(["hub", "--folder", str(folder.path)]) == 2
    assert f"Begin with: python -m workshop plan ROSTER.csv --folder {folder.path}\n" in capsys.readouterr().err
    folder.save(class_of([learner()]))
    assert main(["hub", "--folder", str(folder.path)]) == 2
    assert f"Before this comes: python -m workshop provision --yes --folder {folder.path}\n" in capsys.readouterr().err
    assert main(["hub", "--folder", str(folder.path), "--url", "http://0.0.0.0:80"]) == 2


def test_an_address_that_somebody_has_is_refused_before_the_hub_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = HubAddress(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UsageError, match=r"cannot listen at http://127.0.0.1:\d+: .*in use. Name another --url"):
            address.try_out()
    address.try_out()


def test_a_certificate_that_cannot_be_used_is_refused_before_the_hub_starts(tmp_path: Path) -> None:
    for name in ("ours", "others"):
        (tmp_path / name).mkdir()
        ensure_certificates(tmp_path / name, SystemClock())
    (tmp_path / "empty.pem").touch()
    for certificate, key, said in (
        ("none.pem", "ours/server-key.pem", "none.pem cannot be read: No such file"),
        ("ours/server.pem", "empty.pem", "server.pem is no certificate in PEM whose key is .*empty.pem"),
        ("empty.pem", "ours/server-key.pem", "empty.pem is no certificate in PEM"),
        ("ours/server.pem", "others/server-key.pem", "is no certificate in PEM whose key is .*others"),
    ):
        with pytest.raises(UsageError, match=said):
            HubAddress("https://127.0.0.1:8443", tmp_path / certificate, tmp_path / key).try_out()


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/hub/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whether_the_hub_answers_is_asked_where_it_listens(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signed its certificate, and whichever proxy there is."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    context = server_context(ensure_certificates(tmp_path, SystemClock())) if scheme == "https" else None
    with listening(context) as port:
        for host in ("127.0.0.1", "0.0.0.0"):
            assert answers(f"{scheme}://{host}:{port}/hub/health")
            assert not answers(f"{scheme}://{host}:{port}/not/yet")
    assert not answers(f"{scheme}://127.0.0.1:{port}/hub/health")
