from __future__ import annotations

import os

import pytest
import requests
from azure.identity import ManagedIdentityCredential

from helpers import Azure, TutorialError, vm
from helpers.catch_up import ensure_assigned, ensure_identity, ensure_vm
from tests.support.sandbox import RunningSandbox

GROUP = "myResourceGroupVM"
TOKEN = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
SCOPE = "https://management.azure.com/.default"


def id_of(sandbox: RunningSandbox, name: str = "myVM") -> str:
    return f"{sandbox.seed_data.group(GROUP)}/providers/Microsoft.Compute/virtualMachines/{name}"


def test_the_session_is_the_machines_and_the_sdk_follows(azure: Azure, sandbox: RunningSandbox) -> None:
    identity = ensure_identity(azure, GROUP, "ID1", "eastus")
    ensure_assigned(azure, ensure_vm(azure, GROUP, "myVM", "eastus"), identity)
    session = azure.on_vm(id_of(sandbox))
    answer = session.get(f"{TOKEN}&client_id={identity.client_id}", headers={"Metadata": "true"})
    assert answer.json()["client_id"] == identity.client_id
    assert ManagedIdentityCredential(client_id=identity.client_id).get_token(SCOPE).token


def test_two_machines_are_two_worlds(azure: Azure, sandbox: RunningSandbox) -> None:
    identity = ensure_identity(azure, GROUP, "ID1", "eastus")
    ensure_assigned(azure, ensure_vm(azure, GROUP, "myVM", "eastus"), identity)
    ensure_vm(azure, GROUP, "otherVM", "eastus")
    mine, other = (azure.on_vm(id_of(sandbox, name)) for name in ("myVM", "otherVM"))
    url = f"{TOKEN}&client_id={identity.client_id}"
    assert mine.get(url, headers={"Metadata": "true"}).status_code == 200
    assert other.get(url, headers={"Metadata": "true"}).status_code == 400


def test_a_machine_that_does_not_run_says_so(azure: Azure, sandbox: RunningSandbox) -> None:
    azure.arm("POST", f"{id_of(sandbox)}/deallocate", "2024-11-01").raise_for_status()
    with pytest.raises(TutorialError, match="'myVM' is not running"):
        azure.on_vm(id_of(sandbox))


def test_a_machine_that_is_not_there_says_so(azure: Azure, sandbox: RunningSandbox) -> None:
    with pytest.raises(TutorialError, match="noVM"):
        azure.on_vm(id_of(sandbox, "noVM"))


def test_entering_a_machine_puts_other_sources_of_identities_aside(
    azure: Azure, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/token")
    monkeypatch.setenv("MSI_ENDPOINT", "http://127.0.0.1:9/token")
    azure.on_vm(id_of(sandbox))
    assert "IDENTITY_ENDPOINT" not in os.environ and "MSI_ENDPOINT" not in os.environ
    assert os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] == sandbox.metadata_endpoint()
    assert "169.254.169.254" in os.environ["NO_PROXY"]


class Reaching:
    """A metadata service that answers what a test says, or not at all."""

    def __init__(self, resource_id: str | None) -> None:
        self.resource_id = resource_id
        self.timeout: float | None = None

    def get(self, url: str, **options: object) -> requests.Response:
        assert url.startswith("http://169.254.169.254/metadata/instance")
        assert options["headers"] == {"Metadata": "true"}
        self.timeout = float(str(options["timeout"]))
        if self.resource_id is None:
            raise requests.ConnectTimeout("no route")
        answer = requests.Response()
        answer.status_code = 200
        answer._content = f'{{"resourceId": "{self.resource_id}"}}'.encode()
        return answer


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> Reaching:
    made = Reaching(None)
    monkeypatch.setattr(vm, "direct_session", lambda: made)
    return made


def test_on_azure_off_the_machine_the_cell_says_where_to_run_it(reaching: Reaching) -> None:
    with pytest.raises(TutorialError, match="Open this notebook on myVM"):
        vm.be_on("/subscriptions/s/x/myVM")
    assert reaching.timeout == 2


def test_on_azure_on_another_machine_the_cell_says_which(reaching: Reaching) -> None:
    reaching.resource_id = "/subscriptions/s/x/otherVM"
    with pytest.raises(TutorialError, match=r"(?s)another machine.*otherVM.*on myVM"):
        vm.be_on("/subscriptions/s/x/myVM")


def test_on_azure_on_the_machine_ids_compare_without_case(reaching: Reaching, monkeypatch: pytest.MonkeyPatch) -> None:
    reaching.resource_id = "/subscriptions/s/resourcegroups/G/MYVM"
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    found: object = vm.be_on("/subscriptions/s/resourceGroups/g/myVM")
    assert found is reaching
    assert "AZURE_POD_IDENTITY_AUTHORITY_HOST" not in os.environ
