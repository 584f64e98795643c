"""Programs inside a machine, where Azure's own addresses lead to the sandbox: nothing at all is configured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import program, python_environment
from tests.sandbox.guest.lab import GROUP, Lab, running_lab

ANSIBLE = "12.3.0"
COLLECTION = "ansible_collections/azure/azcollection/requirements.txt"
PLAYBOOK = Path(__file__).parent / "ansible" / "quickstart.yml"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("inside") / "state") as lab:
        yield lab


@pytest.fixture
def identity(lab: Lab, request: pytest.FixtureRequest) -> dict[str, Any]:
    """An identity of the test's own on ``myVM``."""
    made = lab.identity(f"{request.function.__name__.replace('_', '-')}")
    lab.attach("myVM", made)
    return made


def test_the_azure_cli_as_it_is_installed(lab: Lab, identity: dict[str, Any], installed_az: Path) -> None:
    client = identity["properties"]["clientId"]
    lab.let_read(identity)
    typed = f"az login --identity --client-id {client} --output none && az group show --name {GROUP} --query id"
    done = lab.inside("myVM", "sh", "-c", f'PATH="{installed_az.parent}:$PATH"; {typed} && az cloud show --query name')
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f'"{lab.group}"', '"AzureCloud"']


@pytest.mark.long
def test_ansibles_collection_for_azure(lab: Lab, identity: dict[str, Any], tmp_path: Path) -> None:
    ansible = python_environment("ansible", f"ansible=={ANSIBLE}", and_then=COLLECTION)
    report = tmp_path / "report.json"
    known = {
        "client_id": identity["properties"]["clientId"],
        "principal_id": identity["properties"]["principalId"],
        "group": GROUP,
        "machine": "myVM",
        "scope": lab.group,
        "report": str(report),
    }
    operator = {
        "AZURE_SUBSCRIPTION_ID": lab.seed_data.subscription_id,
        "AZURE_TENANT": lab.seed_data.tenant_id,
        "AZURE_CLIENT_ID": lab.seed_data.operator_client_id,
        "AZURE_SECRET": json.loads((lab.data / "operator.json").read_text())["clientSecret"],
        "HOME": str(tmp_path),
        "ANSIBLE_LOCALHOST_WARNING": "no",
    }
    command = lab.command(
        *("shell", "myVM", "--", "env", *(f"{name}={value}" for name, value in operator.items())),
        *(str(program(ansible, "ansible-playbook")), "--inventory", "localhost,", str(PLAYBOOK)),
        *("--extra-vars", json.dumps(known)),
    )
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    who = f"The client '{known['client_id']}' with object id '{known['principal_id']}'"
    assert f"{who} does not have authorization to perform action" in json.dumps(told["before"])
    assert told["machines"][0]["power_state"] == "running"
    assert told["grant"]["changed"] is True and told["grant"]["principal_type"] == "ServicePrincipal"
    assert told["after"]["resourcegroups"][0]["id"] == lab.group
