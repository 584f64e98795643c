"""Azure's clients for JavaScript, unmodified, do the quickstart; what is wrong is refused in Azure's words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.seed_data import OTHER_RESOURCE_GROUP, RESOURCE_GROUP, VM_NAME
from tests.clients.azure_cli import clients_environment
from tests.clients.environments import node_environment
from tests.clients.forged import Forged
from tests.support.sandbox import RunningSandbox

SCRIPTS = Path(__file__).parent / "js"
NOBODY = "00000000-0000-4000-8000-000000000000"
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def packages() -> Path:
    return node_environment("javascript", SCRIPTS / "package-lock.json") / "node_modules"


@pytest.fixture
def run(sandbox: RunningSandbox, packages: Path, tmp_path: Path) -> Run:
    """``run(script, given)``: run one, with the JSON value on its standard input; return the one it prints."""
    variables = {**clients_environment(sandbox, tmp_path), "NODE_PATH": str(packages)}

    def script(name: str, given: Any = None) -> Any:
        done = subprocess.run(
            ["node", str(SCRIPTS / name)],
            input=json.dumps(given),
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return script


def test_the_quickstart(run: Run, sandbox: RunningSandbox) -> None:
    report = run("quickstart.js")
    identity = report["identity"]
    denied = (
        f"The client '{identity['clientId']}' with object id '{identity['principalId']}' does not have authorization "
        "to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope "
    )
    assert report["attached"] == [
        {"id": identity["id"], "clientId": identity["clientId"], "principalId": identity["principalId"]}
    ]
    for refused in (report["before"], report["revoked"]):
        assert (refused["status"], refused["code"]) == (403, "AuthorizationFailed")
        assert denied in refused["message"]
    assert report["after"] == sandbox.seed_data.group(RESOURCE_GROUP)
    assert (report["identities"], report["machines"]) == (["ID1"], [VM_NAME])
    assert report["groups"] == [OTHER_RESOURCE_GROUP, RESOURCE_GROUP]
    assert report["lifetime"] == 24
    assert report["detached"] is True and report["left"] == []


def test_refusals(run: Run, forged: Mapping[str, Forged]) -> None:
    report = run("refusals.js", {name: wrong.token for name, wrong in forged.items()})["report"]
    expected = {
        "unknown group": (404, "ResourceGroupNotFound", "Resource group 'nope' could not be found."),
        "group elsewhere": (
            409,
            "InvalidResourceGroupLocation",
            "Invalid resource group location 'westus'. The Resource group already exists in location 'eastus'.",
        ),
        "identity in an unknown group": (404, "ResourceGroupNotFound", "Resource group 'nope' could not be found."),
        "bad name": (400, "InvalidResourceName", "The name 'x!' is not valid"),
        "unknown identity": (400, "FailedIdentityOperation", "Identity operation for resource '/subscriptions/"),
        "malformed id": (400, "InvalidParameter", "is not a valid reference"),
        "unknown machine": (404, "ResourceNotFound", "The Resource 'Microsoft.Compute/virtualMachines/nope' under"),
        "unknown role": (404, "RoleDefinitionDoesNotExist", f"The specified role definition with ID '{NOBODY}'"),
        "unknown principal": (400, "PrincipalNotFound", f"Principal {NOBODY.replace('-', '')} does not exist in"),
        "malformed assignment": (400, "InvalidRoleAssignmentId", "The role assignment ID 'nope' is not valid."),
        **{name: (401, wrong.code, wrong.message) for name, wrong in forged.items()},
    }
    for name, (status, code, message) in expected.items():
        refused = report[name]
        assert (refused["status"], refused["code"]) == (status, code), name
        assert message in refused["message"], name
    for name, message in {
        "wrong secret": "AADSTS7000215: Invalid client secret provided.",
        "unknown application": f"AADSTS700016: Application with identifier '{NOBODY}' was not found",
        "unknown tenant": "endpoints_resolution_error",  # in the client's words: it asks for the endpoints first
        "unassigned": "Identity not found",
    }.items():
        assert message in report[name]["message"], (name, report[name])
