"""The servers that are compared, each in a process of its own on a free loopback port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

_HELLO = """
import asyncio, sys
from pathlib import Path
from aiohttp import web
from sandbox.core.clock import SystemClock
from sandbox.web.tls import ensure_certificates, server_context

async def hello(request):
    return web.Response(text="Hello, world")

async def main():
    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    tls = server_context(ensure_certificates(Path(sys.argv[1]), SystemClock()))
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
_MOTO = """
import logging, threading
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
"""


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox in the background: its environment, as ``env`` prints it, and its process id."""

    data: Path
    environment: dict[str, str]
    pid: int

    @property
    def endpoint(self) -> str:
        """Resource Manager's address."""
        return self.environment["AZURE_RESOURCE_MANAGER_ENDPOINT"]

    @property
    def subscription(self) -> str:
        """The subscription's resource id."""
        return f"/subscriptions/{self.environment['AZURE_SUBSCRIPTION_ID']}"

    @property
    def ca(self) -> str:
        """The file of the certificate authority."""
        return self.environment["REQUESTS_CA_BUNDLE"]

    def session(self) -> requests.Session:
        """A session signed in as the operator."""
        session = requests.Session()
        session.trust_env = False
        session.verify = self.ca
        form = {
            "grant_type": "client_credentials",
            "client_id": self.environment["AZURE_CLIENT_ID"],
            "client_secret": self.environment["AZURE_CLIENT_SECRET"],
            "scope": "https://management.azure.com/.default",
        }
        url = f"{self.environment['AZURE_AUTHORITY_HOST']}/{self.environment['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        session.headers["Authorization"] = f"Bearer {session.post(url, data=form).json()['access_token']}"
        return session

    def memory(self) -> float:
        """The resident memory in MB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process has no resident memory")


def sandbox_command(data: Path, *words: str) -> str:
    """Run ``python -m sandbox`` over the state directory ``data`` and return what it prints."""
    command = [sys.executable, "-m", "sandbox", "--data", str(data), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def sandbox(data: Path) -> Iterator[RunningSandbox]:
    """Run a sandbox over ``data``."""
    sandbox_command(data, "start")
    try:
        environment: dict[str, str] = json.loads(sandbox_command(data, "env", "--format", "json"))
        status: dict[str, Any] = json.loads(sandbox_command(data, "status", "--json"))
        yield RunningSandbox(data, environment, status["process"])
    finally:
        sandbox_command(data, "stop")


@contextmanager
def hello_world(folder: Path) -> Iterator[str]:
    """Run a bare hello-world on the sandbox's own server and TLS; yields its URL."""
    folder.mkdir(mode=0o700)
    with _server(_HELLO, str(folder)) as port:
        yield f"https://localhost:{port}/"


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server; yields its URL."""
    # In an environment of its own: its locked-down dependencies and the project's do not go together.
    python = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--with", "moto[server]==5.*", "python"]
    with _server(_MOTO, python=python) as port:
        url = f"http://127.0.0.1:{port}/"
        yield url


@contextmanager
def _server(program: str, *arguments: str, python: Sequence[str] = (sys.executable,)) -> Iterator[int]:
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    command = [*python, "-c", program, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
