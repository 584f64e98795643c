"""The Azure CLI's folder: written for the sandbox, and nothing else in it lost."""

from __future__ import annotations

import configparser
import json
import stat
import sys
from pathlib import Path

import pytest
import requests

from sandbox.process.azure_cli import azure_cli_settings
from sandbox.state.state_directory import StateDirectory
from tests.support.sandbox import RunningSandbox

ENDPOINT = "https://localhost:4711"
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/myVM"


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state")


def folder(state: StateDirectory, endpoint: str = ENDPOINT, machine: str | None = None) -> Path:
    variables = azure_cli_settings(state, endpoint, machine)
    assert list(variables) == ["AZURE_CONFIG_DIR"]
    return Path(variables["AZURE_CONFIG_DIR"])


def read(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read(file)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_sandbox_is_the_cloud_in_use(state: StateDirectory) -> None:
    made = folder(state)
    assert made.is_relative_to(state.path)
    settings = read(made / "config")
    assert settings["cloud"] == {"name": "Sandbox"}
    assert settings["core"]["collect_telemetry"] == settings["core"]["instance_discovery"] == "no"
    cloud = read(made / "clouds.config")["Sandbox"]
    assert cloud["endpoint_resource_manager"] == f"{ENDPOINT}/"
    assert cloud["endpoint_active_directory"] == ENDPOINT
    assert cloud["endpoint_microsoft_graph_resource_id"] == f"{ENDPOINT.replace('localhost', '127.0.0.1')}/"


def test_the_cloud_is_what_the_sandbox_says_of_itself(sandbox: RunningSandbox) -> None:
    cloud = read(folder(sandbox.server.state, sandbox.endpoint) / "clouds.config")["Sandbox"]
    url = f"{sandbox.endpoint}/metadata/endpoints?api-version=2022-09-01"
    told = requests.get(url, verify=sandbox.ca, timeout=300).json()
    assert cloud["endpoint_active_directory"] == told["authentication"]["loginEndpoint"]
    assert cloud["endpoint_resource_manager"] == told["resourceManager"]
    assert cloud["suffix_keyvault_dns"] == "." + told["suffixes"]["keyVaultDns"]


def test_what_the_cli_and_its_user_wrote_stays(state: StateDirectory) -> None:
    made = folder(state)
    (made / "azureProfile.json").write_text(json.dumps({"subscriptions": []}))
    (made / "config").write_text("[cloud]\nname = AzureCloud\n[defaults]\ngroup = rg1\n")
    (made / "clouds.config").write_text("[Sandbox]\nsubscription = s\nendpoint_portal = old\n[Other]\nprofile = x\n")
    assert folder(state, "https://localhost:4712") == made
    assert read(made / "config")["defaults"] == {"group": "rg1"}
    assert read(made / "config")["cloud"] == {"name": "Sandbox"}
    clouds = read(made / "clouds.config")
    assert clouds["Other"] == {"profile": "x"}
    assert (clouds["Sandbox"]["subscription"], clouds["Sandbox"]["endpoint_portal"]) == ("s", "https://localhost:4712")
    assert (made / "azureProfile.json").exists()


@pytest.mark.parametrize("content", [b"no section\n", b"[a]\n[a]\n", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_written_anew(state: StateDirectory, content: bytes) -> None:
    made = folder(state)
    (made / "config").write_bytes(content)
    folder(state)
    assert read(made / "config")["cloud"] == {"name": "Sandbox"}


def test_a_machine_has_a_folder_of_its_own(state: StateDirectory) -> None:
    operator, machine = folder(state), folder(state, machine=MACHINE)
    other = folder(state, machine=MACHINE.replace("/g/", "/h/"))
    assert len({operator, machine, other}) == 3
    assert folder(state, machine=MACHINE.upper()).name.casefold() == machine.name.casefold()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights in another way")
def test_only_the_user_can_look_into_it(state: StateDirectory) -> None:
    made = folder(state)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in made.iterdir()} == {0o600}
