"""Signing in to Azure: in which ways, as whom, how often, and what is said where it does not work."""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from azure.identity import ClientAssertionCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from requests.adapters import HTTPAdapter

from helpers import connect
from helpers.connection import Connection, sign_in
from helpers.connection.sign_in import SCOPE, RememberingCredential, SignInError, azure_credential, who_has
from helpers.errors import TutorialError
from tests.helpers.connection.test_azure_target import ENTRA, Recorder
from tests.helpers.pointing import environment_of, unchanged_environment
from tests.support.sandbox import RunningSandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")


@pytest.fixture
def azure(sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Azure's addresses lead to the sandbox, and nobody is signed in."""
    with unchanged_environment():
        for name in environment_of(sandbox):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        recorder = Recorder(sandbox)
        recorder.install(monkeypatch)
        yield recorder


class Az:
    """A program ``az`` that hands out one token, and writes down that it was started."""

    def __init__(self, folder: Path, token: str, expires_on: float) -> None:
        self._started = folder / "started"
        answer = json.dumps({"accessToken": token, "expires_on": int(expires_on)})
        program = folder / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho started >> '{self._started}'\necho '{answer}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    @property
    def starts(self) -> int:
        return len(self._started.read_text().splitlines()) if self._started.exists() else 0


@pytest.fixture
def az(azure: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    made = Az(tmp_path, azure.sandbox.token(), time.time() + 3600)
    azure.sent.clear()
    return made


def sign_in_as_operator(azure: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, environment_of(azure.sandbox)[name])


def test_az_is_started_once_for_a_whole_notebook(az: Az, azure: Recorder) -> None:
    connection = connect("azure", sign_in="cli")
    for _ in range(3):
        client = ResourceManagementClient(
            connection.credential, connection.subscription_id, **connection.client_options
        )
        assert list(client.resource_groups.list())
    assert az.starts == 1


def test_az_is_asked_again_shortly_before_its_token_ends(tmp_path: Path, azure: Recorder, az: Az) -> None:
    az = Az(tmp_path, azure.sandbox.token(), time.time() + 100)
    credential = azure_credential("cli")
    credential.get_token(SCOPE)
    credential.get_token(SCOPE)
    assert az.starts == 2


def test_a_token_is_only_given_for_what_it_was_got_for(az: Az) -> None:
    credential = azure_credential("cli")
    credential.get_token(SCOPE)
    credential.get_token("https://vault.azure.net/.default")
    assert az.starts == 2


def test_what_another_kernel_got_is_used(az: Az, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("handed_over", "obtained"):
        monkeypatch.setattr(sign_in, name, {})
    connect("azure", sign_in="cli")
    sign_in.handed_over.update(json.loads(json.dumps(sign_in.obtained)))
    connect("azure", sign_in="cli")
    assert az.starts == 1


def test_a_token_that_nobody_renews_is_said_in_a_sentence(connection: Connection) -> None:
    """Whoever watches Azure for hours outlives tokens, and tries again after a TutorialError."""
    nowhere = {"authority": "https://127.0.0.1:1", "disable_instance_discovery": True, "retry_total": 0}
    unreachable = ClientAssertionCredential("tenant", "client", lambda: "assertion", **nowhere)
    later = replace(connection, credential=RememberingCredential("workload-identity", unreachable))
    sentence = r"^The sign-in has no new token: ServiceRequestError\. Check the network and the proxy[^\n]*$"
    with pytest.raises(TutorialError, match=sentence):
        later.arm("GET", "/subscriptions", "2022-12-01")


def test_says_who_is_signed_in(azure: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in_as_operator(azure, monkeypatch)
    connection = connect("azure", sign_in="environment")
    seed_data = azure.sandbox.seed_data
    assert f"{seed_data.operator_client_id} (an application)" in repr(connection)
    assert connection.signed_in.tenant_id == seed_data.tenant_id
    assert connection.signed_in.object_id == seed_data.operator_object_id


def test_a_person_is_named(sandbox: RunningSandbox) -> None:
    claims = {"unique_name": "ada@contoso.com", "idtyp": "user", "oid": "o", "tid": "t", "appid": "c"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert (who_has(f"e30.{payload}.eA").name, who_has(f"e30.{payload}.eA").kind) == ("ada@contoso.com", "a person")


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "e30.bnVsbA.x"])
def test_a_token_that_cannot_be_read_names_nobody(token: str) -> None:
    assert who_has(token).name == "?"


def test_the_identity_of_the_machine_is_refused(sandbox: RunningSandbox) -> None:
    machine = f"{sandbox.seed_data.group('myResourceGroupVM')}/providers/Microsoft.Compute/virtualMachines/myVM"
    block = {"identity": {"type": "SystemAssigned"}}
    sandbox.arm("PATCH", machine, block, version="2024-11-01").raise_for_status()
    answer = requests.get(
        f"{sandbox.metadata_endpoint()}/metadata/identity/oauth2/token",
        params={"api-version": "2018-02-01", "resource": "https://management.azure.com/"},
        headers={"Metadata": "true"},
        timeout=300,
    )
    with pytest.raises(SignInError, match="managed identity of a machine"):
        who_has(answer.json()["access_token"])


@pytest.mark.parametrize("sign_in", ["auto", "cli"])
def test_asking_for_the_managed_identity_is_refused(sign_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    with pytest.raises(SignInError, match="Unset it"):
        azure_credential(sign_in)


def test_what_the_environment_asks_for_is_heeded(az: Az, azure: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in_as_operator(azure, monkeypatch)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    connect("azure")
    assert az.starts == 1
    assert not azure.to(ENTRA)


@pytest.mark.parametrize("sign_in", ["environment", "workload-identity", "cli", "powershell", "vscode", "auto"])
def test_nobody_is_signed_in(azure: Recorder, sign_in: str) -> None:
    with pytest.raises(TutorialError) as caught:
        connect("azure", sign_in=sign_in)
    assert "\n" not in str(caught.value)
    assert f"sign_in = '{sign_in}'" in str(caught.value)
    assert ("az login" if sign_in != "workload-identity" else "tenant_id") in str(caught.value)


def test_a_challenge_for_a_second_factor_names_the_command(
    az: Az, azure: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect("azure", sign_in="cli")
    wanted = base64.b64encode(b'{"access_token":{"acrs":{"essential":true,"value":"p1"}}}').decode()
    send = HTTPAdapter.send

    def challenging(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        if request.method == "PUT":
            answer.status_code = 401
            answer.headers["WWW-Authenticate"] = (
                f'Bearer realm="", error="insufficient_claims", claims="{wanted}", error_description="MFA"'
            )
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", challenging)
    client = ResourceManagementClient(connection.credential, connection.subscription_id, **connection.client_options)
    with pytest.raises(SignInError, match="az login --claims-challenge") as caught:
        client.resource_groups.create_or_update("contosoNew", {"location": "eastus"})
    assert f'"{wanted}"' in str(caught.value)


class GitHub(BaseHTTPRequestHandler):
    """What gives a job of GitHub Actions its token."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"value": "the-assertion"}')

    def log_message(self, *args: object) -> None:
        pass


def test_workload_identity_federation_as_github_has_it(azure: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    GitHub.asked = []
    server = HTTPServer(("127.0.0.1", 0), GitHub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{server.server_port}/token?v=2")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-jobs")
        monkeypatch.setenv("AZURE_CLIENT_ID", azure.sandbox.seed_data.operator_client_id)
        monkeypatch.setenv("AZURE_TENANT_ID", azure.sandbox.seed_data.tenant_id)
        with pytest.raises(SignInError):  # the sandbox's Entra does not trust GitHub
            connect("azure")
    finally:
        server.shutdown()
        server.server_close()
    assert GitHub.asked == [("/token?v=2&audience=api%3A%2F%2FAzureADTokenExchange", "Bearer the-jobs")]
    sent = [parse_qs(each.body) for each in azure.to(ENTRA) if each.body]
    assert [each["client_assertion"] for each in sent] == [["the-assertion"]]


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.transport.CONNECT_LIMIT", 0.2)


@pytest.mark.parametrize("listens", [True, False])
def test_a_proxy_that_hangs_or_refuses(listens: bool, short_limit: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not listens:
            server.close()
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(TutorialError, match=r"No answer came from \S+ through the proxy 127\.0\.0\.1") as caught:
            connect("azure")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TutorialError, match="Check the network"):
        connect("azure")
