"""The two services that a script talks to, on loopback: a metadata service, and Resource Manager over TLS."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN_PATH = "/metadata/identity/oauth2/token"


def make_token(**claims: Any) -> str:
    """A token in its three parts; its signature is a secret that no test may find anywhere."""
    parts: list[dict[str, Any]] = [{"alg": "RS256", "typ": "JWT"}, {"aud": "https://management.azure.com/", **claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, SIGNATURE])


SIGNATURE = "s3cr3t-SIGNATURE_of-the-machine" * 8
TOKEN = make_token(appid="9a2c6d3e-0000-4000-8000-000000000001", oid="an object", xms_mirid="/subscriptions/s/ID1")


@dataclass(frozen=True)
class Sent:
    """A request as a service saw it."""

    service: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Services:
    """What they were asked, and what they answer instead of an echo: status, headers and body by path."""

    metadata_port: int = 0
    arm_port: int = 0
    seen: list[Sent] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def reset(self) -> None:
        self.seen.clear()
        self.answers.clear()
        said = {"access_token": TOKEN, "refresh_token": "", "token_type": "Bearer"}
        self.answers[TOKEN_PATH] = (200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    def answer(self, sent: Sent) -> tuple[int, dict[str, str], bytes]:
        self.seen.append(sent)
        echo = {"method": sent.method, "target": sent.target, "body": base64.b64encode(sent.body).decode()}
        default = (200, {"Content-Type": "application/json"}, json.dumps(echo).encode())
        return self.answers.get(sent.target.partition("?")[0], default)


@contextmanager
def running_services(keys: Path) -> Iterator[Services]:
    services = Services()
    metadata, arm = (_server(services, name) for name in ("metadata", "arm"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.pem", keys / "server-key.pem")
    arm.socket = context.wrap_socket(arm.socket, server_side=True)
    services.metadata_port, services.arm_port = metadata.server_port, arm.server_port
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (metadata, arm)]
    for thread in threads:
        thread.start()
    try:
        yield services
    finally:
        for server, thread in zip((metadata, arm), threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def _server(services: Services, name: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = Sent(name, self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            status, headers, said = services.answer(sent)
            if status == 0:  # hangs up without a word
                return
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
