"""How a story of requests is told, and compared to what it should have brought about."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from hypothesis.stateful import RuleBasedStateMachine, rule

from rbac.decisions import Assignment
from rbac.roles import builtin_roles
from rbac.scopes import canonical
from sandbox.state.directory import Principal
from tests.specifications.fuzz.client import LIMIT, Client, Response
from tests.specifications.fuzz.model import ASSIGNMENTS, IDENTITIES, MACHINES, Machine, Model
from tests.support.sandbox import RunningSandbox

RESOURCES, IDENTITY, COMPUTE, AUTHORIZATION = "2024-07-01", "2024-11-30", "2024-07-01", "2022-04-01"
ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "User Access Administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "Managed Identity Contributor": "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
    "Virtual Machine Contributor": "9980e02c-c2be-4d73-94e8-173b1dc7cf3c",
}
AUDIENCE = "https://management.azure.com/"
GROUP_NAMES = ("a", "straße", "strasse")
_DEFINITIONS = "providers/Microsoft.Authorization/roleDefinitions"
_RUNS = itertools.count()


class Story(RuleBasedStateMachine):
    """Requests of an owner and two others; each story has groups and principals of its own."""

    def __init__(self, sandbox: RunningSandbox, client: Client) -> None:
        super().__init__()
        self.sandbox, self.client, self.cloud = sandbox, client, sandbox.cloud
        self.number, self.counter = next(_RUNS), itertools.count()
        self.model = Model(sandbox.seed_data.subscription, builtin_roles())
        self.tokens: dict[str, str] = {}
        self.principals: dict[str, str] = {}

    def add_callers(self) -> None:
        for name in ("owner", "alice", "bob"):
            ids = self.cloud.ids
            object_id, client_id = (ids.guid(name, self.number, kind) for kind in "oc")
            principal = Principal(object_id, client_id, f"{name} {self.number}", "Application", None)
            self.sandbox.on_loop(lambda principal=principal: self.cloud.directory.add(principal, None))
            self.remember(name, principal.object_id, principal.client_id)
        scope = self.model.subscription
        assert self.grant_as(self.sandbox.token(), scope, "Owner", self.principals["owner"]).status == 201

    def remember(self, name: str, object_id: str, client_id: str) -> None:
        self.principals[name] = object_id
        self.tokens[name] = self.cloud.issuer.for_application(
            audience=AUDIENCE, client_id=client_id, object_id=object_id, lifetime=timedelta(hours=1)
        ).token

    def ask(self, who: str, method: str, path: str, body: Any = None, *, version: str) -> Response:
        response = self.client.arm(method, quote(path), body, token=self.tokens[who], version=version)
        assert response.status < 500, (method, path, response)
        if response.status >= 400 and method != "HEAD":
            assert set(response.json()["error"]) >= {"code", "message"}
        return response

    def may(self, who: str, action: str, scope: str) -> bool:
        return self.model.may(self.principals[who], action, scope)

    def group_id(self, name: str) -> str:
        return self.sandbox.seed_data.group(f"story{self.number}{name}")

    def identity_id(self, group: str, name: str) -> str:
        return f"{self.group_id(group)}/providers/{IDENTITIES}/{name}"

    def machine_id(self, group: str) -> str:
        return f"{self.group_id(group)}/providers/{MACHINES}/vm"

    def scopes(self) -> list[str]:
        there = self.model
        return [there.subscription, *there.groups, *there.identities, *there.machines]

    def grant_as(self, token: str, scope: str, role: str, grantee: str) -> Response:
        name = self.cloud.ids.guid("story", self.number, next(self.counter))
        path = f"{scope}/providers/{ASSIGNMENTS}/{name}"
        properties = {
            "roleDefinitionId": f"{self.model.subscription}/{_DEFINITIONS}/{ROLES[role]}",
            "principalId": grantee,
            "principalType": "ServicePrincipal",
        }
        response = self.client.arm("PUT", quote(path), {"properties": properties}, token=token, version=AUTHORIZATION)
        if response.status == 201:
            self.model.assignments[path] = Assignment(path, scope, grantee, ROLES[role])
        return response

    def metadata(self, machine: str) -> str:
        """The address of a machine's metadata service, which the server brings up at its own next look."""
        end = time.monotonic() + LIMIT
        while canonical(machine) not in self.cloud.metadata_endpoints:
            assert time.monotonic() < end, "the machine has no metadata service"
            time.sleep(0.01)
        return self.cloud.metadata_endpoints[canonical(machine)].address

    # --- comparing -------------------------------------------------------------------------------------------------

    @rule()
    def compare(self) -> None:
        """Everything is as the model has it."""
        for name in GROUP_NAMES:
            group = self.group_id(name)
            response = self.ask("owner", "GET", group, version=RESOURCES)
            assert response.status == (200 if group in self.model.groups else 404)
            if response.status == 200:
                assert response.json()["tags"] == self.model.groups[group]
                self._compare_identities(group)
        for machine, block in self.model.machines.items():
            self._compare_machine(machine, block)
        self._compare_assignments()

    def _compare_identities(self, group: str) -> None:
        listed = self.ask("owner", "GET", f"{group}/providers/{IDENTITIES}", version=IDENTITY).json()["value"]
        shown = {canonical(each["id"]): each["properties"]["principalId"] for each in listed}
        kept = {name: each for name, each in self.model.identities.items() if name.startswith(f"{group}/")}
        assert shown == {canonical(name): each.principal for name, each in kept.items()}

    def _compare_machine(self, machine: str, block: Machine) -> None:
        shown = self.ask("owner", "GET", machine, version=COMPUTE).json().get("identity", {})
        assert shown.get("type") == block.type
        assert ("principalId" in shown) == block.system
        entries = {
            canonical(name): each["principalId"] for name, each in shown.get("userAssignedIdentities", {}).items()
        }
        assert entries == {canonical(name): each.principal for name, each in block.entries.items()}

    def _compare_assignments(self) -> None:
        path = f"{self.model.subscription}/providers/{ASSIGNMENTS}"
        listed = self.ask("owner", "GET", path, version=AUTHORIZATION).json()["value"]
        ours = set(self.principals.values())
        shown = {canonical(each["id"]) for each in listed if each["properties"]["principalId"] in ours}
        assert shown == set(map(canonical, self.model.assignments))

    def teardown(self) -> None:
        if self.tokens:
            self.compare()
            for group in list(self.model.groups):
                self.ask("owner", "DELETE", group, version=RESOURCES)
