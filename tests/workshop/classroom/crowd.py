"""A large class, made without sockets so that tests need not wait for it: a quarter each has got to steps 3 to 6."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

from requests.structures import CaseInsensitiveDict

from rbac.roles import OWNER
from sandbox.core.http import Request
from sandbox.seeding import make_group, make_machine
from sandbox.state.directory import Caller, Principal
from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.inventory import principal_name, tags_for

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


def make_crowd(sandbox: RunningSandbox, size: int) -> Classroom:
    """A class of this size in the sandbox; learner number n has done n modulo 4 things."""
    learners = [learner(number, f"learner-{number}", f"Learner {number}") for number in range(size)]
    asking = sandbox.on_loop(lambda: _Asking(sandbox))
    for each in learners:
        sandbox.on_loop(partial(_make, sandbox, asking, each))
    return class_of(learners)


def _make(sandbox: RunningSandbox, asking: _Asking, each: Learner) -> None:
    principal_id = sandbox.cloud.ids.guid("crowd", each.handle)
    name = principal_name(class_of([]), each)
    operator = Caller(sandbox.seed_data.operator_object_id, sandbox.seed_data.operator_client_id)
    with sandbox.cloud.store.transaction():
        make_group(sandbox.cloud, operator, each.resource_group)
        make_machine(sandbox.cloud, operator, each.resource_group, each.vm_name)
        sandbox.cloud.directory.add(Principal(principal_id, principal_id, name, "Application", None))
    group = sandbox.seed_data.group(each.resource_group)
    asking.ask("PATCH", group, {"tags": tags_for(class_of([]), each)}, "2024-11-01")
    asking.grant(group, principal_id, OWNER)
    asking.work(each, group, each.number % 4)


class _Asking:
    """Requests of the operator's, handed to the sandbox as they are."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._token = sandbox.cloud.issuer.for_application(
            audience="https://management.azure.com/",
            client_id=sandbox.seed_data.operator_client_id,
            object_id=sandbox.seed_data.operator_object_id,
            lifetime=timedelta(hours=1),
        ).token

    def ask(self, method: str, path: str, body: Any, version: str) -> Any:
        headers = CaseInsensitiveDict({"Authorization": f"Bearer {self._token}"})
        content = json.dumps(body).encode()
        request = Request(method, "https", "localhost", path, (("api-version", version),), headers, content)
        answer = self._sandbox.server._app.handle(request)
        assert answer.status < 300, answer.body
        return answer.body

    def grant(self, scope: str, principal_id: str, role: str) -> None:
        definition = f"{self._sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        wanted = {
            "principalId": principal_id,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": definition,
        }
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        self.ask("PUT", path, {"properties": wanted}, "2022-04-01")

    def work(self, each: Learner, group: str, steps: int) -> None:
        identity_id = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{each.identity_name}"
        machine_id = f"{group}/providers/Microsoft.Compute/virtualMachines/{each.vm_name}"
        if steps > 0:
            identity = self.ask("PUT", identity_id, {"location": "eastus"}, "2024-11-30")
        if steps > 1:
            block = {"type": "UserAssigned", "userAssignedIdentities": {identity_id: {}}}
            self.ask("PATCH", machine_id, {"identity": block}, "2024-11-01")
        if steps > 2:
            self.grant(group, identity["properties"]["principalId"], READER)
