"""Virtual machines: made, changed, read and deleted."""

from __future__ import annotations

import re
from typing import Any

from rbac.scopes import canonical
from sandbox.arm import versions
from sandbox.arm.compute import compute, vm_os_profile, vm_properties
from sandbox.arm.compute.instance_view import instance_view
from sandbox.arm.compute.vm_identities import apply_identity, shown_when_new
from sandbox.arm.compute.vm_identity import IdentityRequest, read_identity
from sandbox.arm.compute.vm_interfaces import check_change, check_interfaces, connect, interface_ids
from sandbox.arm.compute.vm_states import TYPE, check_allowed, running_machines, set_power, succeed
from sandbox.arm.fields import Fields, read_location, read_tags
from sandbox.arm.listing import list_resources
from sandbox.arm.network.network_interfaces import new_network_interface
from sandbox.arm.network.subnets import new_subnet
from sandbox.arm.network.virtual_networks import new_virtual_network
from sandbox.arm.routing import Call, Operations
from sandbox.arm.tracked import check_same_location, existing, find, group_name
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.seed_data import location_name
from sandbox.state.store import Resource

__all__ = ["new_virtual_machine", "operations", "running_machines"]

_SUBSCRIPTION = "/subscriptions/{subscription}"
_COLLECTION = _SUBSCRIPTION + "/resourceGroups/{resource_group}/providers/" + TYPE
_MACHINE = _COLLECTION + "/{name}"
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,62}\w)?", re.ASCII)
_NAME_RULE = r"^[^_\W][\w-._]{0,63}(?<![-.])$"
_ORDER = ("name", "id", "type", "location", "zones", "tags", "plan", "identity", "properties", "etag")

operations = Operations(TYPE, versions.COMPUTE)


@operations.operation("PUT", _MACHINE, action=TYPE + "/write", quota=compute.PUT)
def put_machine(call: Call) -> Answer:
    """Begin to make a machine, or to change one."""
    body = call.json()
    location = read_location(body, TYPE)
    tags, identity, given = read_tags(body), _read_identity(body), Fields(body, "").object("properties")
    machine = find(call, TYPE)
    compute.check_conditions(call, machine)
    if machine is None:
        return _create(call, _new(call, body, location, given), tags, identity)
    check_allowed(machine, "createOrUpdate")
    check_same_location(call, machine, location)
    machine.body.pop("tags", None)
    return _update(call, machine, tags, identity, given, replace=True)


@operations.operation("PATCH", _MACHINE, action=TYPE + "/write", quota=compute.UPDATE)
def patch_machine(call: Call) -> Answer:
    """Begin to change a machine."""
    body = call.json()
    machine = existing(call, TYPE)
    compute.check_conditions(call, machine)
    check_allowed(machine, "update")
    tags, identity, given = read_tags(body), _read_identity(body), Fields(body, "").object("properties")
    return _update(call, machine, tags, identity, given, replace=False)


@operations.operation("GET", _MACHINE, action=TYPE + "/read", quota=compute.GET)
def get_machine(call: Call) -> Answer:
    """Answer one machine, with its instance view if ``$expand`` asks for it."""
    machine = existing(call, TYPE)
    expand = (call.query("$expand") or "").casefold()
    if expand not in ("", "instanceview", "userdata"):
        raise errors.invalid_parameter(f"The value '{call.query('$expand')}' of the query option '$expand' is invalid.")
    body = machine.body
    if expand == "instanceview":
        body = {**body, "properties": {**machine.properties, "instanceView": instance_view(machine)}}
    return Answer(200, body, {"etag": body["etag"]})


@operations.operation("GET", _MACHINE + "/instanceView", action=TYPE + "/instanceView/read", quota=compute.GET)
def get_instance_view(call: Call) -> Answer:
    """Answer how one machine is now."""
    return Answer(200, instance_view(existing(call, TYPE)))


@operations.operation("GET", _COLLECTION, action=TYPE + "/read", filtered=True, quota=compute.LIST)
@operations.operation(
    "GET", _SUBSCRIPTION + "/providers/" + TYPE, action=TYPE + "/read", filtered=True, quota=compute.LIST
)
def list_machines(call: Call) -> Answer:
    """Answer the machines that the caller may read, of a group or of the subscription."""
    return list_resources(call, call.scope, TYPE)


@operations.operation(
    "GET",
    f"{_SUBSCRIPTION}/providers/Microsoft.Compute/locations/{{location}}/virtualMachines",
    action=TYPE + "/read",
    quota=compute.LIST,
)
def list_in_location(call: Call) -> Answer:
    """Answer the machines in one region."""
    location = location_name(call["location"])
    return list_resources(
        call, call.cloud.seed_data.subscription, TYPE, keep=lambda machine: machine.body["location"] == location
    )


@operations.operation("DELETE", _MACHINE, action=TYPE + "/delete", quota=compute.DELETE)
def delete_machine(call: Call) -> Answer:
    """Begin to delete a machine."""
    machine = find(call, TYPE)
    if machine is None:
        return Answer(204)
    machine.properties["provisioningState"] = "Deleting"
    machine.internal.pop("transition", None)
    set_power(call.cloud, machine, "stopping")
    compute.touch(machine)
    call.cloud.store.put(machine)
    links = compute.begin(call, machine, "vm.delete", with_location=True)
    return Answer(202, headers=links)


def new_virtual_machine(cloud: Cloud, group: str, name: str, location: str) -> Resource:
    """Put a running Windows machine into an empty world, with the network it is connected to; return it."""
    parent = new_virtual_network(cloud, group, f"{name}VNET", location)
    subnet = new_subnet(cloud, parent, f"{name}Subnet", "10.0.0.0/24")
    interface = new_network_interface(cloud, group, f"{name}VMNic", location, subnet)
    given = {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {
            "imageReference": {
                "publisher": "MicrosoftWindowsServer",
                "offer": "WindowsServer",
                "sku": "2022-datacenter-azure-edition",
                "version": "latest",
            },
            "osDisk": {"createOption": "FromImage"},
        },
        "osProfile": {"computerName": name, "adminUsername": "azureuser"},
        "networkProfile": {"networkInterfaces": [{"id": interface.id, "properties": {"primary": True}}]},
    }
    machine = _machine(cloud, group, name, location, Fields(given, "properties"))
    compute.touch(machine)
    connect(cloud, machine, [])
    set_power(cloud, machine, "running")
    succeed(cloud, machine)
    return machine


def _new(call: Call, body: dict[str, Any], location: str, given: Fields) -> Resource:
    """Return the machine that a request asks for, checked but not kept yet."""
    name = call["name"]
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"The entity name 'vmName' is invalid according to its validation rule: {_NAME_RULE}."
        )
    machine = _machine(call.cloud, group_name(call), name, location, given)
    fields = Fields(body, "")
    if "zones" in fields:
        machine.body["zones"] = fields.texts("zones")
    if "plan" in fields:
        machine.body["plan"] = fields.object("plan").plain()
    disk = machine.properties["storageProfile"]["osDisk"]
    if disk["createOption"] == "FromImage":
        vm_os_profile.check_credentials(given.object("osProfile"), disk["osType"])
    check_interfaces(call, machine)
    return machine


def _machine(cloud: Cloud, group: str, name: str, location: str, given: Fields) -> Resource:
    group_id = cloud.seed_data.group(group)
    machine_id = f"{group_id}/providers/{TYPE}/{name}"
    key = canonical(machine_id)
    filled = vm_properties.fill(cloud.ids, group_id, name, given)
    body: dict[str, Any] = {"name": name, "id": machine_id, "type": TYPE, "location": location}
    now = compute.compute_time(cloud.clock.now())
    vm_id = cloud.ids.guid("vm", key, cloud.store.count(f"machines made as {key}"))
    own = {"provisioningState": "Creating", "vmId": vm_id, "timeCreated": now}
    body["properties"] = _ordered_properties(own, filled)
    return Resource(body, {"power": "starting", "provisioned_at": now})


def _create(
    call: Call,
    machine: Resource,
    tags: dict[str, str] | None,
    identity: IdentityRequest | None,
) -> Answer:
    if tags is not None:
        machine.body["tags"] = tags
    new = apply_identity(call, machine, identity, replace=True) if identity else []
    connect(call.cloud, machine, [])
    return _accept(call, machine, new, "vm.create", 201)


def _update(
    call: Call,
    machine: Resource,
    tags: dict[str, str] | None,
    identity: IdentityRequest | None,
    given: Fields,
    *,
    replace: bool,
) -> Answer:
    if tags is not None:
        machine.body["tags"] = tags
    new = apply_identity(call, machine, identity, replace=replace) if identity else []
    _change_properties(call, machine, given)
    machine.properties["provisioningState"] = "Updating"
    return _accept(call, machine, new, "vm.update", 200)


def _change_properties(call: Call, machine: Resource, given: Fields) -> None:
    before = interface_ids(machine.properties)
    group_id = machine.id.partition("/providers/")[0]
    own = {name: machine.properties.pop(name) for name in ("provisioningState", "vmId", "timeCreated")}
    changed = vm_properties.change(call.cloud.ids, group_id, machine.body["name"], machine.properties, given)
    check_change(machine, changed)
    machine.body["properties"] = _ordered_properties(own, changed)
    if interface_ids(machine.properties) != before:
        check_interfaces(call, machine)
        connect(call.cloud, machine, before)


def _ordered_properties(own: dict[str, str], filled: dict[str, Any]) -> dict[str, Any]:
    """Return properties in the order in which Compute shows them: its ``own`` among those that a request sets."""
    return {
        "hardwareProfile": filled["hardwareProfile"],
        "provisioningState": own["provisioningState"],
        "vmId": own["vmId"],
        **filled,
        "timeCreated": own["timeCreated"],
    }


def _accept(call: Call, machine: Resource, new: list[str], what: str, status: int) -> Answer:
    etag = compute.touch(machine)
    machine.body = {name: machine.body[name] for name in _ORDER if name in machine.body}
    call.cloud.store.put(machine)
    body = shown_when_new(machine.body, new)
    links = compute.begin(call, machine, what, with_location=False)
    return Answer(status, body, {**links, **etag})


def _read_identity(body: dict[str, Any]) -> IdentityRequest | None:
    return None if body.get("identity") is None else read_identity(body["identity"])
