"""Programs that know the sandbox by nothing but the variables that ``env`` prints, and what their credentials get."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from sandbox.core.seed_data import RESOURCE_GROUP, VM_NAME
from tests.clients.azure_cli import clients_environment
from tests.support.sandbox import RunningSandbox

SCOPE = "https://management.azure.com/.default"
MSI = "Microsoft.ManagedIdentity/userAssignedIdentities"

PLAIN = """
import json, sys
from azure.identity import *
from azure.core.exceptions import ClientAuthenticationError
found = {{}}
for name, make in json.load(sys.stdin).items():
    try:
        found[name] = eval(make).get_token({scope!r}).token
    except ClientAuthenticationError as error:
        found[name] = type(error).__name__ + ": " + error.message
print(json.dumps(found))
"""
ASYNC = """
import asyncio, json, sys
from azure.identity.aio import *
from azure.core.exceptions import ClientAuthenticationError
async def get(make):
    async with eval(make) as credential:
        try:
            return (await credential.get_token({scope!r})).token
        except ClientAuthenticationError as error:
            return type(error).__name__ + ": " + error.message
async def main():
    print(json.dumps({{name: await get(make) for name, make in json.load(sys.stdin).items()}}))
asyncio.run(main())
"""
MSAL = """
import json, sys
import msal, requests
found = {{}}
for name, make in json.load(sys.stdin).items():
    client = msal.ManagedIdentityClient(eval("msal." + make), http_client=requests.Session())
    answer = client.acquire_token_for_client(resource={scope!r}.removesuffix("/.default"))
    found[name] = answer.get("access_token") or json.dumps(answer)
print(json.dumps(found))
"""
Ask = Callable[[str, dict[str, str]], dict[str, str]]


@pytest.fixture
def ask(sandbox: RunningSandbox, tmp_path: Path) -> Ask:
    """``ask(program, credentials)``: what the program gets for each credential, made as the Python text says."""

    def run(program: str, credentials: dict[str, str]) -> dict[str, str]:
        variables = clients_environment(sandbox, tmp_path)
        done = subprocess.run(
            [sys.executable, "-c", program.format(scope=SCOPE)],
            input=json.dumps(credentials),
            env={**variables, "AZURE_TOKEN_CREDENTIALS": "prod"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        answered: dict[str, str] = json.loads(done.stdout)
        return answered

    return run


@pytest.fixture
def machine(sandbox: RunningSandbox) -> Iterator[dict[str, Any]]:
    """The machine with a system-assigned identity and ID1: ``{"system": object id, "user": ID1's resource}``."""
    group = sandbox.seed_data.group(RESOURCE_GROUP)
    vm = f"{group}/providers/Microsoft.Compute/virtualMachines/{VM_NAME}"
    made = sandbox.arm("PUT", f"{group}/providers/{MSI}/ID1", {"location": "eastus"}, version="2024-11-30").json()
    block = {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {made["id"]: {}}}
    changed = sandbox.arm("PATCH", vm, {"identity": block}, version="2024-07-01").json()
    yield {"system": changed["identity"]["principalId"], "user": made}
    sandbox.arm("PATCH", vm, {"identity": {"type": "None"}}, version="2024-07-01")


def subject(token: str) -> str:
    """The object id in a token; the text itself where it is none."""
    if token.count(".") != 2 or " " in token:
        return token
    return str(jwt.decode(token, options={"verify_signature": False})["oid"])


# The async credential hands identity_config on as it is, so the parameter goes by the metadata service's own name.
@pytest.mark.parametrize(
    ("program", "resource_id"), [(PLAIN, "resource_id"), (ASYNC, "msi_res_id")], ids=["plain", "async"]
)
def test_azure_identity(
    ask: Ask, machine: dict[str, Any], sandbox: RunningSandbox, program: str, resource_id: str
) -> None:
    user = machine["user"]
    principal, client, operator = (
        user["properties"]["principalId"],
        user["properties"]["clientId"],
        sandbox.seed_data.operator_object_id,
    )
    found = ask(
        program,
        {
            "by default": "DefaultAzureCredential(disable_instance_discovery=True)",
            "environment": "EnvironmentCredential(disable_instance_discovery=True)",
            "default without a secret": "DefaultAzureCredential(exclude_environment_credential=True,"
            f" managed_identity_client_id={client!r})",
            "system-assigned": "ManagedIdentityCredential()",
            "by client id": f"ManagedIdentityCredential(client_id={client!r})",
            "by object id": f"ManagedIdentityCredential(identity_config={{'object_id': {principal!r}}})",
            "by resource id": f"ManagedIdentityCredential(identity_config={{{resource_id!r}: {user['id']!r}}})",
            "unknown": f"ManagedIdentityCredential(client_id={operator!r})",
        },
    )
    refused = found.pop("unknown")
    assert refused.startswith("CredentialUnavailableError: ManagedIdentityCredential authentication unavailable")
    assert {name: subject(token) for name, token in found.items()} == {
        "by default": operator,
        "environment": operator,
        "default without a secret": principal,
        "system-assigned": machine["system"],
        "by client id": principal,
        "by object id": principal,
        "by resource id": principal,
    }


def test_msal(ask: Ask, machine: dict[str, Any]) -> None:
    user = machine["user"]
    principal = user["properties"]["principalId"]
    found = ask(
        MSAL,
        {
            "system-assigned": "SystemAssignedManagedIdentity()",
            "by client id": f"UserAssignedManagedIdentity(client_id={user['properties']['clientId']!r})",
            "by object id": f"UserAssignedManagedIdentity(object_id={principal!r})",
            "by resource id": f"UserAssignedManagedIdentity(resource_id={user['id']!r})",
            "unknown": "UserAssignedManagedIdentity(client_id='nobody')",
        },
    )
    assert "Identity not found" in found.pop("unknown")
    assert {name: subject(token) for name, token in found.items()} == {
        "system-assigned": machine["system"],
        "by client id": principal,
        "by object id": principal,
        "by resource id": principal,
    }


def test_a_token_outlives_the_identitys_assignment_but_no_new_one_is_had(
    ask: Ask, machine: dict[str, Any], sandbox: RunningSandbox
) -> None:
    credential = {"it": f"ManagedIdentityCredential(client_id={machine['user']['properties']['clientId']!r})"}
    token = ask(PLAIN, credential)["it"]
    vm = f"{sandbox.seed_data.group(RESOURCE_GROUP)}/providers/Microsoft.Compute/virtualMachines/{VM_NAME}"
    sandbox.arm("PATCH", vm, {"identity": {"type": "SystemAssigned"}}, version="2024-07-01")
    answer = sandbox.arm("GET", "/subscriptions", token=token, version="2022-12-01")
    assert (answer.status_code, answer.json()["value"]) == (200, []), "still signed in, with no role"
    for program in (PLAIN, ASYNC):
        said = ask(program, credential)["it"]
        assert said.startswith("CredentialUnavailableError: ManagedIdentityCredential authentication unavailable")
    client_id = machine["user"]["properties"]["clientId"]
    assert "Identity not found" in ask(MSAL, {"it": f"UserAssignedManagedIdentity(client_id={client_id!r})"})["it"]


@pytest.mark.parametrize("program", [PLAIN, ASYNC], ids=["plain", "async"])
def test_who_is_not_let_in(ask: Ask, sandbox: RunningSandbox, program: str) -> None:
    nobody, seeded = "00000000-0000-4000-8000-000000000000", sandbox.seed_data
    options = f"'x', authority={sandbox.endpoint!r}, disable_instance_discovery=True"
    found = ask(
        program,
        {
            "wrong secret": f"ClientSecretCredential({seeded.tenant_id!r}, {seeded.operator_client_id!r}, {options})",
            "unknown application": f"ClientSecretCredential({seeded.tenant_id!r}, {nobody!r}, {options})",
        },
    )
    assert "AADSTS7000215: Invalid client secret provided." in found["wrong secret"]
    assert f"AADSTS700016: Application with identifier '{nobody}' was not found" in found["unknown application"]
