from __future__ import annotations

import os
import uuid
from dataclasses import replace
from typing import Any

import pytest
import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ManagedIdentityCredential
from requests.adapters import HTTPAdapter

from helpers import connect, ensure_identity, ensure_vm
from helpers.connection import Connection
from helpers.errors import TutorialError
from helpers.transport import METADATA_SERVICE, FixedAddressAdapter, at_metadata_service
from tests.helpers.pointing import point_to
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
TOKEN = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
SCOPE = "https://management.azure.com/.default"


def id_of(sandbox: RunningSandbox, name: str = "myVM") -> str:
    return f"{sandbox.seed_data.group(GROUP)}/providers/Microsoft.Compute/virtualMachines/{name}"


def test_the_session_is_the_machines_and_the_sdk_follows(connection: Connection, sandbox: RunningSandbox) -> None:
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_vm(connection, GROUP, "myVM", "eastus", identity)
    session = connection.on_vm(id_of(sandbox))
    answer = session.get(f"{TOKEN}&client_id={identity.client_id}", headers={"Metadata": "true"})
    assert answer.json()["client_id"] == identity.client_id
    transport = RequestsTransport(session=session)
    assert ManagedIdentityCredential(client_id=identity.client_id, transport=transport).get_token(SCOPE).token


def test_each_machine_has_a_metadata_service_of_its_own(connection: Connection, sandbox: RunningSandbox) -> None:
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_vm(connection, GROUP, "myVM", "eastus", identity)
    ensure_vm(connection, GROUP, "otherVM", "eastus")
    mine, other = (connection.on_vm(id_of(sandbox, name)) for name in ("myVM", "otherVM"))
    url = f"{TOKEN}&client_id={identity.client_id}"
    assert mine.get(url, headers={"Metadata": "true"}).status_code == 200
    assert other.get(url, headers={"Metadata": "true"}).status_code == 400


def test_a_machine_that_does_not_run_says_so(connection: Connection, sandbox: RunningSandbox) -> None:
    connection.arm("POST", f"{id_of(sandbox)}/deallocate", "2024-11-01").raise_for_status()
    with pytest.raises(TutorialError, match="'myVM' is not running"):
        connection.on_vm(id_of(sandbox))


def test_a_machine_that_is_not_there_says_so(connection: Connection, sandbox: RunningSandbox) -> None:
    with pytest.raises(TutorialError, match="noVM"):
        connection.on_vm(id_of(sandbox, "noVM"))


@pytest.mark.parametrize("named", ["", "http://127.0.0.1:9"])
def test_the_sdk_asks_the_machine_that_was_entered_and_the_environment_stays_as_it_is(
    connection: Connection, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    if named:  # another machine's, as where the environment is that of the first
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", named)
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_vm(connection, GROUP, "myVM", "eastus", identity)
    before = dict(os.environ)
    transport = RequestsTransport(session=connection.on_vm(id_of(sandbox)))
    assert ManagedIdentityCredential(client_id=identity.client_id, transport=transport).get_token(SCOPE).token
    assert dict(os.environ) == before


def test_what_would_lead_past_the_machine_is_set_aside_and_named(
    connection: Connection,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/token")
    identity = ensure_identity(connection, GROUP, "ID1", "eastus")
    ensure_vm(connection, GROUP, "myVM", "eastus", identity)
    capsys.readouterr()
    session = connection.on_vm(id_of(sandbox))
    assert capsys.readouterr().out.startswith(
        "Set aside in this kernel: AZURE_FEDERATED_TOKEN_FILE, IDENTITY_ENDPOINT, MSI_ENDPOINT. "
    )
    transport = RequestsTransport(session=session)
    assert ManagedIdentityCredential(client_id=identity.client_id, transport=transport).get_token(SCOPE).token
    connection.on_vm(id_of(sandbox))
    assert capsys.readouterr().out == ""


class MetadataService(HTTPAdapter):
    """A metadata service that answers what a test says, or not at all."""

    resource_id: str | None = None
    timeout: object = None

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert str(request.url).startswith("http://169.254.169.254/metadata/instance")
        assert request.headers["Metadata"] == "true"
        self.timeout = options["timeout"]
        if self.resource_id is None:
            raise requests.ConnectTimeout("no route")
        answer = requests.Response()
        answer.status_code = 200
        answer._content = f'{{"resourceId": "{self.resource_id}"}}'.encode()
        return answer


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> MetadataService:
    made = MetadataService()
    monkeypatch.setattr("helpers.transport.at_metadata_service", lambda _: {METADATA_SERVICE: made})
    return made


@pytest.fixture
def in_cloud(connection: Connection) -> Connection:
    return replace(connection, target="azure")


MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/myVM"


def test_on_azure_off_the_machine_the_cell_names_both_ways_to_it(
    in_cloud: Connection, metadata: MetadataService
) -> None:
    with pytest.raises(
        TutorialError, match=r"^[^.]*open this notebook on myVM [^.]*, or set reach_vm = 'run-command'[^\n]*\.$"
    ):
        in_cloud.on_vm(MACHINE)
    assert metadata.timeout == 2


def test_on_azure_on_another_machine_the_cell_says_which(in_cloud: Connection, metadata: MetadataService) -> None:
    metadata.resource_id = MACHINE.replace("myVM", "otherVM")
    with pytest.raises(TutorialError, match=r"(?s)another machine.*otherVM.*on myVM"):
        in_cloud.on_vm(MACHINE)


def test_on_azure_on_the_machine_ids_compare_without_case(in_cloud: Connection, metadata: MetadataService) -> None:
    metadata.resource_id = MACHINE.upper()
    assert in_cloud.on_vm(MACHINE).get_adapter("http://169.254.169.254/") is metadata


def test_on_azure_an_address_that_the_environment_names_leads_to_the_machine_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1/")
    adapters = at_metadata_service(FixedAddressAdapter(METADATA_SERVICE))
    assert list(adapters) == ["http://169.254.169.254", "http://127.0.0.1:1"]
    [adapter] = set(adapters.values())
    request = requests.Request("GET", "http://127.0.0.1:1/metadata/identity/oauth2/token").prepare()
    host, _ = adapter.build_connection_pool_key_attributes(request, True)
    assert host["host"] == "169.254.169.254" and not host["port"]


@pytest.mark.parametrize("named", ["", "/"])
def test_an_address_that_names_nothing_leads_nowhere(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", named)
    assert list(at_metadata_service(FixedAddressAdapter(METADATA_SERVICE))) == [METADATA_SERVICE]


def test_a_sandbox_that_runs_no_scripts_says_what_would_have_it_run_them(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(sandbox, monkeypatch)
    session = connect("sandbox", reach_vm="run-command").on_vm(id_of(sandbox))
    with pytest.raises(TutorialError, match="start the sandbox with --allow-run-command"):
        session.get(TOKEN, headers={"Metadata": "true"})


def test_somebody_who_may_not_run_commands_is_told_what_it_takes(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, secret = sandbox.add_principal("reader")
    role = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
    name = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    body = {"properties": {"roleDefinitionId": role, "principalId": reader.object_id}}
    sandbox.arm("PUT", name, body).raise_for_status()
    point_to(sandbox, monkeypatch, client_id=reader.client_id, secret=secret)
    session = connect("sandbox", reach_vm="run-command").on_vm(id_of(sandbox))
    with pytest.raises(TutorialError, match="virtualMachines/runCommand/action"):
        session.get(TOKEN, headers={"Metadata": "true"})
