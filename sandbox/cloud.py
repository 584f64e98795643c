"""The services that operations work with, put together."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rbac.roles import RoleDefinition
from sandbox.core.clock import Clock
from sandbox.core.ids import Ids
from sandbox.core.seed_data import SeedData
from sandbox.core.timing import Timing
from sandbox.entra.keys import SigningKey
from sandbox.entra.tenant import Tenant
from sandbox.entra.tokens import BACKDATING, TokenIssuer
from sandbox.entra.validation import GRAPH_AUDIENCES, TokenValidator
from sandbox.guest.scripts import Scripts
from sandbox.state.assignments import RoleAssignments
from sandbox.state.directory import Directory
from sandbox.state.gate import Gate
from sandbox.state.long_operations import LongOperations
from sandbox.state.roles import Roles
from sandbox.state.store import Resource, Store

_LATEST = "latest time"


@dataclass
class MetadataEndpoint:
    """Where the metadata service of a running machine can be reached from the host, and by whom.

    It takes no password, and in Azure whoever can run programs on the machine can ask it. Here a program runs on this
    computer: it may ask if its user has, with Resource Manager's answer to one of ``principals``, got hold of the
    address, and that principal may run commands on the machine. ``principals`` are the object ids as which each user of
    this computer has asked for it.
    """

    address: str
    principals: dict[int, set[str]] = field(default_factory=dict)

    def disclose(self, user_id: int | None, object_id: str) -> str:
        """Return the address to a user who has signed in as the principal ``object_id``."""
        if user_id is not None:
            self.principals.setdefault(user_id, set()).add(object_id)
        return self.address

    def admits(self, user_id: int | None, may_run_commands: Callable[[str], bool]) -> bool:
        """Return whether a user may ask now; where it cannot be known who does, anybody may.

        ``may_run_commands`` returns whether a principal may run commands on the machine.
        """
        if user_id is None or user_id in (0, os.geteuid()):
            return True
        return any(may_run_commands(object_id) for object_id in self.principals.get(user_id, ()))


class Cloud:
    """One tenant with everything in it, over the SQLite file ``database``; an empty one has nothing in it yet.

    ``metadata_endpoints`` maps the canonical id of each running virtual machine to where its metadata service is;
    the server keeps it. ``scripts`` runs those of Run Command, and is None where that is not allowed.
    ``machines_changed`` is set by operations that start, stop or remove a machine, and tells the server to look.
    ``on_removal`` has, by resource type, what a provider does about a resource that is removed with its group.
    """

    def __init__(
        self,
        database: Path | str,
        *,
        seed: int,
        clock: Clock,
        timing: Timing,
        key: SigningKey,
        roles: Mapping[str, RoleDefinition],
    ) -> None:
        self.clock, self.timing = clock, timing
        self.ids = Ids(seed)
        self.seed_data = SeedData(self.ids)
        self.store = Store(database, clock.seconds)
        self.directory = Directory(self.store)
        self.assignments = RoleAssignments(self.store)
        self.roles = Roles(self.store, roles)
        self.gate = Gate(self.assignments, self.roles, clock)
        self.long_operations = LongOperations(self.store, clock)
        tenant_id = self.seed_data.tenant_id
        self.issuer = TokenIssuer(key, tenant_id, clock)
        self.validator = TokenValidator(key, tenant_id, clock)
        self.graph_validator = TokenValidator(key, tenant_id, clock, GRAPH_AUDIENCES)
        self.tenant = Tenant(self.seed_data, clock, self.directory, self.issuer, self.validator, self.graph_validator)
        self.scripts: Scripts | None = None
        self.metadata_endpoints: dict[str, MetadataEndpoint] = {}
        self.machines_changed = True
        self.on_removal: dict[str, Callable[[Resource], None]] = {}

    def follow_clock(self, before: float | None = None) -> None:
        """Make up for a clock that was set back, which would put off what is planned; to be called in a transaction.

        ``before`` is the time that it was set back at, if that is known better than by what was noted.
        """
        now = self.clock.seconds()
        if before is None:
            before = float(self.store.setting(_LATEST) or 0)
        self.assignments.follow_clock(before, now, max(self.timing.durations.values(), default=0))
        self.long_operations.restart_begun_after(now)

    def is_time_to_note(self) -> bool:
        """Return whether ``note_time`` was last called long enough ago, but not too long for the tokens' backdating."""
        return self.clock.seconds() > self.validator.latest + BACKDATING / 5

    def note_time(self) -> None:
        """Keep the latest time there was, up to which tokens may be dated; to be called in a transaction.

        So those from before a clock was set back are good after a restart, too.
        """
        latest = max(self.clock.seconds(), float(self.store.setting(_LATEST) or 0))
        self.store.set_setting(_LATEST, str(latest))
        self.validator.latest = self.graph_validator.latest = latest

    def close(self) -> None:
        """Close the store."""
        self.store.close()
