"""What can go wrong on the way to a machine: it ends at once, in one sentence, and without a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from urllib3.exceptions import ProtocolError

from helpers import explain, wait_until
from helpers.errors import BusyError
from helpers.run_command import RunCommandError, script_for
from helpers.run_command.messages import KEPT
from tests.helpers.run_command.arm import OPERATOR_TOKEN, VM_ID, Arm, Refusal, connected
from tests.helpers.run_command.services import make_token
from tests.helpers.run_command.wire import printed_by
from tests.support.clocks import PassingTime

METADATA = "http://169.254.169.254/metadata/instance"
BUSY: Refusal = (
    409,
    "Conflict",
    "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
)
RESET = requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer")))
MARKED = f"{make_token(appid='a').rpartition('.')[0]}.{KEPT}"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("helpers.connection.connection._POLLING_INTERVALS", {"azure": 0, "sandbox": 0})
    monkeypatch.setattr("helpers.run_command.machine._PAUSE", 0)
    yield


@pytest.fixture(params=["Windows", "Linux"])
def arm(request: pytest.FixtureRequest) -> Arm:
    return Arm(request.param)


def session_of(arm: Arm) -> requests.Session:
    return connected(arm).on_vm(VM_ID)


def failing(printed: str, kind: str, said: str) -> str:
    """What a script prints instead, that fails."""
    return printed_by(printed.partition(":")[0], f"FAILED {kind}\n\n{said}".encode())


def sentence(arm: Arm, method: str = "GET", url: str = METADATA, **options: Any) -> str:
    """What a request ends with: the one sentence that a notebook shows."""
    with pytest.raises(RunCommandError) as raised:
        session_of(arm).request(method, url, **options)
    said = str(raised.value)
    assert "myVM" in said and said.count("\n") == 0
    assert OPERATOR_TOKEN not in said and MARKED not in said
    return said


def test_an_answer_in_the_shape_of_either_system_is_read(arm: Arm) -> None:
    answer = session_of(arm).get(METADATA, headers={"Metadata": "true"}, timeout=10)
    assert answer.json() == {"url": METADATA}
    assert (answer.status_code, answer.reason, answer.url) == (200, "OK", METADATA)
    assert answer.raw.status == 200 and answer.elapsed
    [command], [values] = arm.commands, arm.begun
    assert command["commandId"] == {"Windows": "RunPowerShellScript", "Linux": "RunShellScript"}[arm.os_type]
    assert (values["method"], values["seconds"], values["body"]) == ("GET", "10", "")
    assert "Metadata: true\n" in values["headers"]


def test_another_command_is_waited_for(arm: Arm, capsys: pytest.CaptureFixture[str]) -> None:
    arm.refusals = [BUSY, BUSY, BUSY]
    assert session_of(arm).get(METADATA).ok
    assert "another command is running there" in capsys.readouterr().out


def test_another_command_is_not_waited_for_without_end(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.run_command.machine._LONGEST", -1)
    arm.refusals = [BUSY] * 3
    assert sentence(arm) == "Another command goes on and on running on myVM: try again later."


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            (403, "AuthorizationFailed", "The client … does not have"),
            "Microsoft.Compute/virtualMachines/runCommand/action",
        ),
        ((409, "ScopeLocked", "The scope … cannot perform write operation"), "A read-only lock forbids Run Command"),
        ((409, "OperationNotAllowed", "The operation requires the VM to be running"), "az vm start --ids"),
        ((404, "ResourceNotFound", "The Resource 'myVM' was not found."), "'myVM' was not found"),
        ((400, "InvalidParameter", "The script is too long."), "Run Command did not work on myVM"),
    ],
)
def test_a_refusal_is_one_sentence(arm: Arm, refusal: Refusal, expected: str) -> None:
    arm.refusals = [refusal] * 20
    assert expected in sentence(arm)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("OperationPreempted", "was stopped or restarted"),
        ("VMExtensionProvisioningTimeout", "did not finish the command in time"),
        ("VMExtensionProvisioningError", "Run Command did not work on myVM"),
    ],
)
def test_a_command_that_fails_is_one_sentence(arm: Arm, code: str, expected: str) -> None:
    arm.failure = (code, "What happened.")
    assert expected in sentence(arm)


@pytest.mark.parametrize("power", ["PowerState/stopped", "PowerState/deallocated", "PowerState/starting"])
def test_a_machine_that_does_not_run_is_said_at_once(arm: Arm, power: str) -> None:
    arm.power = power
    assert "myVM is not running" in sentence(arm)
    assert arm.commands == []


@pytest.mark.parametrize("agent", ["Not Ready", ""])
def test_an_agent_that_is_not_ready_is_said_at_once(arm: Arm, agent: str) -> None:
    arm.agent = agent
    assert "The agent on myVM is not ready" in sentence(arm)
    assert arm.commands == []


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("no-curl", "", "no program curl on myVM"),
        ("too-long", "9000", "ask for less"),
        ("no-token", '{"error_description":"Identity not found"}', "no longer gives the token"),
        ("error", "What the machine says.", "could not be sent from myVM: What the machine says."),
        ("no-answer", "curl: (7) Failed to connect", "The metadata service of myVM did not answer: curl"),
    ],
)
def test_what_fails_on_the_machine_is_one_sentence(arm: Arm, kind: str, said: str, expected: str) -> None:
    arm.output = lambda printed: failing(printed, kind, said)
    assert expected in sentence(arm)
    assert len(arm.begun) == (2 if kind == "no-answer" else 1)


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("HEAD", 2), ("PATCH", 1)])
def test_a_machine_without_a_way_out_is_one_sentence(arm: Arm, method: str, tries: int) -> None:
    arm.output = lambda printed: failing(printed, "no-answer", "Connection timed out")
    said = sentence(arm, method, "https://management.azure.com/x", headers={"Authorization": f"Bearer {MARKED}"})
    assert "no way out to port 443" in said and "Connection timed out" in said
    assert len(arm.begun) == tries


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (lambda printed: printed[10:], "Azure cut off the beginning"),
        (lambda printed: "", "printed no answer"),
        (lambda printed: printed.replace("H4sI", "H4sX"), "cannot be read"),
    ],
)
def test_output_that_is_cut_or_lost_is_one_sentence(arm: Arm, output: Any, expected: str) -> None:
    arm.output = output
    assert expected in sentence(arm)


def test_a_connection_that_breaks_is_made_again_for_what_changes_nothing(arm: Arm) -> None:
    arm.refusals, arm.polls = [RESET], [0, RESET, 0]
    assert session_of(arm).get(METADATA).ok


def test_a_connection_that_breaks_ends_what_may_have_changed_something(arm: Arm) -> None:
    arm.refusals = [RESET]
    said = sentence(arm, "PATCH", "https://management.azure.com/x", headers={"Authorization": f"Bearer {MARKED}"})
    assert "reset by peer" in said and "may have been sent" in said
    assert arm.commands == []


def test_no_network_is_one_sentence(arm: Arm) -> None:
    arm.refusals = [requests.ConnectionError("No route to host")] * 20
    assert "Resource Manager was not reached" in sentence(arm)


# --- clients of the SDK, and helpers, on top of it ---------------------------------------------------------------


class MachinesToken:
    """A credential of the machine's that has its token already."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(MARKED, 2**33)


def group_as_the_machine(arm: Arm) -> object:
    """Read a group by a client of the SDK, from the machine."""
    transport = RequestsTransport(session=session_of(arm))
    return ResourceManagementClient(MachinesToken(), "s", transport=transport).resource_groups.get("g")


def test_azure_identity_neither_hides_nor_repeats_it(arm: Arm) -> None:
    arm.failure = ("OperationPreempted", "")
    credential = ManagedIdentityCredential(transport=RequestsTransport(session=session_of(arm)))
    with pytest.raises(RunCommandError, match="was stopped or restarted"):
        credential.get_token("https://management.azure.com/.default")
    assert len(arm.begun) == 1


@pytest.mark.parametrize(("status", "scripts"), [(404, 1), (410, 1), (429, 2), (500, 2), (503, 2)])
def test_azure_identity_repeats_no_answer_of_the_metadata_service(arm: Arm, status: int, scripts: int) -> None:
    """Each of its tries would be a script; the adapter has tried what it is right to try at once."""
    arm.answering = lambda values: (status, '{"error": "busy"}')
    credential = ManagedIdentityCredential(transport=RequestsTransport(session=session_of(arm)))
    with pytest.raises(BusyError, match=f"myVM answered {status}.* Run this cell again in a minute"):
        credential.get_token("https://management.azure.com/.default")
    assert len(arm.begun) == scripts


def test_azure_identity_repeats_no_request_that_got_no_answer(arm: Arm) -> None:
    arm.output = lambda printed: failing(printed, "no-answer", "curl: (56) Recv failure: Connection reset by peer")
    credential = ManagedIdentityCredential(transport=RequestsTransport(session=session_of(arm)))
    with pytest.raises(RunCommandError, match=r"did not answer: .*reset by peer"):
        credential.get_token("https://management.azure.com/.default")
    assert len(arm.begun) == 2


def test_a_metadata_service_that_is_busy_is_waited_for(
    arm: Arm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("helpers.wait.time", PassingTime())
    statuses = [410, 404, 429, 429, 200]
    token = json.dumps({"access_token": MARKED, "expires_in": "3600", "resource": "https://management.azure.com/"})
    arm.answering = lambda values: (statuses[len(arm.begun) - 1], token)
    credential = ManagedIdentityCredential(transport=RequestsTransport(session=session_of(arm)))
    found = wait_until(lambda: credential.get_token("https://management.azure.com/.default"), what="the identity")
    assert found.token == MARKED
    assert len(arm.begun) == len(statuses)
    said = capsys.readouterr().out
    assert "myVM answered 410: it is busy or being updated" in said
    assert "Run this cell again" not in said


@pytest.mark.parametrize(("status", "scripts"), [(404, 1), (410, 1), (429, 2), (500, 2)])
def test_who_asks_by_hand_gets_the_answer(arm: Arm, status: int, scripts: int) -> None:
    arm.answering = lambda values: (status, '{"error": "busy"}')
    assert session_of(arm).get(METADATA).status_code == status
    assert len(arm.begun) == scripts


def test_what_may_have_changed_something_is_not_repeated_whatever_the_answer(arm: Arm) -> None:
    arm.answering = lambda values: (503, "")
    session_of(arm).patch("https://management.azure.com/x", headers={"Authorization": f"Bearer {MARKED}"})
    assert len(arm.begun) == 1


def test_a_management_client_neither_hides_nor_repeats_it(arm: Arm) -> None:
    said = {"access_token": MARKED, "expires_in": "3600", "resource": "https://management.azure.com/"}
    arm.answering = lambda values: (200, json.dumps(said))
    transport = RequestsTransport(session=session_of(arm))
    credential = ManagedIdentityCredential(transport=transport)
    assert credential.get_token("https://management.azure.com/.default").token == MARKED
    arm.failure = ("OperationPreempted", "")
    with pytest.raises(RunCommandError, match="was stopped or restarted"):
        ResourceManagementClient(credential, "s", transport=transport).resource_groups.get("g")
    assert [values["token_url"] != "" for values in arm.begun] == [False, True]


@pytest.mark.parametrize(("status", "scripts"), [(429, 2), (500, 2), (503, 2)])
def test_a_management_client_repeats_no_answer_of_resource_manager(arm: Arm, status: int, scripts: int) -> None:
    arm.answering = lambda values: (status, '{"error": {"code": "ServerBusy", "message": "Later."}}')
    with pytest.raises(BusyError, match=f"Resource Manager answered {status} to a request from myVM: it is busy"):
        group_as_the_machine(arm)
    assert len(arm.begun) == scripts


def test_a_refusal_that_is_final_is_the_clients_to_raise(arm: Arm) -> None:
    arm.answering = lambda values: (404, '{"error": {"code": "ResourceGroupNotFound", "message": "No."}}')
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        group_as_the_machine(arm)
    assert len(arm.begun) == 1


def test_waiting_and_explaining_end_at_once_though_a_client_hides_it(arm: Arm) -> None:
    arm.failure = ("OperationPreempted", "")
    session = session_of(arm)

    def ask() -> requests.Response:
        try:
            return session.get(METADATA)
        except RunCommandError as error:  # as azure-identity does with whatever a probe of the service raises
            raise CredentialUnavailableError("no response from the IMDS endpoint") from error

    with pytest.raises(RunCommandError, match="was stopped or restarted"):
        wait_until(ask, what="an answer")
    with pytest.raises(CredentialUnavailableError, match="no response") as hidden:
        ask()
    with pytest.raises(RunCommandError, match="was stopped or restarted"):
        explain(hidden.value)


# --- what goes where ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://vault.azure.net/secrets", "https://management.azure.com.example.com/", "http://x/"]
)
def test_the_machines_token_goes_to_resource_manager_alone(arm: Arm, url: str) -> None:
    assert "https://management.azure.com alone" in sentence(arm, url=url, headers={"Authorization": f"Bearer {MARKED}"})
    assert arm.begun == []


def test_no_other_token_or_cookie_is_put_into_a_script(arm: Arm) -> None:
    session = session_of(arm)
    session.cookies.set("session", "a secret")
    session.get(METADATA, headers={"Authorization": f"Bearer {OPERATOR_TOKEN}", "Proxy-Authorization": "a secret"})
    [values] = arm.begun
    assert OPERATOR_TOKEN not in str(values) and "secret" not in str(values)
    answer = session.get(f"https://management.azure.com{VM_ID}", headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"})
    assert answer.json()["name"] == "myVM" and len(arm.begun) == 1


def test_an_address_that_the_environment_names_is_the_machines(arm: Arm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1/")
    session_of(arm).get("http://127.0.0.1:1/metadata/identity?x=1")
    assert [values["url"] for values in arm.begun] == ["http://169.254.169.254/metadata/identity?x=1"]


def test_the_script_is_shown_folded(arm: Arm) -> None:
    script = script_for(arm.os_type)
    assert repr(script).startswith("#") and "@REQUEST@" in repr(script)
    assert script._repr_html_().startswith(
        f"<details><summary>request.{'ps1' if arm.os_type == 'Windows' else 'sh'}</summary>"
    )


def test_progress_says_how_long_and_is_gone_in_the_end(arm: Arm, capsys: pytest.CaptureFixture[str]) -> None:
    session = session_of(arm)
    assert capsys.readouterr().out.startswith("Requests of this session leave from myVM")
    session.get(METADATA)
    shown = capsys.readouterr().out.split("\r")
    assert shown[1].startswith("Sending GET from myVM by Run Command: 0 s")
    assert shown[-1] == "" and not shown[-2].strip()
