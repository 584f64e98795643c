"""From afar to machines of the sandbox: the scripts run there, and no token that works is in this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ManagedIdentityCredential
from azure.mgmt.resource.resources import ResourceManagementClient

from helpers import connect, explain
from helpers.connection import Connection
from helpers.run_command import RunCommandError, machine
from helpers.wait import ProgressLine
from tests.helpers.run_command import powershell
from tests.notebooks.course import NAMES, run
from tests.sandbox.guest.lab import GROUP, Lab, running_lab
from tests.support.tokens import claims_of, tokens_held_of

TOKEN = "http://169.254.169.254/metadata/identity/oauth2/token"
ARM = "https://management.azure.com"
SCOPE = f"{ARM}/.default"
VERSION = {"api-version": "2016-06-01"}


FAULTS = """
- {fault: reset, service: arm, method: POST, path: "*/virtualMachines/resets/runCommand", nth: 1}
- {fault: lost, service: arm, method: POST, path: "*/virtualMachines/loses/runCommand", nth: 1}
- {fault: ScopeLocked, method: POST, path: "*/virtualMachines/locked/runCommand"}
- {fault: 429, service: metadata, path: "/metadata/busy", retry_after: 3}
- {fault: reset, service: metadata, path: "/metadata/reset", nth: 1}
- {fault: hang, service: metadata, path: "/metadata/hang"}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A sandbox that runs scripts, with a Linux machine beside ``myVM``."""
    folder = tmp_path_factory.mktemp("from-afar")
    (folder / "faults.yaml").write_text(FAULTS)
    flags = ("--allow-run-command", "--faults", str(folder / "faults.yaml"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        if shutil.which("pwsh") is None:
            powershell.install(folder / "programs")
            monkeypatch.setenv("PATH", f"{folder / 'programs'}:{os.environ['PATH']}")
        with running_lab(folder / "state", *flags) as lab:
            lab.add_linux_machine("web")
            yield lab


@pytest.fixture
def connection(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(lab.data))
    return connect("sandbox", reach_vm="run-command")


def check_that_none_works(lab: Lab, oid: str) -> None:
    """Check that there are tokens of this identity in the process's memory, and that none of them works."""
    held = tokens_held_of(oid)
    assert held
    with requests.Session() as session:
        session.trust_env = False
        for token in held:
            headers = {"Authorization": f"Bearer {token}"}
            answer = session.get(f"{lab.endpoint}{lab.group}", params=VERSION, headers=headers, verify=lab.ca)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("vm", ["web", "myVM"])  # Linux, and Windows
def test_a_token_and_what_it_opens(lab: Lab, connection: Connection, vm: str) -> None:
    identity = lab.identity(f"of-{vm}")
    client_id, oid = (identity["properties"][name] for name in ("clientId", "principalId"))
    lab.attach(vm, identity)
    on_vm = connection.on_vm(lab.machine(vm))
    params = {"api-version": "2018-02-01", "resource": f"{ARM}/", "client_id": client_id}
    token = on_vm.get(TOKEN, params=params, headers={"Metadata": "true"}, timeout=300).json()["access_token"]
    assert claims_of(token)["oid"] == oid
    transport = RequestsTransport(session=on_vm)
    credential = ManagedIdentityCredential(client_id=client_id, transport=transport)
    url, headers = f"{ARM}{lab.group}", {"Authorization": f"Bearer {credential.get_token(SCOPE).token}"}
    before = on_vm.get(url, params=VERSION, headers=headers, timeout=300)
    assert (before.status_code, explain(before).code) == (403, "AuthorizationFailed")
    lab.let_read(identity)
    as_identity = ResourceManagementClient(credential, connection.subscription_id, transport=transport)
    assert as_identity.resource_groups.get(GROUP).name == GROUP
    refused = on_vm.patch(url, params=VERSION, headers=headers, json={}, timeout=300)
    assert explain(refused).code == "AuthorizationFailed"
    check_that_none_works(lab, oid)


def test_the_machines_own_identity_works_too(lab: Lab, connection: Connection) -> None:
    lab.attach("web", lab.identity("beside-its-own"))
    made = lab.arm("PATCH", lab.machine("web"), {"identity": {"type": "SystemAssigned, UserAssigned"}})
    oid = made["identity"]["principalId"]
    on_vm = connection.on_vm(lab.machine("web"))
    token = ManagedIdentityCredential(transport=RequestsTransport(session=on_vm)).get_token(SCOPE).token
    refused = on_vm.get(f"{ARM}{lab.group}", params=VERSION, headers={"Authorization": f"Bearer {token}"}, timeout=300)
    assert refused.status_code == 403 and oid in refused.json()["error"]["message"]


def test_a_token_for_another_service_is_refused_as_on_the_machine(lab: Lab, connection: Connection) -> None:
    identity = lab.identity("for-vault")
    lab.attach("web", identity)
    on_vm = connection.on_vm(lab.machine("web"))
    params = {"api-version": "2018-02-01", "resource": "https://vault.azure.net"}
    params["client_id"] = identity["properties"]["clientId"]
    said = on_vm.get(TOKEN, params=params, headers={"Metadata": "true"}, timeout=300).json()
    headers = {"Authorization": f"Bearer {said['access_token']}"}
    refused = on_vm.get(f"{ARM}{lab.group}", params=VERSION, headers=headers, timeout=300)
    assert (refused.status_code, explain(refused).code) == (401, "InvalidAuthenticationTokenAudience")


def test_another_command_is_waited_for(
    lab: Lab, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = tmp_path / "end"
    script = f"until test -e '{end}'; do sleep 0.05; done"
    other = {"commandId": "RunShellScript", "script": [script]}
    assert lab.ask("POST", f"{lab.machine('web')}/runCommand", other).status_code == 202
    show = ProgressLine.show

    def shown(line: ProgressLine, text: str) -> None:
        show(line, text)
        if "another command is running there" in text:
            end.touch()

    monkeypatch.setattr(ProgressLine, "show", shown)
    monkeypatch.setattr(machine, "_PAUSE", 0.2)
    assert connection.on_vm(lab.machine("web")).get(TOKEN, timeout=300).status_code == 400
    assert end.exists()


def test_a_machine_that_is_stopped_says_so(lab: Lab, connection: Connection) -> None:
    lab.add_linux_machine("brief")
    on_vm = connection.on_vm(lab.machine("brief"))
    lab.arm("POST", f"{lab.machine('brief')}/deallocate")
    with pytest.raises(RunCommandError, match="brief cannot run a command now"):
        on_vm.get(TOKEN, timeout=300)
    with pytest.raises(RunCommandError, match="brief is not running"):
        connection.on_vm(lab.machine("brief"))


@pytest.mark.parametrize("vm", ["resets", "loses"])
def test_a_connection_that_breaks_is_made_again(
    lab: Lab, connection: Connection, monkeypatch: pytest.MonkeyPatch, vm: str
) -> None:
    monkeypatch.setattr(machine, "_PAUSE", 0.2)  # what was begun, though its answer was lost, is waited for
    lab.add_linux_machine(vm)
    assert connection.on_vm(lab.machine(vm)).get(TOKEN, timeout=300).status_code == 400


def test_a_lock_says_so(lab: Lab, connection: Connection) -> None:
    lab.add_linux_machine("locked")
    with pytest.raises(RunCommandError, match="A read-only lock forbids Run Command on locked"):
        connection.on_vm(lab.machine("locked")).get(TOKEN, timeout=300)


def test_what_the_metadata_service_does_comes_through(lab: Lab, connection: Connection) -> None:
    on_vm = connection.on_vm(lab.machine("web"))
    busy = on_vm.get("http://169.254.169.254/metadata/busy", headers={"Metadata": "true"}, timeout=300)
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "3")
    again = on_vm.get("http://169.254.169.254/metadata/reset", headers={"Metadata": "true"}, timeout=300)
    assert again.status_code == 404
    with pytest.raises(RunCommandError, match=r"The metadata service of web did not answer: .*timed out"):
        on_vm.get("http://169.254.169.254/metadata/hang", headers={"Metadata": "true"}, timeout=1)


def test_a_machine_that_is_not_there_says_so(lab: Lab, connection: Connection) -> None:
    with pytest.raises(RunCommandError, match="none"):
        connection.on_vm(lab.machine("none"))


@pytest.mark.long
def test_the_whole_course_from_afar(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(lab.data))
    oid = ""
    for name in NAMES:
        found: dict[str, Any] = run(name, vm_name="web", identity_name="from-afar", reach_vm="run-command")
        if "token" in found:
            oid = found["identity"].principal_id
            check_that_none_works(lab, oid)
    assert oid
