"""Resource Manager without sockets: requests go in, answers come out, and the clock stands still until it is moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from requests.structures import CaseInsensitiveDict

from rbac.roles import OWNER, builtin_roles
from sandbox.app import App
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from sandbox.core.http import Answer, Request, parse_query
from sandbox.core.timing import INSTANT, Timing
from sandbox.entra.keys import SigningKey
from sandbox.seeding import make_group
from sandbox.state.directory import Caller
from sandbox.state.store import Resource
from tests.support.clocks import FrozenClock

AUDIENCE = "https://management.azure.com/"


class Desk:
    """A tenant in memory with the seeded groups, and an owner who asks unless somebody else is named."""

    def __init__(self, key: SigningKey, timing: Timing = INSTANT) -> None:
        self.clock = FrozenClock()
        self.cloud = Cloud(":memory:", seed=1, clock=self.clock, timing=timing, key=key, roles=builtin_roles())
        self._app = App(self.cloud)
        self._token = cache(self._new_token)
        self.owner = self.caller("owner")
        self.grant(self.owner, OWNER, self.cloud.seed_data.subscription)
        self.do(lambda: make_group(self.cloud, self.owner, seed_data.RESOURCE_GROUP))
        self.do(lambda: make_group(self.cloud, self.owner, seed_data.OTHER_RESOURCE_GROUP))
        self.group = self.cloud.seed_data.group(seed_data.RESOURCE_GROUP)
        self.subscription = self.cloud.seed_data.subscription

    def caller(self, name: str) -> Caller:
        """Somebody to ask as, without any role."""
        return Caller(self.cloud.ids.guid("test", name, "object"), self.cloud.ids.guid("test", name, "client"))

    def grant(self, caller: Caller, role: str, scope: str) -> None:
        """Let ``caller`` have the role with this GUID, at once."""
        name = self.cloud.ids.guid("test", caller.object_id, role, scope)
        body = {
            "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "properties": {
                "scope": scope,
                "principalId": caller.object_id,
                "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
            },
        }
        self.do(lambda: self.cloud.assignments.put(Resource(body), self.clock.seconds()))

    def do(self, change: Callable[[], Any]) -> None:
        """Make a change behind Resource Manager's back."""
        with self.cloud.store.transaction():
            change()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str,
        caller: Caller | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request; ``path`` may be a whole URL, with a query of its own."""
        path, _, query = path.removeprefix("https://localhost").partition("?")
        pairs = parse_query(query)
        if all(name != "api-version" for name, _ in pairs):
            pairs += (("api-version", version),)
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        token = self._token(caller or self.owner, self.clock.now())
        given = CaseInsensitiveDict({"Authorization": f"Bearer {token}", **(headers or {})})
        return self._app.handle(Request(method, "https", "localhost", path, pairs, given, content))

    def _new_token(self, caller: Caller, now: datetime) -> str:
        """Return a token as of ``now``, by which it is cached: to sign one, and to validate it, takes longest here."""
        issued = self.cloud.issuer.for_application(
            audience=AUDIENCE,
            client_id=caller.client_id,
            object_id=caller.object_id,
            lifetime=timedelta(hours=1),
        )
        return issued.token


def code(answer: Answer) -> str:
    """The code of a refusal."""
    return str(answer.body["error"]["code"])


def message(answer: Answer) -> str:
    """The message of a refusal."""
    return str(answer.body["error"]["message"])
