"""Virtual machines: made, changed, read and deleted."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from rbac.folding import fold
from rbac.scopes import canonical
from sandbox.arm.compute import identity_block, os_profile, properties, provider, schema
from sandbox.arm.compute.power import instance_view, set_power, succeed
from sandbox.arm.compute.provider import LOCATION, MACHINE, MACHINES, check_allowed, compute_time
from sandbox.arm.compute.run_command import preempt_script
from sandbox.arm.fields import Fields, location_name
from sandbox.arm.listing import list_resources
from sandbox.arm.network import interfaces
from sandbox.arm.polling import begin_operation, on_completion
from sandbox.arm.routing import SUBSCRIPTION, Call, Operations
from sandbox.arm.tracked import existing, find, find_or_make, remove
from sandbox.cloud import Cloud
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.resource_ids import VIRTUAL_MACHINE
from sandbox.state.store import Resource

_READ, _WRITE = VIRTUAL_MACHINE + "/read", VIRTUAL_MACHINE + "/write"
_IN_SUBSCRIPTION = f"{SUBSCRIPTION}/providers/{VIRTUAL_MACHINE}"
_NAME = re.compile(r"[A-Za-z0-9]([\w.-]{0,62}\w)?", re.ASCII)
_NAME_RULE = r"^[^_\W][\w-._]{0,63}(?<![-.])$"
_FIXED = ("zones", "plan")
_ORDER = ("name", "id", "type", "location", "zones", "tags", "plan", "identity", "properties", "etag")

operations = Operations(VIRTUAL_MACHINE)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks of a machine; ``replace`` says that it is all the machine has afterwards, as in a PUT."""

    tags: dict[str, str] | None
    identity: identity_block.IdentityRequest | None
    body: dict[str, Any]
    replace: bool

    @property
    def properties(self) -> dict[str, Any]:
        """The ``properties`` of the body."""
        found: dict[str, Any] = self.body.get("properties", {})
        return found


@operations.operation("PUT", MACHINE, action=_WRITE, quota=provider.PUT)
def _put_machine(call: Call) -> Answer:
    body = call.body()
    location = body.location(VIRTUAL_MACHINE)
    asked = _read(body, replace=True)
    _check_conditions(call, find(call, VIRTUAL_MACHINE))
    machine, is_new = find_or_make(call, VIRTUAL_MACHINE, location, lambda group: _new(call, group, location, asked))
    if is_new:
        return _accept(call, machine, asked, "vm.create", 201)
    check_allowed(machine, "createOrUpdate")
    return _update(call, machine, asked)


@operations.operation("PATCH", MACHINE, action=_WRITE, quota=provider.UPDATE)
def _patch_machine(call: Call) -> Answer:
    body = call.body()
    machine = existing(call, VIRTUAL_MACHINE)
    _check_conditions(call, machine)
    check_allowed(machine, "update")
    return _update(call, machine, _read(body, replace=False))


@operations.operation("GET", MACHINE, action=_READ, quota=provider.GET)
def _get_machine(call: Call) -> Answer:
    machine = existing(call, VIRTUAL_MACHINE)
    asked = call.query("$expand") or ""
    expand = {fold(part.strip()) for part in asked.split(",")} - {""}
    if not expand <= {"instanceview", "userdata"}:
        raise errors.refusal("InvalidParameter.expand", asked)
    expanded = dict(machine.properties)
    if "instanceview" in expand:
        expanded["instanceView"] = instance_view(machine)
    if "userdata" in expand and "user_data" in machine.internal:
        expanded["userData"] = machine.internal["user_data"]
    return Answer(200, {**machine.body, "properties": expanded}, {"etag": machine.body["etag"]})


@operations.operation(
    "GET", MACHINE + "/instanceView", action=VIRTUAL_MACHINE + "/instanceView/read", quota=provider.GET
)
def _get_instance_view(call: Call) -> Answer:
    return Answer(200, instance_view(existing(call, VIRTUAL_MACHINE)))


@operations.operation("GET", MACHINES, action=_READ, filtered=True, quota=provider.LIST)
@operations.operation("GET", _IN_SUBSCRIPTION, action=_READ, filtered=True, quota=provider.LIST)
def _list_machines(call: Call) -> Answer:
    if fold(call.query("statusOnly") or "") != "true":
        return list_resources(call, call.scope, VIRTUAL_MACHINE)
    return list_resources(call, call.scope, VIRTUAL_MACHINE, _with_instance_view)


def _with_instance_view(machine: Resource) -> dict[str, Any]:
    return {**machine.body, "properties": {**machine.properties, "instanceView": instance_view(machine)}}


@operations.operation("GET", LOCATION + "/virtualMachines", action=_READ, quota=provider.LIST)
def _list_in_location(call: Call) -> Answer:
    location = location_name(call["location"])
    subscription = call.cloud.seed_data.subscription
    return list_resources(
        call, subscription, VIRTUAL_MACHINE, where=lambda machine: machine.body["location"] == location
    )


@operations.operation("DELETE", MACHINE, action=VIRTUAL_MACHINE + "/delete", quota=provider.DELETE)
def _delete_machine(call: Call) -> Answer:
    machine = find(call, VIRTUAL_MACHINE)
    if machine is None:
        return Answer(204)
    machine.properties["provisioningState"] = "Deleting"
    machine.internal.pop("transition", None)
    set_power(call.cloud, machine, "stopping")
    return provider.accept(call, machine, "vm.delete")


def declare_effects(cloud: Cloud) -> None:
    """Say what completes each operation on a machine."""

    def created(machine: Resource) -> None:
        set_power(cloud, machine, "running")
        succeed(cloud, machine)

    def deleted(machine: Resource) -> None:
        removed(machine)
        for entry in _interfaces(machine.properties):
            goes_too = entry.get("properties", {}).get("deleteOption") == "Delete"
            interfaces.release(cloud, entry["id"], delete=goes_too)
        remove(cloud, machine.id)

    def removed(machine: Resource) -> None:
        preempt_script(cloud, machine)
        identity_block.forget_system_identity(cloud, machine)
        cloud.machines_changed = True

    cloud.on_removal[VIRTUAL_MACHINE] = removed
    on_completion(cloud, "vm.create", "Creating", created)
    on_completion(cloud, "vm.update", "Updating", partial(succeed, cloud))
    on_completion(cloud, "vm.delete", "Deleting", deleted)


def _read(body: Fields, *, replace: bool) -> _Asked:
    identity = identity_block.read_identity(body.value("identity")) if "identity" in body else None
    return _Asked(body.tags(), identity, schema.read(body), replace)


def _check_conditions(call: Call, machine: Resource | None) -> None:
    """Refuse a write whose ``If-Match`` or ``If-None-Match`` does not go with what is there."""
    etag = None if machine is None else machine.body["etag"]
    match, none_match = (call.request.headers.get(name) for name in ("If-Match", "If-None-Match"))
    if (match and not _matches(match, etag)) or (none_match and _matches(none_match, etag)):
        raise errors.refusal("PreconditionFailed")


def _matches(condition: str, etag: str | None) -> bool:
    return etag is not None and (condition.strip() == "*" or etag in (part.strip() for part in condition.split(",")))


def _new(call: Call, group: str, location: str, asked: _Asked) -> Resource:
    """Return the machine that a request asks for, connected but not kept yet."""
    name = call["name"]
    if not _NAME.fullmatch(name):
        raise errors.refusal("InvalidParameter.vmName", _NAME_RULE)
    properties.check_disks(asked.properties)
    machine_id = f"{call.cloud.seed_data.group(group)}/providers/{VIRTUAL_MACHINE}/{name}"
    key, now = canonical(machine_id), compute_time(call.cloud.clock.now())
    filled = properties.fill(call.cloud.ids, machine_id, asked.properties)
    vm_id = call.cloud.ids.guid("vm", key, call.cloud.store.next_number(f"machines made as {key}"))
    own = {"provisioningState": "Creating", "vmId": vm_id, "timeCreated": now}
    body = {"name": name, "id": machine_id, "type": VIRTUAL_MACHINE, "location": location}
    machine = Resource({**body, "properties": _ordered(own, filled)}, {"power": "starting", "provisioned_at": now})
    machine.body |= {member: asked.body[member] for member in _FIXED if member in asked.body}
    os_type = machine.properties["storageProfile"]["osDisk"]["osType"]
    os_profile.check_credentials(asked.properties["osProfile"], os_type)
    for interface in _interfaces(machine.properties):
        interfaces.check_attachable(call, interface["id"], machine)
    _connect(call.cloud, machine)
    return machine


def _update(call: Call, machine: Resource, asked: _Asked) -> Answer:
    for member in _FIXED:
        if member in asked.body and asked.body[member] != machine.body.get(member):
            raise errors.refusal("PropertyChangeNotAllowed", member)
    before = _interfaces(machine.properties)
    own = {name: machine.properties.pop(name) for name in ("provisioningState", "vmId", "timeCreated")}
    changed = properties.change(call.cloud.ids, machine.id, machine.properties, asked.properties)
    machine.body["properties"] = _ordered(own, changed)
    if _ids(before) != _ids(_interfaces(changed)):
        _reconnect(call, machine, before)
    if asked.replace:
        machine.body.pop("tags", None)
    return _accept(call, machine, asked, "vm.update", 200)


def _accept(call: Call, machine: Resource, asked: _Asked, what: str, status: int) -> Answer:
    """Give a machine its tags and identities, keep it, and answer it with the link to follow what goes on.

    As in Azure, nothing goes on after a PUT that changes nothing.
    """
    if asked.tags is not None:
        machine.body["tags"] = asked.tags
    if "userData" in asked.properties:
        machine.internal["user_data"] = asked.properties["userData"]
    new = identity_block.apply_identity(call, machine, asked.identity, replace=asked.replace) if asked.identity else []
    identity_block.check_encryption_identity(machine, asked.properties)
    machine.body = {name: machine.body[name] for name in _ORDER if name in machine.body}
    goes_on = not asked.replace or machine != call.cloud.store.get(machine.id)
    if goes_on and what == "vm.update":
        machine.properties["provisioningState"] = "Updating"
    etag = provider.write(call, machine)
    if not goes_on:
        return Answer(status, machine.body, etag)
    links = provider.follow(call, machine, begin_operation(call, what, machine.id))
    del links["location"]
    body = identity_block.shown_when_new(machine.body, new)
    return Answer(status, _without_disk(body) if status == 201 else body, {**links, **etag})


def _without_disk(body: dict[str, Any]) -> dict[str, Any]:
    """Return a machine as the answer that makes it has it: its disk is not there yet, with a name and an id."""
    storage = body["properties"]["storageProfile"]
    disk = {name: value for name, value in storage["osDisk"].items() if name != "name"}
    disk["managedDisk"] = {name: value for name, value in disk["managedDisk"].items() if name != "id"}
    return {**body, "properties": {**body["properties"], "storageProfile": {**storage, "osDisk": disk}}}


def _ordered(own: dict[str, str], filled: dict[str, Any]) -> dict[str, Any]:
    """Return properties in the order in which Compute shows them: its ``own`` among those that a request sets."""
    return {
        "hardwareProfile": filled["hardwareProfile"],
        "provisioningState": own["provisioningState"],
        "vmId": own["vmId"],
        **filled,
        "timeCreated": own["timeCreated"],
    }


def _interfaces(of: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = of["networkProfile"]["networkInterfaces"]
    return found


def _ids(of: list[dict[str, Any]]) -> list[str]:
    return [canonical(interface["id"]) for interface in of]


def _connect(cloud: Cloud, machine: Resource) -> None:
    entries = _interfaces(machine.properties)
    for entry in entries:
        primary = len(entries) == 1 or entry.get("properties", {}).get("primary", False)
        interfaces.attach(cloud, entry["id"], machine.id, primary=primary)


def _reconnect(call: Call, machine: Resource, before: list[dict[str, Any]]) -> None:
    """Connect the interfaces that a machine has now, and let go of those that it had ``before``."""
    after = _interfaces(machine.properties)
    if set(_ids(before)) != set(_ids(after)) and machine.internal["power"] != "deallocated":
        raise errors.refusal("AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported", machine.id)
    for entry in after:
        interfaces.check_attachable(call, entry["id"], machine)
    _connect(call.cloud, machine)
    for gone in before:
        if canonical(gone["id"]) not in _ids(after):
            interfaces.release(call.cloud, gone["id"])
