import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from workshop.errors import SandboxError
from workshop.paths import ROOT
from workshop.sandbox import (
    FreshSandbox,
    IssuedTokens,
    kernel_environment,
    sandbox_command,
    start_users_sandbox,
    users_directory,
    users_environment,
)

HOLDER = """
import sys, time
from workshop.sandbox import FreshSandbox
with FreshSandbox() as sandbox:
    print(sandbox.environment["AZURE_SANDBOX_DIR"], sandbox.environment["AZURE_RESOURCE_MANAGER_ENDPOINT"], flush=True)
    time.sleep(600)
"""


def answers(environment: Mapping[str, str]) -> bool:
    url = f"{environment['AZURE_RESOURCE_MANAGER_ENDPOINT']}/tenants?api-version=2022-12-01"
    return requests.get(url, verify=environment["REQUESTS_CA_BUNDLE"], timeout=300).status_code == 401


def nobody_listens(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname, address.port), timeout=300).close()
    except ConnectionRefusedError:
        return True
    return False


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_fresh_sandbox_answers_and_is_gone_afterwards() -> None:
    with FreshSandbox() as sandbox:
        environment = sandbox.environment
        folder = Path(environment["AZURE_SANDBOX_DIR"])
        assert folder.is_dir()
        if sys.platform != "win32":
            assert folder.stat().st_mode & 0o777 == 0o700
        assert answers(environment)
    assert not folder.exists()
    assert nobody_listens(environment["AZURE_RESOURCE_MANAGER_ENDPOINT"])


def test_it_goes_when_the_body_raises() -> None:
    with pytest.raises(KeyError), FreshSandbox() as sandbox:
        folder = Path(sandbox.environment["AZURE_SANDBOX_DIR"])
        raise KeyError
    assert not folder.exists()


def test_it_goes_when_nobody_waited_for_it() -> None:
    with FreshSandbox():
        pass


def test_two_at_once_do_not_meet() -> None:
    with FreshSandbox() as one, FreshSandbox() as other:
        assert one.environment["AZURE_SANDBOX_DIR"] != other.environment["AZURE_SANDBOX_DIR"]
        assert one.environment["AZURE_CLIENT_SECRET"] != other.environment["AZURE_CLIENT_SECRET"]
        assert one.environment["AZURE_SUBSCRIPTION_ID"] == other.environment["AZURE_SUBSCRIPTION_ID"]
        assert answers(one.environment)
        assert answers(other.environment)


@pytest.mark.skipif(sys.platform == "win32", reason="sends Unix signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_none_is_left_behind_by_a_killed_holder(name: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    assert holder.stdout is not None
    folder, endpoint = holder.stdout.readline().split()
    holder.send_signal(signal.Signals[name])
    holder.wait(300)
    assert wait_for(lambda: not Path(folder).exists())
    assert nobody_listens(endpoint)
    holder.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="sends Unix signals")
def test_none_is_left_behind_by_a_holder_killed_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdout=subprocess.DEVNULL, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert wait_for(lambda: any(tmp_path.glob("azure-sandbox-*")))
    holder.kill()
    holder.wait(300)
    assert wait_for(lambda: not any(tmp_path.iterdir()))


def test_a_sandbox_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "missing"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "aiohttp.py").write_text("raise ImportError('no aiohttp today')")
    with pytest.raises(SandboxError, match=r"did not start: .*\n(.*\n)*.*no aiohttp today"), FreshSandbox() as sandbox:
        _ = sandbox.environment


def test_the_users_own_sandbox_is_started_once_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURE_SANDBOX_DIR", "mine")
    with pytest.raises(SandboxError, match="not running"):
        users_environment()
    try:
        assert "is ready" in start_users_sandbox()
        assert "runs already" in start_users_sandbox()
        environment = users_environment()
        assert environment["AZURE_SANDBOX_DIR"] == str(tmp_path / "mine")
        assert answers(environment)
    finally:
        sandbox_command("stop", directory=str(tmp_path / "mine"))


def test_the_users_folder_is_the_one_that_the_sandbox_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("AZURE_SANDBOX_DIR", "~/mine")
    assert users_directory() == str(tmp_path / "mine")
    monkeypatch.delenv("AZURE_SANDBOX_DIR")
    assert users_directory() is None


def test_a_fresh_sandbox_notes_what_it_issues_for_its_owner_alone() -> None:
    with FreshSandbox() as sandbox:
        environment = sandbox.environment
        issued = IssuedTokens(environment)
        assert issued.new() == []
        token = get_token(environment)
        assert issued.new() == [token]
        assert issued.new() == []
        if sys.platform != "win32":
            assert (Path(environment["AZURE_SANDBOX_DIR"]) / "issued-tokens").stat().st_mode & 0o777 == 0o600
    assert IssuedTokens({}).new() == []


def get_token(environment: Mapping[str, str]) -> str:
    answer = requests.post(
        f"{environment['AZURE_AUTHORITY_HOST']}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": environment["AZURE_CLIENT_ID"],
            "client_secret": environment["AZURE_CLIENT_SECRET"],
            "scope": "https://management.azure.com/.default",
        },
        verify=environment["REQUESTS_CA_BUNDLE"],
        timeout=300,
    )
    return str(answer.json()["access_token"])


def test_kernels_get_the_sandbox_in_place_of_the_users_azure() -> None:
    azure = {
        "AZURE_CLIENT_ID": "mine",
        "IDENTITY_ENDPOINT": "http://app",
        "MSI_SECRET": "s",
        "IMDS_ENDPOINT": "http://arc",
    }
    base = {"HOME": "/h", "PATH": "p", **azure, "azure_client_secret": "mine"}
    assert kernel_environment({"AZURE_TENANT_ID": "t"}, base) == {"HOME": "/h", "PATH": "p", "AZURE_TENANT_ID": "t"}
