"""What the sandbox answers agrees with Azure's own published specifications."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.state.state_directory import Settings
from tests.specifications import bicep, oav, traffic
from tests.specifications.oav import Verdict
from tests.specifications.openapi import DOCUMENTS, Findings, findings_of, verdicts
from tests.specifications.scenario import FAULTS, play
from tests.specifications.tolerated import TOLERATED
from tests.specifications.traffic import Exchange
from tests.support.command import sandbox_command
from tests.support.needs import do_without
from tests.support.sandbox import running_sandbox

# Operations of the specifications that the sandbox has; each is seen to succeed.
OPERATIONS = {
    *("Subscriptions_List", "Subscriptions_Get", "Subscriptions_ListLocations", "Tenants_List"),
    *("Providers_List", "Providers_Get", "Providers_Register", "Resources_List", "Resources_ListByResourceGroup"),
    *(f"ResourceGroups_{name}" for name in ("CreateOrUpdate", "Update", "Get", "CheckExistence", "List", "Delete")),
    *(f"UserAssignedIdentities_{name}" for name in ("CreateOrUpdate", "Update", "Get", "Delete")),
    *("UserAssignedIdentities_ListByResourceGroup", "UserAssignedIdentities_ListBySubscription"),
    *(f"FederatedIdentityCredentials_{name}" for name in ("CreateOrUpdate", "Get", "List", "Delete")),
    "SystemAssignedIdentities_GetByScope",
    *(f"RoleDefinitions_{name}" for name in ("CreateOrUpdate", "Get", "List", "Delete")),
    *(f"RoleAssignments_{name}" for name in ("Create", "Get", "Delete")),
    *(f"RoleAssignments_ListFor{name}" for name in ("Subscription", "ResourceGroup", "Resource")),
    "Permissions_ListForResourceGroup",
    *(f"VirtualMachines_{name}" for name in ("CreateOrUpdate", "Update", "Get", "InstanceView", "Delete")),
    *(f"VirtualMachines_{name}" for name in ("List", "ListAll", "ListByLocation")),
    *(f"VirtualMachines_{name}" for name in ("Start", "Restart", "PowerOff", "Deallocate")),
    *("VirtualMachineImages_List", "VirtualMachineImages_Get"),
    *(f"VirtualMachineRunCommands_{name}" for name in ("List", "Get")),
    *("Instances_GetMetadata", "Identity_GetToken", "Identity_GetInfo", "GetVersions"),
}


@pytest.fixture(scope="module")
def oav_package(pytestconfig: pytest.Config) -> Path:
    """The folder of Microsoft's validator."""
    if not DOCUMENTS.is_dir():
        pytest.skip("the published specifications are not beside the repository")
    assert pytestconfig.cache is not None
    try:
        return oav.install(pytestconfig.cache.mkdir("oav"))
    except oav.Unavailable as error:
        do_without(str(error))


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> list[Exchange]:
    """What goes over the wire in the scenario."""
    folder, faults = tmp_path_factory.mktemp("traffic"), tmp_path_factory.mktemp("faults") / "faults.yaml"
    faults.write_text(FAULTS)
    end = traffic.record(folder)
    try:
        settings = Settings(faults=str(faults))
        with running_sandbox(tmp_path_factory.mktemp("sandbox"), settings=settings, keys_from=keys) as sandbox:
            play(sandbox)
    finally:
        end()
    return list(traffic.read(folder))


@pytest.fixture(scope="module")
def said(exchanges: list[Exchange], oav_package: Path) -> list[Verdict]:
    """What is said of each exchange, and then of each that is spoilt: at once, since to read the documents is slow."""
    return verdicts([*exchanges, *spoilt(exchanges)], oav_package)


@pytest.fixture(scope="module")
def findings(exchanges: list[Exchange], said: list[Verdict]) -> Findings:
    return findings_of(exchanges, said[: len(exchanges)])


def test_the_scenario_agrees_with_the_specifications(findings: Findings) -> None:
    assert not findings.disagreements, str(findings)


def test_every_operation_that_both_have_succeeds(findings: Findings) -> None:
    assert findings.succeeded == OPERATIONS


def test_only_what_no_document_is_about_goes_unchecked(findings: Findings) -> None:
    assert set(findings.without_specification) == {"microsoft.network"}


@pytest.mark.parametrize("entry", TOLERATED, ids=lambda entry: f"{entry.side}-{entry.operation}-{entry.code}")
def test_what_is_tolerated_does_occur(findings: Findings, entry: Any) -> None:
    assert findings.tolerated[entry]


# --- a check that could not fail would be worth nothing ------------------------------------------------------------

Spoil = Callable[[Any], Any]


def _without(name: str) -> Spoil:
    def spoil(body: Any) -> Any:
        del body[name]
        return body

    return spoil


def _with(place: str, value: Any) -> Spoil:
    *path, last = place.split(".")

    def spoil(body: Any) -> Any:
        inner = body
        for name in path:
            inner = inner[name]
        inner[last] = value
        return body

    return spoil


# Method, path and status of a good answer; how its body or status is spoilt; as what that is found.
SPOILT: list[tuple[str, str, int, Spoil | int, str]] = [
    ("GET", "/resourceGroups/[^/]+", 200, _without("location"), "OBJECT_MISSING_REQUIRED_PROPERTY"),
    ("GET", "/resourceGroups/[^/]+", 200, _with("surprise", 1), "OBJECT_ADDITIONAL_PROPERTIES"),
    ("GET", ".*/userAssignedIdentities/ID1", 200, _with("properties.clientId", "x"), "INVALID_FORMAT"),
    ("GET", ".*/userAssignedIdentities/ID1", 200, _with("tags", []), "INVALID_TYPE"),
    ("PUT", ".*/userAssignedIdentities/ID1", 201, _without("id"), "MISSING_RESOURCE_ID"),
    ("PUT", ".*/userAssignedIdentities/ID1", 201, 206, "INVALID_RESPONSE_CODE"),
    ("GET", ".*/userAssignedIdentities/ID1", 404, lambda body: {"error": "not here"}, "ERROR_SHAPE"),
    ("PUT", ".*/roleAssignments/[^/]+", 201, _with("properties.principalType", 3), "INVALID_TYPE"),
    ("PATCH", ".*/virtualMachines/windows", 200, _with("identity.type", "Borrowed"), "ENUM_MISMATCH"),
    ("GET", ".*/virtualMachines/windows", 200, _with("properties.osProfile.adminPassword", "x"), "SECRET_PROPERTY"),
    ("GET", ".*/virtualMachines/windows/instanceView", 200, _with("statuses", {}), "INVALID_TYPE"),
    ("GET", "/metadata/instance", 200, _with("compute.vmId", 5), "INVALID_TYPE"),
]


def good(exchanges: list[Exchange]) -> list[Exchange]:
    return [_answer(exchanges, method, path, status) for method, path, status, *_ in SPOILT]


def spoilt(exchanges: list[Exchange]) -> list[Exchange]:
    return [
        replace(each, status=how) if isinstance(how, int) else replace(each, body=how(copy.deepcopy(each.body)))
        for each, (*_, how, _) in zip(good(exchanges), SPOILT, strict=True)
    ]


def codes_in(verdict: Verdict) -> set[str]:
    """As what an answer is found to disagree."""
    return {disagreement.code for disagreement in verdict.disagreements if disagreement.side == "response"}


def _answer(exchanges: list[Exchange], method: str, path: str, status: int) -> Exchange:
    at = re.compile(r"(/subscriptions/[^/]+)?" + path)
    return next(
        each
        for each in exchanges
        if (each.method, each.status) == (method, status) and at.fullmatch(each.path) and "format=text" not in each.url
    )


@pytest.mark.parametrize("number", range(len(SPOILT)), ids=lambda number: f"{SPOILT[number][1]}-{SPOILT[number][-1]}")
def test_a_spoilt_answer_is_found(exchanges: list[Exchange], said: list[Verdict], number: int) -> None:
    assert not codes_in(said[exchanges.index(good(exchanges)[number])])
    assert SPOILT[number][-1] in codes_in(said[len(exchanges) + number])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_with("properties.storageProfile.osDisk.colour", "red"), "OBJECT_ADDITIONAL_PROPERTIES"),
        (_with("properties.osProfile.adminPassword", 5), "INVALID_TYPE"),
        (_with("properties.storageProfile.osDisk.osType", "Plan9"), "ENUM_MISMATCH"),
        (_without("location"), "OBJECT_MISSING_REQUIRED_PROPERTY"),
    ],
)
def test_a_machine_that_is_none_in_bicep_is_found(
    exchanges: list[Exchange], oav_package: Path, spoil: Callable[[Any], Any], code: str
) -> None:
    version = bicep.RESOURCE.partition("@")[2]
    at_that_version = [each for each in exchanges if each.api_version == version]
    machine = _answer(at_that_version, "GET", ".*/virtualMachines/windows", 200)
    assert not list(bicep.check(machine, DOCUMENTS))
    spoilt = replace(machine, body=spoil(copy.deepcopy(machine.body)))
    assert code in {disagreement.code for disagreement in bicep.check(spoilt, DOCUMENTS)}


# --- the recorder --------------------------------------------------------------------------------------------------


def test_no_token_and_no_secret_is_recorded(exchanges: list[Exchange]) -> None:
    recorded = json.dumps([(each.request_headers, each.request_body, each.headers, each.body) for each in exchanges])
    assert "Not-a-secret-1" not in recorded
    assert not re.search(r"eyJ[\w-]+\.eyJ", recorded)  # how each token begins
    assert '"access_token": "left out"' in recorded


def test_of_exchanges_that_differ_in_their_ids_alone_one_is_recorded(tmp_path: Path, keys: Path) -> None:
    folder = tmp_path / "traffic"
    folder.mkdir()
    end = traffic.record(folder)
    try:
        with running_sandbox(tmp_path / "sandbox", keys_from=keys) as sandbox:
            group = sandbox.seed_data.group("myResourceGroupVM")
            for version in ("2022-09-01", "2022-09-01", "2024-07-01"):
                sandbox.arm("GET", group, version=version)
            for tags in ({"a": "1"}, {"a": "1"}, {"a": "2"}):
                sandbox.arm("PATCH", group, {"tags": tags}, version="2024-07-01")
            sandbox.arm("GET", group, version="2022-09-01")
    finally:
        end()
    assert [(each.method, each.api_version, each.body.get("tags")) for each in traffic.read(folder)] == [
        ("GET", "2022-09-01", None),
        ("GET", "2024-07-01", None),
        ("PATCH", "2024-07-01", {"a": "1"}),
        ("PATCH", "2024-07-01", {"a": "2"}),
        ("GET", "2022-09-01", {"a": "2"}),
    ]


@pytest.fixture
def background_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, Any], Path]]:
    """A sandbox in a process of its own that is told to record; where it listens, and the folder."""
    folder, data = tmp_path / "traffic", tmp_path / "sandbox"
    folder.mkdir()
    for name, value in traffic.environment(folder).items():
        monkeypatch.setenv(name, value)
    sandbox_command("--data", str(data), "start").check_returncode()
    runtime = json.loads((data / "runtime.json").read_text())
    yield runtime, folder
    os.kill(runtime["pid"], signal.SIGTERM)


def test_a_sandbox_that_a_test_starts_is_recorded_too(background_sandbox: tuple[dict[str, Any], Path]) -> None:
    runtime, folder = background_sandbox
    with requests.Session() as session:
        session.trust_env = False
        session.get(next(f"http://127.0.0.1:{port}" for port in runtime["metadata"].values()) + "/metadata/instance")
    assert [(each.path, each.status) for each in traffic.read(folder)] == [("/metadata/instance", 400)]
