"""The metadata service of the seeded machine, over the whole of a running sandbox."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.identity import ManagedIdentityCredential

from tests.support.sandbox import RunningSandbox

COMPUTE = "2024-07-01"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ARM = "https://management.azure.com/.default"


def machine_id(sandbox: RunningSandbox) -> str:
    return f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Compute/virtualMachines/myVM"


def give_it_an_identity(sandbox: RunningSandbox) -> Any:
    group = sandbox.seed_data.group("myResourceGroupVM")
    path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
    identity = sandbox.arm("PUT", path, {"location": "eastus"}, version="2023-01-31").json()
    block = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {identity["id"]: {}}}}
    assert sandbox.arm("PATCH", machine_id(sandbox), block, version=COMPUTE).status_code == 200
    return identity["properties"]


def read(sandbox: RunningSandbox, group: str, token: str) -> int:
    return sandbox.arm("GET", group, token=token, version="2021-04-01").status_code


def ask(sandbox: RunningSandbox, address: str, **query: str) -> requests.Response:
    return sandbox.session.get(address, params=query, headers={"Metadata": "true"}, timeout=300)


def test_an_identity_may_do_what_it_was_granted(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.metadata_endpoint())
    identity = give_it_an_identity(sandbox)
    group = sandbox.seed_data.group("myResourceGroupVM")
    with ManagedIdentityCredential(client_id=identity["clientId"]) as credential:
        token = credential.get_token(ARM).token
    assert read(sandbox, group, token) == 403
    grant = {
        "properties": {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{READER}",
            "principalId": identity["principalId"],
            "principalType": "ServicePrincipal",
        }
    }
    name = f"{group}/providers/Microsoft.Authorization/roleAssignments/3f1a5b1e-0000-4000-8000-000000000001"
    assert sandbox.arm("PUT", name, grant).status_code == 201
    assert read(sandbox, group, token) == 200  # the token is the same
    assert read(sandbox, sandbox.seed_data.group("contosoPayroll"), token) == 403


def test_the_service_says_who_it_is_even_to_nonsense(sandbox: RunningSandbox) -> None:
    for target in ("/metadata/versions", "/nothing"):
        answer = ask(sandbox, sandbox.metadata_endpoint() + target)
        assert answer.headers["Server"].startswith("IMDS/")


def test_a_stopped_machine_has_no_metadata_service(sandbox: RunningSandbox) -> None:
    address = sandbox.metadata_endpoint() + "/metadata/versions"
    assert ask(sandbox, address).status_code == 200
    for operation, is_there in (("deallocate", False), ("start", True)):
        started = sandbox.arm("POST", f"{machine_id(sandbox)}/{operation}", version=COMPUTE)
        assert started.status_code in {200, 202}
        if is_there:
            assert ask(sandbox, address).status_code == 200  # at the same address as before
        else:
            with pytest.raises(requests.ConnectionError):
                ask(sandbox, address)


def test_the_service_tells_no_one_else(sandbox: RunningSandbox) -> None:
    give_it_an_identity(sandbox)
    token = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
    assert (
        sandbox.session.get(f"{sandbox.endpoint}{token}", headers={"Metadata": "true"}, timeout=300).status_code >= 400
    )
