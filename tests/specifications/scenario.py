"""A walk through every operation of a running sandbox for which there is a specification, refusals included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests

from rbac.roles import Permission
from sandbox.core import seed_data
from tests.support.machines import NETWORK, SSH, UBUNTU, WINDOWS
from tests.support.sandbox import RunningSandbox

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
GRANT = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a001"
CUSTOM_ROLE = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a002"
NOBODY = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a003"

RESOURCES, SUBSCRIPTIONS, AUTHORIZATION = "2024-07-01", "2022-12-01", "2022-04-01"
IDENTITY_VERSIONS = ("2018-11-30", "2023-01-31", "2024-11-30")
FEDERATED_VERSIONS = IDENTITY_VERSIONS[1:]
COMPUTE_VERSIONS = ("2024-07-01", "2026-04-01")
METADATA_VERSIONS = ("2018-02-01", "2021-02-01", "2023-07-01")

FAULTS = '- fault: RequestDisallowedByPolicy\n  path: "*/userAssignedIdentities/unwanted"\n'

Ask = Callable[..., requests.Response]


def play(sandbox: RunningSandbox) -> None:
    """Make the requests, to a sandbox for which ``FAULTS`` were ordered."""
    token = sandbox.token()

    def ask(method: str, path: str, body: Any = None, *, version: str, expect: int) -> requests.Response:
        response = sandbox.arm(method, path, body, token=token, version=version)
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        return response

    subscription, group = sandbox.seed_data.subscription, sandbox.seed_data.group(seed_data.RESOURCE_GROUP)
    _subscriptions(ask, subscription)
    for name in ("contosoPayments", "straße"):
        _groups(ask, subscription, sandbox.seed_data.group(name))
    for version in IDENTITY_VERSIONS:
        _identities(ask, subscription, group, version)
    unwanted = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/unwanted"
    ask("PUT", unwanted, {"location": "eastus"}, version=IDENTITY_VERSIONS[-1], expect=403)
    for version in FEDERATED_VERSIONS:
        _federated_credentials(ask, group, version)
    _roles(ask, subscription, group)
    for version in COMPUTE_VERSIONS:
        _machines(ask, subscription, group, version)
    _run_commands(ask, subscription, group)
    _images(ask, subscription)
    for version in METADATA_VERSIONS:
        _metadata(ask, sandbox, group, version)
    _strangers(sandbox, group)
    _leniently_read(ask, group, COMPUTE_VERSIONS[-1])
    sandbox.on_loop(lambda: _make_conditional(sandbox))
    definitions = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    ask("GET", f"{definitions}/{CUSTOM_ROLE}", version=AUTHORIZATION, expect=200)


def _leniently_read(ask: Ask, group: str, version: str) -> None:
    """Make requests that Azure takes although its documents know nothing of them."""
    machine = _machine(group, seed_data.VM_NAME)
    ask("GET", f"{machine}?$expand=instanceView,userData", version=version, expect=200)
    text = {"osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": "true"}}}
    ask("PATCH", machine, {"properties": text}, version=version, expect=200)


def _make_conditional(sandbox: RunningSandbox) -> None:
    """Add a role as one that a file of roles brings along, with a condition."""
    roles = sandbox.cloud.roles
    permission = Permission(actions=("*/read",), condition="@Resource[x] StringEquals 'y'")
    role = replace(roles.by_id[READER], id=CUSTOM_ROLE, permissions=(permission,))
    roles._built_in = {**roles.by_id, CUSTOM_ROLE: role}
    roles.forget()


def _identity(group: str, name: str) -> str:
    return f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def _machine(group: str, name: str) -> str:
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def _subscriptions(ask: Ask, subscription: str) -> None:
    for path in ("/subscriptions", "/tenants", subscription, f"{subscription}/locations"):
        ask("GET", path, version=SUBSCRIPTIONS, expect=200)
    ask("GET", f"/subscriptions/{NOBODY}", version=SUBSCRIPTIONS, expect=404)
    ask("GET", f"{subscription}/providers", version=RESOURCES, expect=200)
    for namespace in ("Microsoft.Compute", "Microsoft.ManagedIdentity", "Microsoft.Authorization", "Microsoft.Network"):
        ask("GET", f"{subscription}/providers/{namespace}", version=RESOURCES, expect=200)
    ask("POST", f"{subscription}/providers/Microsoft.Compute/register", version=RESOURCES, expect=200)


def _groups(ask: Ask, subscription: str, group: str) -> None:
    body = {"location": "eastus", "tags": {"course": "identities"}}
    ask("PUT", group, body, version=RESOURCES, expect=201)
    ask("PUT", group, body, version=RESOURCES, expect=200)
    ask("PUT", group, {**body, "location": "westus"}, version=RESOURCES, expect=409)
    ask("PATCH", group, {"tags": {"course": "all"}}, version=RESOURCES, expect=200)
    ask("GET", group, version=RESOURCES, expect=200)
    ask("HEAD", group, version=RESOURCES, expect=204)
    ask("PUT", _identity(group, "ID9"), {"location": "eastus"}, version=IDENTITY_VERSIONS[-1], expect=201)
    for path in (f"{subscription}/resourceGroups", f"{subscription}/resources", f"{group}/resources"):
        ask("GET", path, version=RESOURCES, expect=200)
    ask("DELETE", group, version=RESOURCES, expect=202)
    ask("GET", group, version=RESOURCES, expect=404)
    ask("HEAD", group, version=RESOURCES, expect=404)


def _identities(ask: Ask, subscription: str, group: str, version: str) -> None:
    identity, body = _identity(group, "ID1"), {"location": "eastus", "tags": {}}
    ask("PUT", identity, body, version=version, expect=201)
    ask("PUT", identity, body, version=version, expect=200)
    ask("PUT", _identity(group, "-"), body, version=version, expect=400)
    ask("PATCH", identity, {"tags": {"course": "identities"}}, version=version, expect=200)
    ask("GET", identity, version=version, expect=200)
    for scope in (subscription, group):
        ask("GET", f"{scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities", version=version, expect=200)
    ask("DELETE", identity, version=version, expect=200)
    ask("DELETE", identity, version=version, expect=204)
    ask("GET", identity, version=version, expect=404)


def _federated_credentials(ask: Ask, group: str, version: str) -> None:
    identity = _identity(group, "ID1")
    credentials = f"{identity}/federatedIdentityCredentials"
    properties = {"issuer": "https://contoso.com", "subject": "ci", "audiences": ["api://AzureADTokenExchange"]}
    ask("PUT", f"{credentials}/ci1", {"properties": properties}, version=version, expect=404)
    ask("PUT", identity, {"location": "eastus"}, version=version, expect=201)
    ask("PUT", f"{credentials}/ci1", {"properties": properties}, version=version, expect=201)
    ask("PUT", f"{credentials}/ci1", {"properties": properties}, version=version, expect=200)
    ask("GET", f"{credentials}/ci1", version=version, expect=200)
    ask("GET", credentials, version=version, expect=200)
    ask("DELETE", f"{credentials}/ci1", version=version, expect=200)
    ask("DELETE", f"{credentials}/ci1", version=version, expect=204)
    ask("DELETE", identity, version=version, expect=200)


def _roles(ask: Ask, subscription: str, group: str) -> None:
    version = AUTHORIZATION
    definitions = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    assignments = f"{group}/providers/Microsoft.Authorization/roleAssignments"
    role = {
        "roleName": "Identity Lister",
        "description": "Lists identities.",
        "assignableScopes": [subscription],
        "permissions": [{"actions": ["Microsoft.ManagedIdentity/*/read"], "notActions": []}],
    }
    ask("PUT", f"{definitions}/{CUSTOM_ROLE}", {"properties": role}, version=version, expect=201)
    ask("GET", f"{definitions}/{CUSTOM_ROLE}", version=version, expect=200)
    ask("GET", definitions, version=version, expect=200)
    ask("GET", f"{definitions}?$filter=roleName eq 'Reader'", version=version, expect=200)
    ask("DELETE", f"{definitions}/{CUSTOM_ROLE}", version=version, expect=200)
    ask("GET", f"{definitions}/{CUSTOM_ROLE}", version=version, expect=404)
    grant = {"roleDefinitionId": f"{definitions}/{READER}", "principalId": NOBODY}
    ask("PUT", f"{assignments}/{GRANT}", {"properties": grant}, version=version, expect=400)
    grant["principalType"] = "ServicePrincipal"
    for _ in range(2):
        ask("PUT", f"{assignments}/{GRANT}", {"properties": grant}, version=version, expect=201)
    ask("PUT", f"{assignments}/{CUSTOM_ROLE}", {"properties": grant}, version=version, expect=409)
    ask("GET", f"{assignments}/{GRANT}", version=version, expect=200)
    for scope in (subscription, group, _machine(group, seed_data.VM_NAME)):
        ask("GET", f"{scope}/providers/Microsoft.Authorization/roleAssignments", version=version, expect=200)
    ask("GET", f"{assignments}?$filter=principalId eq '{NOBODY}'", version=version, expect=200)
    ask("GET", f"{group}/providers/Microsoft.Authorization/permissions", version=version, expect=200)
    ask("DELETE", f"{assignments}/{GRANT}", version=version, expect=200)
    ask("DELETE", f"{assignments}/{GRANT}", version=version, expect=204)
    ask("GET", f"{assignments}/{GRANT}", version=version, expect=404)


def _machines(ask: Ask, subscription: str, group: str, version: str) -> None:
    windows, linux = _machine(group, "windows"), _machine(group, "linux")
    ask("PUT", windows, new_machine(ask, group, "nic-windows", WINDOWS), version=version, expect=201)
    configuration = {"linuxConfiguration": SSH}
    ask("PUT", linux, new_machine(ask, group, "nic-linux", UBUNTU, **configuration), version=version, expect=201)
    for disk in ({}, {"osDisk": {"caching": "ReadOnly"}}, {"osDisk": {"createOption": None}}):
        properties = {"storageProfile": disk} if disk else {}
        ask("PUT", linux, {"location": "eastus", "properties": properties}, version=version, expect=200)
        ask("PATCH", linux, {"properties": properties}, version=version, expect=200)
    ask("PUT", _machine(group, "bare"), {"location": "eastus"}, version=version, expect=400)
    for path in (windows, f"{windows}?$expand=instanceView", f"{windows}/instanceView"):
        ask("GET", path, version=version, expect=200)
    for scope in (subscription, group, f"{subscription}/providers/Microsoft.Compute/locations/East US"):
        tail = "/virtualMachines" if "locations" in scope else "/providers/Microsoft.Compute/virtualMachines"
        ask("GET", scope + tail, version=version, expect=200)
    _machine_identities(ask, group, windows, version)
    for action in ("powerOff", "start", "restart", "deallocate"):
        ask("POST", f"{linux}/{action}", version=version, expect=202)
    ask("POST", f"{linux}/restart", version=version, expect=409)
    ask("GET", f"{linux}/instanceView", version=version, expect=200)
    for machine in (windows, linux):
        ask("DELETE", machine, version=version, expect=202)
        ask("DELETE", machine, version=version, expect=204)
        ask("GET", machine, version=version, expect=404)


def new_machine(ask: Ask, group: str, interface: str, image: dict[str, Any], **os_profile: Any) -> dict[str, Any]:
    """Make a network interface in the seeded network; return the body that asks for a machine with it."""
    networks = f"{group}/providers/Microsoft.Network"
    subnet = f"{networks}/virtualNetworks/{seed_data.VM_NAME}VNET/subnets/{seed_data.VM_NAME}Subnet"
    configuration = {"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}
    body = {"location": "eastus", "properties": {"ipConfigurations": [configuration]}}
    made = f"{networks}/networkInterfaces/{interface}"
    status = ask("GET", f"{networks}/networkInterfaces", version=NETWORK, expect=200)
    there = any(found["name"] == interface for found in status.json()["value"])
    ask("PUT", made, body, version=NETWORK, expect=200 if there else 201)
    profile = {"computerName": "contoso", "adminUsername": "azureuser", **os_profile}
    if "linuxConfiguration" not in os_profile:
        profile["adminPassword"] = "Not-a-secret-1"
    return {
        "location": "eastus",
        "tags": {"course": "identities"},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
            "storageProfile": {
                "imageReference": image,
                "osDisk": {"createOption": "FromImage"},
                "dataDisks": [{"lun": 0, "createOption": "empty", "diskSizeGB": 4}],
            },
            "osProfile": profile,
            "networkProfile": {"networkInterfaces": [{"id": made}]},
        },
    }


def _machine_identities(ask: Ask, group: str, machine: str, version: str) -> None:
    identity = _identity(group, "ID1")
    ask("PUT", identity, {"location": "eastus"}, version=IDENTITY_VERSIONS[-1], expect=201)
    for kind, entries in (
        ("SystemAssigned,UserAssigned", {identity: {}}),
        ("userAssigned", {identity: {}}),
        ("UserAssigned", {identity: None}),
        ("SystemAssigned", None),
    ):
        block: dict[str, Any] = {"type": kind} | ({"userAssignedIdentities": entries} if entries else {})
        ask("PATCH", machine, {"identity": block}, version=version, expect=200)
        read = ask("GET", machine, version=version, expect=200).json()
    system = f"{machine}/providers/Microsoft.ManagedIdentity/identities/default"
    for identity_version in IDENTITY_VERSIONS:
        ask("GET", system, version=identity_version, expect=200)
    ask("PUT", machine, {**read, "name": ["whatever"]}, version=version, expect=200)
    ask("PATCH", machine, read, version=version, expect=200)
    ask("PATCH", machine, {"identity": {"type": "None"}}, version=version, expect=200)
    ask("GET", system, version=IDENTITY_VERSIONS[-1], expect=404)
    absent = {"type": "UserAssigned", "userAssignedIdentities": {_identity(group, "absent"): {}}}
    ask("PATCH", machine, {"identity": absent}, version=version, expect=400)
    ask("DELETE", identity, version=IDENTITY_VERSIONS[-1], expect=200)


def _run_commands(ask: Ask, subscription: str, group: str) -> None:
    version = COMPUTE_VERSIONS[0]
    commands = f"{subscription}/providers/Microsoft.Compute/locations/eastus/runCommands"
    ask("GET", commands, version=version, expect=200)
    ask("GET", f"{commands}/RunShellScript", version=version, expect=200)
    ask("GET", f"{commands}/Nothing", version=version, expect=404)
    body = {"commandId": "RunPowerShellScript", "script": ["exit"]}
    ask("POST", f"{_machine(group, seed_data.VM_NAME)}/runCommand", body, version=version, expect=409)


def _images(ask: Ask, subscription: str) -> None:
    version = COMPUTE_VERSIONS[0]
    offer = f"{UBUNTU['publisher']}/artifacttypes/vmimage/offers/{UBUNTU['offer']}/skus/{UBUNTU['sku']}"
    versions = f"{subscription}/providers/Microsoft.Compute/locations/eastus/publishers/{offer}/versions"
    [latest] = ask("GET", versions, version=version, expect=200).json()
    ask("GET", f"{versions}?$expand=properties&$top=1", version=version, expect=200)
    ask("GET", f"{versions}/{latest['name']}", version=version, expect=200)
    ask("GET", f"{versions}/1.2.3", version=version, expect=404)


def _metadata(ask: Ask, sandbox: RunningSandbox, group: str, version: str) -> None:
    machine, identity = _machine(group, seed_data.VM_NAME), _identity(group, "ID1")
    ask("PUT", identity, {"location": "eastus"}, version=IDENTITY_VERSIONS[-1], expect=201)
    block = {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}
    ask("PATCH", machine, {"identity": block}, version=COMPUTE_VERSIONS[0], expect=200)
    url = f"{sandbox.metadata_endpoint()}/metadata"
    resource = "resource=https%3A%2F%2Fmanagement.azure.com%2F"
    for path, expected in (
        (f"instance?api-version={version}", 200),
        (f"instance?api-version={version}&format=text", 200),
        ("instance?api-version=2018-02-02", 400),
        (f"identity/info?api-version={version}", 200),
        (f"identity/oauth2/token?api-version={version}&{resource}", 200),
        (f"identity/oauth2/token?api-version={version}", 400),
        (f"identity/oauth2/token?api-version={version}&{resource}&client_id={NOBODY}", 400),
        ("versions?api-version=2023-07-01", 200),
    ):
        response = sandbox.session.get(f"{url}/{path}", headers={"Metadata": "true"})
        assert response.status_code == expected, f"{path}: {response.status_code} {response.text}"
    typed = {"Metadata": "true", "Content-Type": "application/x-www-form-urlencoded"}
    token = f"{url}/identity/oauth2/token?api-version={version}&{resource}"
    assert sandbox.session.get(token, headers=typed).status_code == 200
    assert sandbox.session.get(f"{url}/instance?api-version={version}").status_code == 400
    ask("PATCH", machine, {"identity": {"type": "None"}}, version=COMPUTE_VERSIONS[0], expect=200)
    ask("DELETE", identity, version=IDENTITY_VERSIONS[-1], expect=200)


def _strangers(sandbox: RunningSandbox, group: str) -> None:
    """Ask without a token, with a broken one, and as somebody without any role."""
    stranger, secret = sandbox.add_principal("stranger")
    broken, powerless = sandbox.token()[:-4] + "AAAA", sandbox.token(stranger.client_id, secret)
    machine, identity = _machine(group, seed_data.VM_NAME), _identity(group, "ID1")
    for path, version in ((group, RESOURCES), (machine, COMPUTE_VERSIONS[0]), (identity, IDENTITY_VERSIONS[-1])):
        url = f"{sandbox.endpoint}{path}?api-version={version}"
        assert sandbox.session.get(url).status_code == 401
        assert sandbox.arm("GET", path, token=broken, version=version).status_code == 401
        assert sandbox.arm("GET", path, token=powerless, version=version).status_code == 403
