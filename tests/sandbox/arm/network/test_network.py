"""Virtual networks, subnets, network interfaces, public addresses and security groups."""

import ipaddress
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm.network.provider import INTERFACE
from sandbox.core.http import Answer
from tests.support.desk import Desk, code, message

NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


class Network:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.base = f"{desk.group}/providers/Microsoft.Network"
        self.vnet = f"{self.base}/virtualNetworks/vnet"
        self.subnet = f"{self.vnet}/subnets/default"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        return self.desk.ask(method, path, body, **{"version": "2024-05-01", **options})

    def put(self, path: str, properties: Any = None, **body: Any) -> Answer:
        return self.ask("PUT", path, {"location": "eastus", "properties": properties or {}, **body})

    def put_vnet(self, *prefixes: str, space: str = "10.0.0.0/16") -> Answer:
        names = ["default", *(f"subnet{number}" for number in range(1, len(prefixes)))]
        subnets = [
            {"name": name, "properties": {"addressPrefix": prefix}}
            for name, prefix in zip(names, prefixes, strict=False)
        ]
        return self.put(self.vnet, {"addressSpace": {"addressPrefixes": [space]}, "subnets": subnets})

    def put_nic(self, name: str = "nic", subnet: str | None = None, **properties: Any) -> Answer:
        configuration = {
            "name": "ipconfig1",
            "properties": {"subnet": {"id": subnet or self.subnet}, **properties},
        }
        return self.put(self.nic(name), {"ipConfigurations": [configuration]})

    def nic(self, name: str = "nic") -> str:
        return f"{self.base}/networkInterfaces/{name}"


@pytest.fixture
def network(desk: Desk) -> Network:
    found = Network(desk)
    found.put_vnet("10.0.0.0/24")
    return found


def address(answer: Answer) -> str:
    return str(answer.body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"])


# --- virtual networks ----------------------------------------------------------------------------------------------


def test_a_network_is_made_read_and_changed(desk: Desk) -> None:
    network = Network(desk)
    made = network.put_vnet("10.0.0.0/24")
    assert (made.status, made.body["properties"]["provisioningState"]) == (201, "Updating")
    followed = network.ask("GET", made.headers["Azure-AsyncOperation"])
    assert (followed.status, followed.body) == (200, {"status": "Succeeded"})
    read = network.ask("GET", network.vnet)
    body = read.body
    assert re.fullmatch(r'W/"[0-9a-f-]{36}"', body["etag"])
    assert read.headers["ETag"] == body["etag"]
    assert body["properties"]["provisioningState"] == "Succeeded"
    (subnet,) = body["properties"]["subnets"]
    assert subnet["id"] == network.subnet
    assert network.ask("GET", network.subnet).body == subnet
    again = network.put(network.vnet, {"addressSpace": {"addressPrefixes": ["10.0.0.0/15"]}}, tags={"a": "b"})
    assert (again.status, again.body["tags"]) == (200, {"a": "b"})
    assert again.body["etag"] != body["etag"]
    assert again.body["properties"]["resourceGuid"] == body["properties"]["resourceGuid"]
    assert len(again.body["properties"]["subnets"]) == 1


def test_the_subnets_given_are_all_there_are(network: Network) -> None:
    network.put_vnet("10.0.0.0/24", "10.0.1.0/24")
    listed = network.ask("GET", f"{network.vnet}/subnets").body["value"]
    assert [subnet["name"] for subnet in listed] == ["default", "subnet1"]
    network.put_vnet("10.0.0.0/24")
    assert network.ask("GET", f"{network.vnet}/subnets/subnet1").status == 404


def test_a_subnet_of_its_own(network: Network) -> None:
    path = f"{network.vnet}/subnets/other"
    made = network.ask("PUT", path, {"properties": {"addressPrefix": "10.0.9.0/24"}})
    assert (made.status, made.body["name"]) == (201, "other")
    assert network.ask("PUT", path, {"properties": {"addressPrefixes": ["10.0.8.0/24"]}}).status == 200
    assert network.ask("GET", path).body["properties"]["addressPrefix"] == "10.0.8.0/24"
    assert network.ask("DELETE", path).status == 202
    assert network.ask("DELETE", path).status == 204
    nowhere = network.vnet.replace("vnet", "nowhere") + "/subnets/other"
    assert code(network.ask("PUT", nowhere, {})) == "ParentResourceNotFound"


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        (("10.1.0.0/24",), "NetcfgInvalidSubnet"),
        (("10.0.0.0/24", "10.0.0.128/25"), "NetcfgSubnetRangesOverlap"),
        (("10.0.0.1/24",), "InvalidAddressPrefixFormat"),
        (("fd00::/64",), "NetcfgInvalidSubnet"),
        (("everything",), "InvalidAddressPrefixFormat"),
    ],
)
def test_ranges_that_do_not_fit(network: Network, prefixes: tuple[str, ...], expected: str) -> None:
    before = network.ask("GET", network.vnet).body
    answer = network.put_vnet(*prefixes)
    assert (answer.status, code(answer)) == (400, expected)
    assert network.ask("GET", network.vnet).body == before


def test_a_network_needs_an_address_space(network: Network) -> None:
    assert network.put(f"{network.base}/virtualNetworks/other").status == 400


def test_what_is_in_use_stays(network: Network) -> None:
    nic = network.put_nic().body
    configuration = nic["properties"]["ipConfigurations"][0]["id"]
    for answer in (
        network.ask("DELETE", network.vnet),
        network.ask("DELETE", network.subnet),
        network.put_vnet(),
    ):
        assert (answer.status, code(answer)) == (400, "InUseSubnetCannotBeDeleted")
        assert f"is in use by {configuration} and cannot be deleted" in message(answer)
    assert code(network.put_vnet("10.0.7.0/24")) == "InUsePrefixCannotBeDeleted"
    shown = network.ask("GET", network.subnet).body["properties"]
    assert shown["ipConfigurations"] == [{"id": configuration}]
    network.ask("DELETE", network.nic())
    deleted = network.ask("DELETE", network.vnet)
    assert deleted.status == 202
    assert network.ask("GET", deleted.headers["Location"]).status == 204
    assert network.ask("GET", network.vnet).status == 404
    assert network.ask("DELETE", network.vnet).status == 204


@pytest.mark.parametrize("name", ["-net", "net-", "net.", "x" * 81, "n et"])
def test_bad_names_are_refused(network: Network, name: str) -> None:
    answer = network.put(
        f"{network.base}/virtualNetworks/{name}", {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}
    )
    assert (answer.status, code(answer)) == (400, "InvalidResourceName")


def test_writes_take_a_moment_with_realistic_timing(slow_desk: Desk) -> None:
    network = Network(slow_desk)
    made = network.put_vnet("10.0.0.0/24")
    assert made.headers["Retry-After"] == "3"
    link = made.headers["Azure-AsyncOperation"]
    assert network.ask("GET", link).body == {"status": "InProgress"}
    assert network.ask("GET", network.vnet).body["properties"]["provisioningState"] == "Updating"
    slow_desk.clock.advance(3)
    assert network.ask("GET", link).body == {"status": "Succeeded"}
    assert network.ask("GET", network.vnet).body["properties"]["provisioningState"] == "Succeeded"
    deleted = network.ask("DELETE", network.vnet)
    location = deleted.headers["Location"]
    waiting = network.ask("GET", location)
    assert (waiting.status, waiting.headers["Location"]) == (202, location)
    assert network.ask("GET", network.vnet).body["properties"]["provisioningState"] == "Deleting"
    slow_desk.clock.advance(3)
    assert network.ask("GET", location).status == 204
    assert network.ask("GET", network.vnet).status == 404


@pytest.mark.parametrize(
    ("kind", "collection", "child", "change"),
    [
        ("virtualNetworks", "subnets", {"addressPrefix": "10.0.0.0/24"}, {"addressPrefix": "10.0.1.0/24"}),
        ("networkSecurityGroups", "securityRules", {"priority": 100}, {"priority": 101}),
    ],
)
def test_what_is_newly_written_within_another_is_updating(
    slow_desk: Desk, kind: str, collection: str, child: Any, change: Any
) -> None:
    network = Network(slow_desk)
    path = f"{network.base}/{kind}/x"
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}} if kind == "virtualNetworks" else {}

    def put(**children: Any) -> Answer:
        entries = [{"name": name, "properties": properties} for name, properties in children.items()]
        return network.put(path, {**space, collection: entries})

    def states(answer: Answer) -> dict[str, str]:
        return {each["name"]: each["properties"]["provisioningState"] for each in answer.body["properties"][collection]}

    assert states(put(a=child)) == states(network.ask("GET", path)) == {"a": "Updating"}
    alone = network.ask("GET", f"{path}/{collection}/a").body
    assert alone["properties"]["provisioningState"] == "Updating"
    slow_desk.clock.advance(3)
    assert states(network.ask("GET", path)) == {"a": "Succeeded"}
    assert states(put(a=child, b=change)) == {"a": "Succeeded", "b": "Updating"}
    slow_desk.clock.advance(3)
    made = network.ask("PUT", f"{path}/{collection}/b", {"properties": change})
    assert (made.status, made.body["properties"]["provisioningState"]) == (200, "Updating")
    assert states(network.ask("GET", path)) == {"a": "Succeeded", "b": "Updating"}
    slow_desk.clock.advance(3)
    assert states(network.ask("GET", path)) == {"a": "Succeeded", "b": "Succeeded"}


@pytest.mark.parametrize("path", ["virtualNetworks/v", "networkSecurityGroups/g"])
def test_a_name_is_there_once(network: Network, path: str) -> None:
    entries = [{"name": each, "properties": {"addressPrefix": "10.0.0.0/24"}} for each in ("one", "ONE")]
    properties: dict[str, Any] = {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}, "subnets": entries}
    if "Groups" in path:
        properties = {"securityRules": [{"name": entry["name"]} for entry in entries]}
    answer = network.put(f"{network.base}/{path}", properties)
    assert (answer.status, code(answer)) == (400, "InvalidRequestFormat")


# --- interfaces ----------------------------------------------------------------------------------------------------


def test_addresses_come_from_the_subnets_range_in_turn(network: Network) -> None:
    assert address(network.put_nic("nic-a")) == "10.0.0.4"
    assert address(network.put_nic("nic-b")) == "10.0.0.5"
    assert address(network.put_nic("nic-a")) == "10.0.0.4"
    network.ask("DELETE", network.nic("nic-a"))
    assert address(network.put_nic("nic-c")) == "10.0.0.4"


def test_a_static_address(network: Network) -> None:
    static = {"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.77"}
    assert address(network.put_nic(**static)) == "10.0.0.77"
    assert address(network.put_nic(**static)) == "10.0.0.77"
    taken = network.put_nic("other", **static)
    assert (taken.status, code(taken)) == (400, "PrivateIPAddressIsAllocated")
    for wrong, expected in (
        ("10.9.0.4", "PrivateIPAddressNotInSubnet"),
        ("10.0.0.1", "PrivateIPAddressInReservedRange"),
        ("10.0.0.255", "PrivateIPAddressInReservedRange"),
        ("nonsense", "InvalidIPAddressFormat"),
    ):
        assert code(network.put_nic("other", **{**static, "privateIPAddress": wrong})) == expected


def test_a_subnet_can_be_full(network: Network) -> None:
    network.put_vnet("10.0.0.0/29")
    addresses = [address(network.put_nic(f"nic{number}")) for number in range(3)]
    assert addresses == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    full = network.put_nic("one-too-many")
    assert (full.status, code(full)) == (400, "SubnetIsFull")


def test_two_configurations_get_two_addresses(network: Network) -> None:
    entries = [{"name": name, "properties": {"subnet": {"id": network.subnet}}} for name in ("one", "two")]
    body = network.put(network.nic(), {"ipConfigurations": entries}).body
    found = [entry["properties"] for entry in body["properties"]["ipConfigurations"]]
    assert [entry["privateIPAddress"] for entry in found] == ["10.0.0.4", "10.0.0.5"]
    assert [entry["primary"] for entry in found] == [True, False]


def test_a_subnet_that_is_not_there_or_elsewhere(network: Network) -> None:
    missing = f"{network.vnet}/subnets/nowhere"
    answer = network.put_nic(subnet=missing)
    assert (answer.status, code(answer)) == (400, "InvalidResourceReference")
    assert message(answer).startswith(f"Resource {missing} referenced by resource {network.nic()} was not found.")
    elsewhere = network.put(
        network.nic(),
        {"ipConfigurations": [{"name": "a", "properties": {"subnet": {"id": network.subnet}}}]},
        location="westus",
    )
    assert code(elsewhere) == "InvalidResourceReference"


def test_joining_a_subnet_is_a_right_of_its_own(network: Network) -> None:
    desk = network.desk
    caller = desk.caller("network contributor")
    desk.grant(caller, NETWORK_CONTRIBUTOR, network.nic())
    body = {
        "location": "eastus",
        "properties": {"ipConfigurations": [{"name": "a", "properties": {"subnet": {"id": network.subnet}}}]},
    }
    refused = network.ask("PUT", network.nic(), body, caller=caller)
    assert (refused.status, code(refused)) == (403, "LinkedAuthorizationFailed")
    assert "'Microsoft.Network/virtualNetworks/subnets/join/action'" in message(refused)
    desk.grant(caller, NETWORK_CONTRIBUTOR, network.subnet)
    assert network.ask("PUT", network.nic(), body, caller=caller).status == 201


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"ipConfigurations": []},
        {"ipConfigurations": [{"name": "a"}]},
        {"ipConfigurations": [{"name": "a", "properties": {"subnet": {}}}]},
        {"ipConfigurations": [{"name": "a", "properties": {"subnet": {"id": "no id"}}}]},
        {"ipConfigurations": {"name": "a"}},
    ],
)
def test_bad_configurations_are_refused(network: Network, properties: Any) -> None:
    assert network.put(network.nic(), properties).status == 400
    assert network.ask("GET", network.nic()).status == 404


# --- what goes with them -------------------------------------------------------------------------------------------


def test_a_public_address(network: Network) -> None:
    path = f"{network.base}/publicIPAddresses/ip"
    made = network.put(path)
    assert made.status == 201
    assert made.body["sku"] == {"name": "Standard", "tier": "Regional"}
    shown = ipaddress.ip_address(made.body["properties"]["ipAddress"])
    assert shown in ipaddress.ip_network("203.0.113.0/24")
    assert network.put(path).body["properties"]["ipAddress"] == str(shown)
    other = network.put(f"{network.base}/publicIPAddresses/other").body["properties"]["ipAddress"]
    assert other != str(shown)
    nic = network.put_nic(publicIPAddress={"id": path})
    configuration = nic.body["properties"]["ipConfigurations"][0]
    assert configuration["properties"]["publicIPAddress"] == {"id": path}
    assert network.put_nic(publicIPAddress={"id": path}).status == 200
    assert code(network.put_nic("nic2", publicIPAddress={"id": path})) == "PublicIPAddressInUse"
    refused = network.ask("DELETE", path)
    assert (refused.status, code(refused)) == (400, "PublicIPAddressCannotBeDeleted")
    network.ask("DELETE", network.nic())
    assert network.ask("DELETE", path).status == 202
    assert network.ask("DELETE", path).status == 204


def test_a_security_group(network: Network) -> None:
    path = f"{network.base}/networkSecurityGroups/nsg"
    allow = {"protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": 1000}
    made = network.put(path, {"securityRules": [{"name": "rdp", "properties": allow}]})
    assert made.status == 201
    (shown,) = made.body["properties"]["securityRules"]
    assert shown["id"] == f"{path}/securityRules/rdp"
    assert shown["properties"] == {**allow, "provisioningState": "Updating"}
    (shown,) = network.ask("GET", path).body["properties"]["securityRules"]
    assert shown["properties"] == {**allow, "provisioningState": "Succeeded"}
    for wrong in ({"priority": 1}, {"access": "Maybe"}, {"direction": 1}):
        assert network.put(path, {"securityRules": [{"name": "rdp", "properties": wrong}]}).status == 400
    subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": {"id": path}}
    assert network.ask("PUT", network.subnet, {"properties": subnet}).status == 200
    refused = network.ask("DELETE", path)
    assert (refused.status, code(refused)) == (400, "InUseNetworkSecurityGroupCannotBeDeleted")
    assert network.subnet in message(refused)
    network.ask("DELETE", network.subnet)
    assert network.ask("DELETE", path).status == 202


@pytest.mark.parametrize("kind", ["virtualNetworks", "networkInterfaces", "publicIPAddresses", "networkSecurityGroups"])
def test_lists_show_what_the_caller_may_read(network: Network, kind: str) -> None:
    desk = network.desk
    for name in ("one", "two"):
        if kind == "networkInterfaces":
            network.put_nic(name)
        else:
            space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}} if kind == "virtualNetworks" else {}
            network.put(f"{network.base}/{kind}/{name}", space)
    reader = desk.caller("reader")
    desk.grant(reader, READER, f"{network.base}/{kind}/two")
    for scope in (desk.group, desk.subscription):
        path = f"{scope}/providers/Microsoft.Network/{kind}"
        names = {found["name"] for found in network.ask("GET", path).body["value"]}
        assert {"one", "two"} <= names
        seen = network.ask("GET", path, caller=reader).body["value"]
        assert [found["name"] for found in seen] == ["two"]
        assert network.ask("GET", path, caller=desk.caller("nobody")).status == 403


def test_what_an_address_says_is_kept(network: Network) -> None:
    path = f"{network.base}/publicIPAddresses/ip"
    given = {"dnsSettings": {"domainNameLabel": "lab"}, "ddosSettings": {"protectionMode": "Enabled"}}
    assert network.put(path, given, zones=["1", "2"], sku={"Name": "standard"}).status == 201
    body = network.ask("GET", path).body
    assert body["zones"] == ["1", "2"]
    assert body["sku"]["name"] == "Standard"
    shown = body["properties"]
    assert shown["dnsSettings"] == {"domainNameLabel": "lab", "fqdn": "lab.eastus.cloudapp.azure.com"}
    assert shown["ddosSettings"] == {"protectionMode": "Enabled"}
    assert code(network.put(path, given, zones=["3"])) == "ResourceAvailabilityZonesCannotBeModified"
    assert network.put(path, given).status == 200
    assert network.ask("GET", path).body["zones"] == ["1", "2"]


def test_an_address_of_version_6(network: Network) -> None:
    path = f"{network.base}/publicIPAddresses/ip"
    shown = network.put(path, {"publicIPAddressVersion": "ipv6"}).body["properties"]
    assert shown["publicIPAddressVersion"] == "IPv6"
    assert ipaddress.ip_address(shown["ipAddress"]) in ipaddress.ip_network("2001:db8::/32")
    assert network.put(path, {"publicIPAddressVersion": "IPv4"}).status == 409


def test_a_dynamic_address_is_there_once_something_has_it(network: Network) -> None:
    path = f"{network.base}/publicIPAddresses/ip"
    made = network.put(path, {"publicIPAllocationMethod": "Dynamic"}, sku={"name": "Basic"})
    assert "ipAddress" not in made.body["properties"]
    nic = network.put_nic(publicIPAddress={"id": path}).body
    shown = network.ask("GET", path).body["properties"]
    assert shown["ipConfiguration"] == {"id": nic["properties"]["ipConfigurations"][0]["id"]}
    assert shown["ipAddress"]


def test_what_a_network_says_is_kept(network: Network) -> None:
    given = {
        "addressSpace": {"addressPrefixes": ["10.0.0.1/16"]},
        "flowTimeoutInMinutes": "10",
        "encryption": {"enabled": True, "enforcement": "AllowUnencrypted"},
        "bgpCommunities": {"virtualNetworkCommunity": "12076:20000"},
        "virtualNetworkPeerings": [],
    }
    path = f"{network.base}/virtualNetworks/other"
    assert network.put(path, given).status == 201
    shown = network.ask("GET", path).body["properties"]
    assert {name: shown[name] for name in given} == {**given, "flowTimeoutInMinutes": 10}


def test_what_a_subnet_says_is_kept(network: Network) -> None:
    given = {
        "defaultOutboundAccess": False,
        "sharingScope": "Tenant",
        "serviceEndpoints": [{"service": "Microsoft.Storage"}],
        "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.Web/serverFarms"}}],
    }
    made = network.ask("PUT", network.subnet, {"properties": given})
    assert made.status == 200  # its prefix stays
    shown = network.ask("GET", network.subnet).body["properties"]
    assert shown["addressPrefix"] == "10.0.0.0/24"
    assert (shown["defaultOutboundAccess"], shown["sharingScope"]) == (False, "Tenant")
    assert shown["serviceEndpoints"][0]["service"] == "Microsoft.Storage"
    assert shown["delegations"] == given["delegations"]


def test_a_subnet_of_both_versions(network: Network) -> None:
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16", "fd00::/48"]}}
    network.put(network.vnet, space)
    both = ["10.0.0.0/24", "fd00::/64"]
    assert network.ask("PUT", network.subnet, {"properties": {"addressPrefixes": both}}).status == 200
    assert network.ask("GET", network.subnet).body["properties"]["addressPrefixes"] == both
    version_6 = {"privateIPAddressVersion": "IPv6"}
    entries = [
        {"name": "four", "properties": {"subnet": {"id": network.subnet}}},
        {"name": "six", "properties": {"subnet": {"id": network.subnet}, **version_6}},
        {"name": "outside", "properties": version_6},
    ]
    four, six, outside = network.put(network.nic(), {"ipConfigurations": entries}).body["properties"][
        "ipConfigurations"
    ]
    assert four["properties"]["privateIPAddress"] == "10.0.0.4"
    assert six["properties"]["privateIPAddress"] == "fd00::4"
    assert not {"subnet", "privateIPAddress"} & set(outside["properties"])
    refused = network.put("/".join((network.base, "networkInterfaces", "alone")), {"ipConfigurations": entries[2:]})
    assert refused.status == 400


def test_what_an_interface_says_is_kept(network: Network) -> None:
    configuration = {"name": "a", "properties": {"subnet": {"id": network.subnet}}}
    given = {
        "ipConfigurations": [configuration],
        "auxiliaryMode": "acceleratedconnections",
        "auxiliarySku": "A1",
        "enableAcceleratedNetworking": "true",
        "dnsSettings": {"internalDnsNameLabel": "inside"},
    }
    assert network.put(network.nic(), given).status == 201
    shown = network.ask("GET", network.nic()).body["properties"]
    assert (shown["auxiliaryMode"], shown["auxiliarySku"]) == ("AcceleratedConnections", "A1")
    assert shown["enableAcceleratedNetworking"] is True
    assert shown["dnsSettings"]["internalDnsNameLabel"] == "inside"


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        ("virtualNetworks/v", {"addressSpaces": {}}, "Could not find member 'addressSpaces'"),
        ("virtualNetworks/v", {"addressSpace": {"prefixes": []}}, "Path 'properties.addressSpace.prefixes'"),
        ("virtualNetworks/v", {"virtualNetworkPeerings": [{"name": "p"}]}, "the sandbox has none"),
        ("publicIPAddresses/p", {"publicIPAddressVersion": "IPv5"}, "must be one of IPv4, IPv6"),
        ("networkInterfaces/n", {"nicType": "Slow"}, "must be one of Standard, Elastic"),
        ("networkSecurityGroups/g", {"rules": []}, "Could not find member 'rules'"),
    ],
)
def test_what_is_not_kept_is_refused(network: Network, kind: str, properties: Any, expected: str) -> None:
    answer = network.put(f"{network.base}/{kind}", properties)
    assert answer.status == 400
    assert expected in message(answer)
    assert network.ask("GET", f"{network.base}/{kind}").status == 404


@pytest.mark.parametrize("name", ["natGateway", "routeTable"])
def test_a_reference_to_what_is_not_there(network: Network, name: str) -> None:
    gateway = {"id": f"{network.base}/{name}s/nowhere"}
    answer = network.ask("PUT", network.subnet, {"properties": {"addressPrefix": "10.0.0.0/24", name: gateway}})
    assert (answer.status, code(answer)) == (400, "InvalidResourceReference")


def test_a_network_is_put_as_it_was_read(network: Network) -> None:
    network.put_nic(publicIPAddress={"id": network.put(f"{network.base}/publicIPAddresses/ip").body["id"]})
    network.put(
        f"{network.base}/networkSecurityGroups/g", {"securityRules": [{"name": "r", "properties": {"priority": 100}}]}
    )
    for path in (network.vnet, network.nic(), *(f"{network.base}/{kind}" for kind in ADDRESS_AND_GROUP)):
        before = network.ask("GET", path).body
        assert network.ask("PUT", path, before).status == 200, path
        after = network.ask("GET", path).body
        assert without_etags(after) == without_etags(before)


ADDRESS_AND_GROUP = ("publicIPAddresses/ip", "networkSecurityGroups/g")


def without_etags(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_etags(member) for name, member in value.items() if name != "etag"}
    return [without_etags(member) for member in value] if isinstance(value, list) else value


def test_a_subnet_that_is_not_in_its_network(network: Network) -> None:
    path = f"{network.vnet}/subnets/nowhere"
    answer = network.ask("GET", path)
    assert answer.status == 404
    assert answer.body == {"error": {"code": "NotFound", "message": f"Resource {path} not found.", "details": []}}


def test_a_new_interface_is_ready_at_once(slow_desk: Desk) -> None:
    network = Network(slow_desk)
    network.put_vnet("10.0.0.0/24")
    assert network.put_nic().body["properties"]["provisioningState"] == "Succeeded"
    assert network.put_nic().body["properties"]["provisioningState"] == "Updating"


def test_writes_are_announced(network: Network) -> None:
    made = network.put_nic()
    assert made.headers["Azure-AsyncNotification"] == "Enabled"
    assert "ETag" not in made.headers
    deleted = network.ask("DELETE", network.nic())
    assert deleted.headers["Azure-AsyncNotification"] == "Enabled"
    done = network.ask("GET", deleted.headers["Location"])
    assert done.status == 204
    assert done.headers["Location"] == deleted.headers["Location"]
    assert done.headers["Azure-AsyncOperation"] == deleted.headers["Azure-AsyncOperation"]


def test_rules_one_by_one(network: Network) -> None:
    group = f"{network.base}/networkSecurityGroups/g"
    allow = {"protocol": "*", "access": "Allow", "direction": "Inbound", "priority": 1000}
    rule = f"{group}/securityRules/rdp"
    assert code(network.ask("PUT", rule, {"properties": allow})) == "ParentResourceNotFound"
    network.put(group)
    made = network.ask("PUT", rule, {"properties": {**allow, "Priority": "900"}})
    assert (made.status, made.body["id"], made.body["properties"]["priority"]) == (201, rule, 900)
    assert network.ask("PUT", rule, {"properties": allow}).status == 200
    assert network.ask("GET", rule).body["properties"]["priority"] == 1000
    other = f"{group}/securityRules/other"
    conflict = network.ask("PUT", other, {"properties": allow})
    assert (conflict.status, code(conflict)) == (400, "SecurityRuleConflict")
    assert network.ask("PUT", other, {"properties": {**allow, "priority": 1001}}).status == 201
    listed = network.ask("GET", f"{group}/securityRules").body["value"]
    assert [found["name"] for found in listed] == ["rdp", "other"]
    assert network.ask("GET", group).body["properties"]["securityRules"][0]["id"] == rule
    assert network.ask("DELETE", rule).status == 202
    assert network.ask("DELETE", rule).status == 204
    assert code(network.ask("GET", rule)) == "NotFound"


# --- laws ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(key: Any) -> Network:
    return Network(Desk(key))


@given(
    length=st.integers(24, 29),
    steps=st.lists(st.tuples(st.sampled_from(["put", "delete"]), st.integers(0, 9)), max_size=12),
)
def test_no_two_interfaces_ever_have_the_same_address(busy: Network, length: int, steps: list[tuple[str, int]]) -> None:
    for number in range(10):
        busy.ask("DELETE", busy.nic(f"nic{number}"))
    assert busy.put_vnet(f"10.0.0.0/{length}").status in (200, 201)
    for what, number in steps:
        if what == "put":
            assert busy.put_nic(f"nic{number}").status in (200, 201, 400)
        else:
            busy.ask("DELETE", busy.nic(f"nic{number}"))
    subnet = ipaddress.ip_network(f"10.0.0.0/{length}")
    store = busy.desk.cloud.store
    found = [
        ipaddress.ip_address(entry["properties"]["privateIPAddress"])
        for interface in store.list(busy.desk.subscription, INTERFACE)
        for entry in interface.properties["ipConfigurations"]
    ]
    assert len(found) == len(set(found))
    assert all(one in list(subnet)[4:-1] for one in found)
