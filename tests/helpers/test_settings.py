from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import TutorialError, connect
from helpers.settings import points_to_sandbox, sandbox_settings
from tests.helpers.pointing import environment_of
from tests.support.sandbox import RunningSandbox


def test_the_environments_settings_are_taken_as_they_are(sandbox: RunningSandbox) -> None:
    settings = sandbox_settings(environment_of(sandbox))
    assert settings.endpoint == sandbox.endpoint
    assert settings.ca_file == sandbox.ca
    assert settings.subscription_id == sandbox.seed_data.subscription_id


def test_the_secret_is_not_in_the_text_of_the_settings(sandbox: RunningSandbox) -> None:
    assert sandbox.secret not in repr(sandbox_settings(environment_of(sandbox)))


@pytest.mark.parametrize(
    "name", ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE"]
)
def test_half_an_environment_is_refused_with_what_is_missing(sandbox: RunningSandbox, name: str) -> None:
    environment = environment_of(sandbox)
    del environment[name]
    with pytest.raises(TutorialError, match=f"lacks {name}"):
        sandbox_settings(environment)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("https://localhost:1234", True),
        ("https://127.0.0.1:1234", True),
        ("https://[::1]:1234", True),
        ("https://management.azure.com", False),
        ("https://localhost.example.com", False),
        ("", False),
    ],
)
def test_only_an_address_on_this_computer_is_a_sandbox(endpoint: str, local: bool) -> None:
    assert points_to_sandbox({"AZURE_RESOURCE_MANAGER_ENDPOINT": endpoint}) is local


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A folder for a sandbox that does not run yet; whatever comes to run in it is stopped."""
    folder = tmp_path / "own"
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(folder))
    yield folder
    subprocess.run([sys.executable, "-m", "sandbox", "stop"], check=True, capture_output=True)


def test_without_settings_a_sandbox_is_started_and_nothing_leaks(
    own_sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a notebook may run in any folder
    before = dict(os.environ)
    azure = connect("sandbox")
    assert dict(os.environ) == before
    status = subprocess.run(
        [sys.executable, "-m", "sandbox", "status", "--json"], check=True, capture_output=True, text=True
    )
    endpoint = json.loads(status.stdout)["endpoint"]
    assert azure.client_options["base_url"] == endpoint
    assert connect("sandbox").client_options["base_url"] == endpoint
    assert azure.arm("GET", "/subscriptions", "2022-12-01").json()["count"]["value"] == 1


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(blocked))
    with pytest.raises(TutorialError, match="state directory"):
        connect("sandbox")
