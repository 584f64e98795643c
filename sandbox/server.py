"""The sandbox as a server: one TLS listener, and one for the metadata service of each running machine."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rbac.roles import RoleDefinition, builtin_roles, load_roles
from rbac.scopes import canonical
from sandbox.app import App
from sandbox.arm.compute.power import running_machines
from sandbox.arm.compute.run_command import fail_lost_scripts
from sandbox.cloud import Cloud, MetadataEndpoint
from sandbox.core.clock import Clock, SystemClock
from sandbox.core.timing import TIMINGS
from sandbox.entra.keys import ensure_signing_key
from sandbox.faults.file import load_faults
from sandbox.faults.rules import Faults
from sandbox.guest.scripts import Scripts
from sandbox.imds.service import SERVER, MetadataService
from sandbox.seeding import ensure_operator_secret, ensure_seeded
from sandbox.state.state_directory import Runtime, Settings, StateDirectory, StateError, read_runtime
from sandbox.web.listeners import HOST, AccessLog, Limits, Listener, log_access
from sandbox.web.tls import ensure_certificates, server_context

_log = logging.getLogger(__name__)
_TICK = 0.2  # seconds between looks at what has come due


@dataclass
class SandboxServer:
    """A sandbox over a state directory.

    ``runtime`` says, once started, where it listens. A test makes one in its own loop, with a clock of its own and
    port 0; the command line makes one in a background process.
    """

    state: StateDirectory
    settings: Settings = field(default_factory=Settings)
    port: int = 0
    clock: Clock = field(default_factory=SystemClock)
    access_log: AccessLog = log_access

    async def start(self) -> None:
        """Listen; everything is ready on return.

        Raises StateError where the state cannot be used, OSError where the port is taken, and ValueError at a file of
        roles or faults that cannot be used.
        """
        self.state.make()
        had_state = self.state.runtime.exists() and self.state.database.exists()
        last_port = self._take_up_last_start()
        self._open(had_state)
        if self.settings.allow_run_command:
            self.cloud.scripts = Scripts(self.state, self.settings.run_command_limit)
            self.cloud.scripts.sweep()
        await self._listen(last_port)
        await self._reconcile()
        self._ticker = asyncio.create_task(self._tick())

    def _take_up_last_start(self) -> int:
        """Begin with the ports of the last start, as far as they are known; return Resource Manager's, else 0."""
        last = read_runtime(self.state)
        self.runtime = Runtime(0, 0, self.settings, last.metadata if last else {})
        if last is None and self.state.runtime.exists():
            self._notice(
                f"{self.state.runtime} was damaged, so ports and settings of the last start are forgotten. If those "
                "were not the defaults, stop the sandbox and start it with them."
            )
        return last.port if last else 0

    def _open(self, had_state: bool) -> None:
        rules = load_faults(Path(self.settings.faults)) if self.settings.faults else []
        self.cloud = self._open_cloud()
        self._faults = Faults(rules, self.cloud.seed_data, self.clock) if rules else None
        self._issued_tokens = contextlib.ExitStack()
        if self.state.issued_tokens.exists():
            file = self._issued_tokens.enter_context(self.state.issued_tokens.open("a", buffering=1))
            self.cloud.issuer.record = lambda token: file.write(f"{token}\n")
        self._app = App(self.cloud, self._faults)
        try:
            was_empty = self._bring_up_to_date()
        except BaseException:
            self.cloud.close()
            raise
        if was_empty and had_state:
            self._notice(f"{self.state.database} was empty, so the sandbox starts with the seed data only.")

    async def _listen(self, last_port: int) -> None:
        self._tls = server_context(ensure_certificates(self.state.path, SystemClock()))
        self._front = Listener(
            self._app.handle,
            server_name="Sandbox",
            log=self.access_log,
            tls=self._tls,
            body_limit=self._app.body_limit,
        )
        self._front.after_each = self._follow_machines
        self._machines: dict[str, Listener] = {}
        self._following = asyncio.Lock()
        await _start_on(self._front, self.port or last_port, must=self.port != 0)
        self.runtime.port = self._front.port
        if last_port and not self.port and last_port != self._front.port:
            self._notice(f"The port of the last start, {last_port}, is taken. Programs that use it need 'env' again.")
        # Each service has a name of its own here too: a token for one is not good at another.
        self.cloud.validator.accept(f"https://localhost:{self._front.port}")
        self.cloud.graph_validator.accept(f"https://{HOST}:{self._front.port}")

    async def stop(self) -> None:
        """Close every listener, then the state."""
        self._ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticker
        if self.cloud.scripts is not None:
            await self.cloud.scripts.close()
        await asyncio.gather(self._front.stop(), *(listener.stop() for listener in self._machines.values()))
        self._issued_tokens.close()
        self.cloud.close()

    def _notice(self, text: str) -> None:
        _log.warning(text)
        self.runtime.notice = f"{self.runtime.notice}\n{text}".strip()

    def _open_cloud(self) -> Cloud:
        roles: Mapping[str, RoleDefinition] = builtin_roles()
        if self.settings.roles is not None:
            roles = {**roles, **load_roles(Path(self.settings.roles))}
        key = ensure_signing_key(self.state.path)
        try:
            self.state.database.touch(mode=0o600)  # else SQLite makes a file that others may read
            return Cloud(
                self.state.database,
                seed=self.settings.seed,
                clock=self.clock,
                timing=TIMINGS[self.settings.timing],
                key=key,
                roles=roles,
            )
        except sqlite3.Error as error:
            raise StateError(
                f"The sandbox's state in {self.state.database} cannot be used: {error}. If the disk is full, make "
                "room; else put a good copy in its place, or start over with the seed data: python -m sandbox reset"
            ) from error

    def _bring_up_to_date(self) -> bool:
        """Make the state one that requests can be answered from; return whether there was none."""
        with self.cloud.store.transaction():
            was_empty = ensure_seeded(self.cloud, ensure_operator_secret(self.state.operator))
            self.cloud.follow_clock()
            self.cloud.note_time()
            fail_lost_scripts(self.cloud)
        return was_empty

    async def _tick(self) -> None:
        failed = False
        latest = self.clock.seconds()
        while True:
            await asyncio.sleep(_TICK)
            now = self.clock.seconds()
            try:
                if now < latest:
                    self._follow_clock(latest)
                latest = now
                if self.cloud.is_time_to_note():
                    with self.cloud.store.transaction():
                        self.cloud.note_time()
                self._app.complete_due_operations()
                await self._reconcile()
                if read_runtime(self.state) != self.runtime:  # damaged, or it could not be written
                    self.runtime.write(self.state)
                failed = False
            except Exception:
                if not failed:  # one time is enough
                    _log.exception("What has come due could not be carried out; it is tried again.")
                failed = True

    def _follow_clock(self, before: float) -> None:
        """Make up for the clock's having been set back: for the certificate, too, if it is one of the future now."""
        with self.cloud.store.transaction():
            self.cloud.follow_clock(before)
        certificates = ensure_certificates(self.state.path, SystemClock())
        self._tls.load_cert_chain(certificates.chain_pem, certificates.key_pem)

    def _follow_machines(self) -> Awaitable[None] | None:
        """After a request that started, stopped or removed a machine: have its listener there before the answer."""
        return self._try_to_reconcile() if self.cloud.machines_changed else None

    async def _try_to_reconcile(self) -> None:
        try:
            await self._reconcile()
        except (OSError, sqlite3.Error) as error:  # the answer stands, and the next tick tries again
            _log.warning("The machines' listeners could not be changed: %s", error)

    async def _reconcile(self) -> None:
        async with self._following:
            if not self.cloud.machines_changed:
                return
            self.cloud.machines_changed = False
            try:
                await self._change_listeners()
            except BaseException:
                self.cloud.machines_changed = True
                raise

    async def _change_listeners(self) -> None:
        running = {canonical(machine_id): machine_id for machine_id in running_machines(self.cloud)}
        for key in self._machines.keys() - running.keys():
            del self.cloud.metadata_endpoints[key]
            await self._machines.pop(key).stop()
        for key in running.keys() - self._machines.keys():
            await self._listen_for(key, running[key])
        self.runtime.write(self.state)

    async def _listen_for(self, key: str, machine_id: str) -> None:
        handle = MetadataService(self.cloud, machine_id).handle
        listener = Listener(
            self._faults.before("metadata", handle) if self._faults else handle,
            server_name=SERVER,
            log=self.access_log,
            body_limit=lambda _: 0,
            limits=Limits(connections=100),
        )
        await _start_on(listener, self.runtime.metadata.get(key, 0), must=False)
        self._machines[key] = listener
        self.runtime.metadata[key] = listener.port
        self.cloud.metadata_endpoints[key] = MetadataEndpoint(f"http://{HOST}:{listener.port}")


async def _start_on(listener: Listener, port: int, *, must: bool) -> None:
    """Listen on ``port``, so that addresses outlive a restart; on a free one if it is taken, unless it ``must`` be."""
    try:
        await listener.start(port)
    except OSError:
        if must or not port:
            raise
        await listener.start(0)
