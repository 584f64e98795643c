"""`target="azure"` sends what `target="sandbox"` sends, to Azure's own addresses.

All notebooks are run twice, from the same beginning. The second time every address is the public cloud's: a recorder
below all clients (requests' own transport, under azure-core, azure-identity and the raw requests alike) notes each
request as it would leave the computer, and only then takes it to a sandbox, so that there are real answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from helpers.transport import FixedAddressAdapter
from tests.helpers.pointing import environment_of, unchanged_environment
from tests.notebooks.course import NAMES, run
from tests.support.sandbox import RunningSandbox, running_sandbox

ARM = "management.azure.com"
ENTRA = "login.microsoftonline.com"
METADATA = "169.254.169.254"
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")  # an exercise uses uuid4
PUBLIC = {ARM, ENTRA, METADATA}


@dataclass(frozen=True)
class Sent:
    """A request as a server would see it."""

    scheme: str
    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: str


@dataclass
class Recorder:
    """Notes every request of this process; takes those for public addresses to the sandbox."""

    sandbox: RunningSandbox
    sent: list[Sent] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = HTTPAdapter.send
        to_sandbox = HTTPAdapter()

        def recording(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            host = str(urlsplit(str(request.url)).hostname)
            self.sent.append(_seen(request))
            if host in PUBLIC and not leads_to_this_computer(adapter):
                request.headers["Host"] = host
                request.url = self._local(str(request.url), host)
                options |= {"verify": self.sandbox.ca, "proxies": {}}
                adapter = to_sandbox
            return send(adapter, request, **options)

        monkeypatch.setattr(HTTPAdapter, "send", recording)

    def to(self, host: str) -> list[Sent]:
        return [each for each in self.sent if each.host == host]

    def _local(self, url: str, host: str) -> str:
        parts = urlsplit(url)
        base = self.sandbox.metadata_endpoint() if host == METADATA else self.sandbox.endpoint
        return f"{base}{parts.path}?{parts.query}"


def leads_to_this_computer(adapter: HTTPAdapter) -> bool:
    return isinstance(adapter, FixedAddressAdapter) and adapter._host in ("localhost", "127.0.0.1")


def _seen(request: requests.PreparedRequest) -> Sent:
    parts = urlsplit(str(request.url))
    host = str(parts.hostname)
    if host in ("localhost", "127.0.0.1"):
        entra = "/oauth2/" in parts.path or "/v2.0/" in parts.path
        host = METADATA if parts.path.startswith("/metadata/") else ENTRA if entra else ARM
    body = request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")
    if host == ARM and body:
        body = json.dumps(json.loads(body), sort_keys=True)
    path = RANDOM.sub("{random}", parts.path)
    return Sent(parts.scheme, str(request.method), host, path, tuple(sorted(parse_qsl(parts.query))), body)


def _run_all(target: str, sandbox: RunningSandbox) -> None:
    for name in NAMES:
        run(name, target=target, subscription_id=sandbox.seed_data.subscription_id, delete=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[dict[str, Recorder]]:
    """What the notebooks send, for each target."""
    found: dict[str, Recorder] = {}
    for target in ("sandbox", "azure"):
        folder = tmp_path_factory.mktemp(target)
        with running_sandbox(folder, keys_from=keys) as sandbox, pytest.MonkeyPatch.context() as monkeypatch:
            found[target] = Recorder(sandbox)
            with unchanged_environment():
                for name, value in environment_of(sandbox).items():
                    monkeypatch.setenv(name, value)
                if target == "azure":  # only a service principal's sign-in, as a pipeline has it
                    for name in ("AZURE_RESOURCE_MANAGER_ENDPOINT", "AZURE_AUTHORITY_HOST", "REQUESTS_CA_BUNDLE"):
                        monkeypatch.delenv(name)
                found[target].install(monkeypatch)
                _run_all(target, sandbox)
    yield found


def test_resource_manager_is_asked_the_same(recorded: dict[str, Recorder]) -> None:
    in_sandbox, on_azure = (
        [each for each in recorded[target].to(ARM) if "/providers/Sandbox.Local/" not in each.path]
        for target in ("sandbox", "azure")
    )
    looks = [each for each in on_azure if each.path == "/subscriptions" and not each.query]  # is Azure there at all?
    assert len(looks) == len(NAMES)
    on_azure = [each for each in on_azure if each not in looks]
    assert len(on_azure) > 80
    assert in_sandbox == on_azure


def test_the_only_request_of_its_own_that_the_sandbox_gets_is_where_the_metadata_service_is(
    recorded: dict[str, Recorder],
) -> None:
    own = [each for each in recorded["sandbox"].sent if "Sandbox.Local" in each.path]
    assert own and {each.path.rpartition("/providers/")[2] for each in own} == {"Sandbox.Local/metadataService"}
    assert not [each for each in recorded["azure"].sent if "Sandbox" in each.path]


def test_the_metadata_service_is_asked_the_same(recorded: dict[str, Recorder]) -> None:
    in_sandbox, on_azure = (
        [each for each in recorded[target].to(METADATA) if each.path == "/metadata/identity/oauth2/token"]
        for target in ("sandbox", "azure")
    )
    assert on_azure
    assert in_sandbox == on_azure


def test_on_azure_the_machine_is_checked_first(recorded: dict[str, Recorder]) -> None:
    checks = [each for each in recorded["azure"].to(METADATA) if each.path == "/metadata/instance/compute"]
    entered = [each for each in recorded["sandbox"].sent if "Sandbox.Local" in each.path]
    assert len(checks) == len(entered)


def test_on_azure_everything_goes_to_azures_own_addresses(recorded: dict[str, Recorder]) -> None:
    assert {each.host for each in recorded["azure"].sent} == PUBLIC
    assert {(each.host, each.scheme) for each in recorded["azure"].sent} == {
        (ARM, "https"),
        (ENTRA, "https"),
        (METADATA, "http"),
    }


def test_every_kind_of_step_is_among_them(recorded: dict[str, Recorder]) -> None:
    """So that the comparison is of the course, and not of two empty lists."""
    made = {(each.method, each.path.rpartition("/providers/")[2].split("/")[0]) for each in recorded["azure"].to(ARM)}
    assert {
        ("PUT", "Microsoft.ManagedIdentity"),
        ("PATCH", "Microsoft.Compute"),
        ("PUT", "Microsoft.Authorization"),
        ("DELETE", "Microsoft.Authorization"),
        ("DELETE", "Microsoft.ManagedIdentity"),
    } <= made
