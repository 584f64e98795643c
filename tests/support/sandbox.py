"""A sandbox in the test's own process: real sockets, real TLS, a clock that can be moved."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.identity import ClientSecretCredential

from rbac.scopes import canonical
from sandbox.core import seed_data
from sandbox.seeding import ensure_operator_secret
from sandbox.server import SandboxServer
from sandbox.state.directory import Principal, new_secret
from sandbox.state.state_directory import Settings, StateDirectory
from tests.support.clocks import ShiftedClock
from tests.support.loops import loop_in_thread

Client = TypeVar("Client")
LOCAL_API_VERSION = seed_data.LOCAL_API_VERSION


class RunningSandbox:
    """The sandbox under test, and ways to reach it."""

    def __init__(self, server: SandboxServer, loop: asyncio.AbstractEventLoop, clock: ShiftedClock) -> None:
        self.server = server
        self.clock = clock
        self._loop = loop
        self.cloud = server.cloud
        self.seed_data = server.cloud.seed_data
        self.endpoint = f"https://localhost:{server.runtime.port}"
        self.ca = str(server.state.path / "ca.pem")
        self.secret = ensure_operator_secret(server.state.operator)
        self.session = requests.Session()
        self.session.verify = self.ca
        self.session.trust_env = False
        # One token serves until the clock is moved: to get one takes longer than most requests.
        self._token_at = cache(lambda shift: self.token())

    def credential(self, client_id: str | None = None, secret: str | None = None) -> ClientSecretCredential:
        """The operator's credential, or another application's."""
        return ClientSecretCredential(
            self.seed_data.tenant_id,
            client_id or self.seed_data.operator_client_id,
            secret or self.secret,
            authority=self.endpoint,
            disable_instance_discovery=True,
            connection_verify=self.ca,
        )

    def client(self, kind: Callable[..., Client], credential: Any = None, **options: Any) -> Client:
        """A management client of the Azure SDK for Python."""
        return kind(
            credential or self.credential(),
            self.seed_data.subscription_id,
            base_url=self.endpoint,
            credential_scopes=["https://management.azure.com/.default"],
            connection_verify=self.ca,
            **options,
        )

    def add_principal(self, name: str) -> tuple[Principal, str]:
        """Add an application without any role; return it and its secret."""
        ids, secret = self.cloud.ids, new_secret()
        principal = Principal(ids.guid("test", name, "o"), ids.guid("test", name, "c"), name, "Application", None)
        self.on_loop(lambda: self.cloud.directory.add(principal, secret))
        return principal, secret

    def token(self, client_id: str | None = None, secret: str | None = None) -> str:
        """A token for Resource Manager, by the one request that signs in; ``credential`` is what clients do."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id or self.seed_data.operator_client_id,
            "client_secret": secret or self.secret,
            "scope": "https://management.azure.com/.default",
        }
        answer = self.session.post(f"{self.endpoint}/{self.seed_data.tenant_id}/oauth2/v2.0/token", data=form)
        assert answer.ok, answer.text
        return str(answer.json()["access_token"])

    def arm(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, version: str = "2022-04-01"
    ) -> requests.Response:
        """One raw request to Resource Manager, as the operator if no ``token`` is given."""
        headers = {"Authorization": f"Bearer {token or self._token_at(self.clock.shift)}"}
        url = f"{self.endpoint}{path}{'&' if '?' in path else '?'}api-version={version}"
        return self.session.request(method, url, json=body, headers=headers)

    def metadata_endpoint(self, vm: str = seed_data.VM_NAME, group: str = seed_data.RESOURCE_GROUP) -> str:
        """The address of a machine's metadata service."""
        machine = f"{self.seed_data.group(group)}/providers/Microsoft.Compute/virtualMachines/{vm}"
        return self.cloud.metadata_endpoints[canonical(machine)].address

    def on_loop(self, function: Any) -> Any:
        """Call ``function`` on the server's thread, where the store lives."""

        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(300)


@contextmanager
def running_sandbox(
    folder: Path, *, settings: Settings | None = None, keys_from: Path | None = None, shift: float = 0
) -> Iterator[RunningSandbox]:
    """Run a sandbox over ``folder`` until the block ends; keys and certificates come from ``keys_from``.

    Its clock is ``shift`` seconds ahead from the start.
    """
    state = StateDirectory(folder)
    state.make()
    if keys_from is not None:
        for file in keys_from.glob("*.pem"):
            shutil.copy2(file, folder)
    clock = ShiftedClock()
    clock.advance(shift)
    server = SandboxServer(state, settings or Settings(), clock=clock)
    with loop_in_thread() as loop:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(300)
        try:
            yield RunningSandbox(server, loop, clock)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(300)
