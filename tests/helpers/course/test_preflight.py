"""The look at everything before anything is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from helpers import connect, preflight
from helpers.connection import Connection
from tests.helpers.pointing import point_to
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
USUAL: dict[str, Any] = {"resource_group": GROUP, "vm_name": "myVM", "location": "", "role": "Reader"}
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
MACHINE = "/providers/Microsoft.Compute/virtualMachines/myVM"


def looked(connection: Connection, **changed: Any) -> dict[str, tuple[str, str]]:
    return {each["What"]: (each["Found"], each["To do"]) for each in preflight(connection, **USUAL | changed)}


def to_do(connection: Connection, **changed: Any) -> dict[str, str]:
    return {what: advice for what, (_, advice) in looked(connection, **changed).items() if advice}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int, Any], None]:
    """Have requests for paths that end like this answered otherwise than the sandbox does."""
    made: list[tuple[str, int, Any]] = []
    send = HTTPAdapter.send

    def sending(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        for ending, status, body in made:
            if urlsplit(str(request.url)).path.endswith(ending):
                answer.status_code, answer._content = status, json.dumps(body).encode()
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", sending)
    return lambda *answer: made.append(answer)


def test_all_is_well_and_nothing_is_made(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []
    send = HTTPAdapter.send

    def recording(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(request.method)
        return send(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", recording)
    assert to_do(connection) == {}
    assert to_do(connection, resource_group="contosoNew", vm_name="newVM", create_vm=True) == {}
    assert set(sent) == {"GET"}


def test_says_what_cannot_be_checked(connection: Connection) -> None:
    assert "cannot be looked up" in looked(connection)["Policies, deny assignments"][0]


def test_a_machine_that_is_stopped(connection: Connection, sandbox: RunningSandbox) -> None:
    machine = sandbox.seed_data.group(GROUP) + MACHINE
    sandbox.arm("POST", f"{machine}/deallocate", version="2024-11-01").raise_for_status()
    assert to_do(connection) == {"VM myVM": f"Start the VM: az vm start --resource-group {GROUP} --name myVM."}
    assert "VM myVM: agent" in to_do(connection, reach_vm="run-command")


def test_a_machine_that_is_not_there(connection: Connection) -> None:
    on_azure = replace(connection, target="azure")
    assert "create_vm = True" in to_do(on_azure, vm_name="noVM")["VM noVM"]
    assert to_do(on_azure, vm_name="noVM", create_vm=True) == {}
    assert "Provider Microsoft.Network" in looked(on_azure, vm_name="noVM", create_vm=True)


def test_rights_that_are_missing(
    connection: Connection, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the last step are among them: who may not delete should not begin."""
    learner, secret = sandbox.add_principal("ada")
    scope = sandbox.seed_data.group(GROUP)
    role = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{CONTRIBUTOR}"
    body = {"roleDefinitionId": role, "principalId": learner.object_id, "principalType": "ServicePrincipal"}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001"
    sandbox.arm("PUT", path, {"properties": body}).raise_for_status()
    point_to(sandbox, monkeypatch, client_id=learner.client_id, secret=secret)
    found, advice = looked(connect("sandbox"))["Your rights"]
    kind = "Microsoft.Authorization/roleAssignments"
    assert found == f"missing: {kind}/write, {kind}/delete"
    assert advice == f"Ask for the role Owner at {scope}."


def test_the_right_to_run_commands_is_needed_only_for_that(
    connection: Connection, answers: Callable[[str, int, Any], None]
) -> None:
    actions = [
        *("Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/write"),
        *("Microsoft.Compute/virtualMachines/instanceView/read", "Microsoft.ManagedIdentity/*"),
        *("Microsoft.Authorization/*", "Microsoft.Resources/*"),
    ]
    answers("/permissions", 200, {"value": [{"actions": actions, "notActions": [], "condition": "(one)"}]})
    assert to_do(connection) == {}
    assert "Conditions on your roles" in looked(connection)
    assert "runCommand/action" in looked(connection, reach_vm="run-command")["Your rights"][0]


def test_a_lock(connection: Connection, answers: Callable[[str, int, Any], None]) -> None:
    answers("/locks", 200, {"value": [{"name": "keep", "properties": {"level": "CanNotDelete"}}]})
    found, advice = looked(connection)["Locks"]
    assert found == "keep (CanNotDelete)"
    assert "az lock delete" in advice
    answers("/locks", 200, {"value": []})
    assert looked(connection)["Locks"] == ("none", "")
    answers("/locks", 403, {"error": {"code": "AuthorizationFailed", "message": "No."}})
    assert looked(connection)["Locks"] == ("could not be looked up", "")


def test_a_provider_that_is_not_registered(connection: Connection, answers: Callable[[str, int, Any], None]) -> None:
    answers("/providers/Microsoft.ManagedIdentity", 200, {"registrationState": "NotRegistered"})
    [advice] = to_do(connection).values()
    assert "az provider register --namespace Microsoft.ManagedIdentity --wait" in advice


def test_a_role_and_a_region_that_do_not_exist(connection: Connection) -> None:
    missing = to_do(connection, role="Contoso's reader", location="atlantis")
    assert list(missing) == ["Role Contoso's reader", "Region atlantis"]


@pytest.mark.parametrize(("status", "advice"), [(403, "needs a role"), (503, "Run this cell again in a minute.")])
def test_rights_and_regions_that_cannot_be_read(
    connection: Connection, answers: Callable[[str, int, Any], None], status: int, advice: str
) -> None:
    """Who does not know of their rights should not begin; a region is not known to be wrong."""
    code = {403: "AuthorizationFailed", 503: "ServiceUnavailable"}[status]
    for ending in ("/permissions", "/locations"):
        answers(ending, status, {"error": {"code": code, "message": "No."}})
    found = looked(connection)
    assert found["Your rights"][0] == "could not be looked up" and advice in found["Your rights"][1]
    assert found["Region eastus"] == ("could not be looked up", "")


def test_a_group_that_is_not_to_be_seen(
    connection: Connection, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, secret = sandbox.add_principal("ada")
    point_to(sandbox, monkeypatch, client_id=learner.client_id, secret=secret)
    monkeypatch.setattr("helpers.connection.connection.choose_subscription", lambda *_: connection.subscription)
    assert "Ask for the role Owner" in to_do(connect("sandbox"))[f"Group {GROUP}"]
