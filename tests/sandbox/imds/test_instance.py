"""What a machine is told about itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sandbox.imds.instance import describe_compute
from sandbox.imds.service import API_VERSIONS
from sandbox.state.store import Resource
from tests.sandbox.imds.machine import Machine

INSTANCE = "/metadata/instance"
NEWEST = API_VERSIONS[-1]
SPECIFICATIONS = (
    Path(__file__).parents[4] / "shared/azure/specs/imds/data-plane/Microsoft.InstanceMetadataService/stable"
)


def get(machine: Machine, path: str = "", version: str = NEWEST, **query: str) -> Any:
    answer = machine.get(INSTANCE + path, **{"api-version": version}, **query)
    assert answer.status_code == 200, answer.text
    return answer.json() if query.get("format", "json").lower() != "text" else answer.text


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with its path."""
    if isinstance(document, dict | list):
        for name, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from leaves(value, f"{path}/{name}")
    else:
        yield path, document


def resource(machine: Machine) -> Resource:
    found = machine.cloud.store.get(machine.id)
    assert found is not None
    return found


# --- compute -----------------------------------------------------------------------------------------------------


def test_compute_is_the_machines_resource(machine: Machine) -> None:
    machine.patch({"tags": {"Department": "IT", "Environment": "Test"}})
    compute, shown = get(machine)["compute"], resource(machine)
    image = shown.properties["storageProfile"]["imageReference"]
    disk = shown.properties["storageProfile"]["osDisk"]
    expected = {
        "azEnvironment": "AzurePublicCloud",
        "location": "eastus",
        "name": "myVM",
        "offer": image["offer"],
        "osType": "Windows",
        "provider": "Microsoft.Compute",
        "publisher": image["publisher"],
        "resourceGroupName": "myResourceGroupVM",
        "resourceId": machine.id,
        "sku": image["sku"],
        "subscriptionId": machine.cloud.seed_data.subscription_id,
        "tags": "Department:IT;Environment:Test",
        "tagsList": [{"name": "Department", "value": "IT"}, {"name": "Environment", "value": "Test"}],
        "version": image["exactVersion"],
        "vmId": shown.properties["vmId"],
        "vmSize": shown.properties["hardwareProfile"]["vmSize"],
        "zone": "",
    }
    assert {name: compute[name] for name in expected} == expected
    assert compute["osProfile"] == {
        "adminUsername": shown.properties["osProfile"]["adminUsername"],
        "computerName": "myVM",
        "disablePasswordAuthentication": "",
    }
    assert compute["storageProfile"]["osDisk"]["managedDisk"] == disk["managedDisk"]
    assert compute["storageProfile"]["osDisk"]["diskSizeGB"] == str(disk["diskSizeGB"])


def test_a_linux_machine_is_told_its_keys_disks_and_zone(machine: Machine) -> None:
    linux = resource(machine)
    properties = linux.properties
    key = {"path": "/home/azureuser/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"}
    properties["osProfile"] = {
        "computerName": "myVM",
        "adminUsername": "azureuser",
        "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}},
    }
    properties["storageProfile"]["osDisk"]["osType"] = "Linux"
    properties["storageProfile"]["dataDisks"] = [
        {"lun": 3, "name": "data", "createOption": "Empty", "caching": "None", "diskSizeGB": 64}
    ]
    properties["securityProfile"] = {"securityType": "TrustedLaunch", "uefiSettings": {"secureBootEnabled": True}}
    properties["priority"] = "Spot"
    linux.body["zones"] = ["2"]
    linux.body["plan"] = {"name": "basic", "publisher": "contoso", "product": "appliance"}
    machine.desk.do(lambda: machine.cloud.store.put(linux))
    compute = get(machine)["compute"]
    assert (compute["osType"], compute["zone"], compute["priority"]) == ("Linux", "2", "Spot")
    assert compute["osProfile"]["disablePasswordAuthentication"] == "true"
    assert compute["publicKeys"] == [key]
    assert compute["plan"] == linux.body["plan"]
    (disk,) = compute["storageProfile"]["dataDisks"]
    assert (disk["lun"], disk["name"], disk["diskSizeGB"]) == ("3", "data", "64")
    assert compute["securityProfile"] == {
        "encryptionAtHost": "false",
        "secureBootEnabled": "true",
        "securityType": "TrustedLaunch",
        "virtualTpmEnabled": "false",
    }


def test_what_changes_is_told_at_once(machine: Machine) -> None:
    assert get(machine)["compute"]["tags"] == ""
    machine.patch({"tags": {"a": "b"}})
    assert get(machine)["compute"]["tags"] == "a:b"


@pytest.mark.parametrize(
    ("path", "since"),
    [
        ("vmId", "2017-03-01"),
        ("subscriptionId", "2017-08-01"),
        ("zone", "2017-12-01"),
        ("azEnvironment", "2018-10-01"),
        ("resourceId", "2019-03-11"),
        ("storageProfile", "2019-06-01"),
        ("tagsList", "2019-06-04"),
        ("osProfile/computerName", "2020-07-15"),
        ("osProfile/disablePasswordAuthentication", "2020-10-01"),
        ("securityProfile/encryptionAtHost", "2021-11-01"),
        ("securityProfile/securityType", "2021-12-13"),
    ],
)
def test_older_versions_have_less(machine: Machine, path: str, since: str) -> None:
    for version in API_VERSIONS:
        query = {"api-version": version, "format": "text"}
        assert machine.get(f"{INSTANCE}/compute/{path}", **query).status_code == (200 if version >= since else 404)


def test_newer_versions_only_add(machine: Machine) -> None:
    documents = [dict(leaves(describe_compute(resource(machine), version))) for version in API_VERSIONS]
    for older, newer in pairwise(documents):
        assert older.items() <= newer.items()
    assert documents[0].keys() < documents[-1].keys()


def test_every_value_is_a_string(machine: Machine) -> None:
    machine.patch({"tags": {"a": "b"}})
    assert {type(value) for _, value in leaves(get(machine))} == {str}


# --- network -----------------------------------------------------------------------------------------------------


def test_the_network_is_that_of_the_interface(machine: Machine) -> None:
    (reference,) = resource(machine).properties["networkProfile"]["networkInterfaces"]
    interface = machine.cloud.store.get(reference["id"])
    assert interface is not None
    (configuration,) = interface.properties["ipConfigurations"]
    address = configuration["properties"]["privateIPAddress"]
    assert get(machine)["network"] == {
        "interface": [
            {
                "ipv4": {
                    "ipAddress": [{"privateIpAddress": address, "publicIpAddress": ""}],
                    "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
                },
                "ipv6": {"ipAddress": []},
                "macAddress": interface.properties["macAddress"].replace("-", ""),
            }
        ]
    }
    assert get(machine, "/network/interface/0/ipv4/ipAddress/0/privateIpAddress", format="text") == address


def test_a_public_address_is_told(machine: Machine) -> None:
    (reference,) = resource(machine).properties["networkProfile"]["networkInterfaces"]
    path = f"{machine.desk.group}/providers/Microsoft.Network/publicIPAddresses/myVMIP"
    made = machine.desk.ask("PUT", path, {"location": "eastus"}, version="2024-05-01")
    assert made.status == 201, made.body
    interface = machine.cloud.store.get(reference["id"])
    assert interface is not None
    interface.properties["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": path}
    machine.desk.do(lambda: machine.cloud.store.put(interface))
    (shown,) = get(machine, "/network/interface/0/ipv4")["ipAddress"]
    assert shown["publicIpAddress"] == made.body["properties"]["ipAddress"]


# --- parts of the document ---------------------------------------------------------------------------------------


def test_every_part_can_be_asked_for(machine: Machine) -> None:
    def check(part: Any, path: str) -> None:
        if isinstance(part, str):
            assert get(machine, path, format="text") == part
            assert machine.get(INSTANCE + path, **{"api-version": NEWEST}).status_code == 400
            return
        assert get(machine, path) == part
        inside = dict(part) if isinstance(part, dict) else dict(enumerate(part))
        listed = get(machine, path, format="text").split("\n") if inside else []
        assert listed == [f"{name}" if isinstance(value, str) else f"{name}/" for name, value in inside.items()]
        for name, value in inside.items():
            check(value, f"{path}/{name}")

    machine.patch({"tags": {"a": "b"}})
    check(get(machine), "")


def test_a_value_is_plain_text(machine: Machine) -> None:
    answer = machine.get(f"{INSTANCE}/compute/name", **{"api-version": NEWEST, "format": "text"})
    assert (answer.text, answer.headers["Content-Type"]) == ("myVM", "text/plain; charset=utf-8")


def test_a_value_is_no_json(machine: Machine) -> None:
    for query in ({}, {"format": "json"}):
        answer = machine.get(f"{INSTANCE}/compute/name", **{"api-version": NEWEST}, **query)
        assert answer.status_code == 400
        assert "format=text" in answer.json()["error"]


@pytest.mark.parametrize("format_", ["xml", "TEXT ", "json,text"])
def test_there_are_two_formats(machine: Machine, format_: str) -> None:
    assert machine.get(INSTANCE, **{"api-version": NEWEST, "format": format_}).status_code == 400


def test_the_case_of_names_does_not_matter(machine: Machine) -> None:
    assert get(machine, "/Compute/VMID", format="TEXT") == resource(machine).properties["vmId"]


@pytest.mark.parametrize(
    "path",
    [
        "/computer",
        "/compute/nothing",
        "/compute/name/x",
        "/compute//name",
        "/network/interface/1",
        "/network/interface/-1",
        "/network/interface/x",
        "/network/interface/²",
        pytest.param(f"/network/interface/{'9' * 5000}", id="/network/interface/999"),
        "/compute/0",
    ],
)
@pytest.mark.parametrize("format_", ["json", "text"])
def test_a_part_that_is_not_there(machine: Machine, path: str, format_: str) -> None:
    answer = machine.get(INSTANCE + path, **{"api-version": NEWEST, "format": format_})
    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


# --- the specification -------------------------------------------------------------------------------------------


def mistakes(value: Any, schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    """What the specification does not know in ``value``, or knows as another type."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    expected: type = {"object": dict, "array": list, "string": str}[schema["type"]]
    if not isinstance(value, expected):
        yield f"{path} is no {schema['type']}"
    elif isinstance(value, dict):
        for name, part in value.items():
            if name in schema["properties"]:
                yield from mistakes(part, schema["properties"][name], definitions, f"{path}/{name}")
            else:
                yield f"{path}/{name} is not known"
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from mistakes(part, schema["items"], definitions, f"{path}/{number}")


@pytest.mark.parametrize("version", ["2018-02-01", "2021-02-01", "2023-07-01"])
def test_the_document_is_as_specified(machine: Machine, version: str) -> None:
    file = SPECIFICATIONS / version / "imds.json"
    if not file.exists():
        pytest.skip("the published specifications are not beside the repository")
    definitions = json.loads(file.read_text(encoding="utf-8"))["definitions"]
    machine.patch({"tags": {"a": "b"}})
    document = get(machine, version=version)
    assert list(mistakes(document, definitions["Instance"], definitions, "")) == []
    missing = definitions["Compute"]["properties"].keys() - document["compute"].keys()
    # Of dedicated hosts the sandbox has none, and it does not keep user data.
    assert missing <= {"host", "hostGroup", "userData"}
