"""A look at everything that the course needs, all at once and before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from helpers.connection import Connection
from helpers.course.grants import allows
from helpers.errors import explain

_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_MACHINES = "Microsoft.Compute/virtualMachines"
_ROLES = "Microsoft.Authorization/role"
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_NETWORK = "Microsoft.Network"
_ALWAYS = (
    *(f"{_IDENTITIES}/{each}" for each in ("read", "write", "delete", "assign/action")),
    *(f"{_MACHINES}/{each}" for each in ("read", "write", "instanceView/read")),
    *(f"{_ROLES}Assignments/{each}" for each in ("read", "write", "delete")),
    *(f"{_ROLES}Definitions/read", f"{_GROUPS}/read"),
)
_TO_MAKE_A_MACHINE = (
    f"{_MACHINES}/delete",
    *(
        f"{_NETWORK}/{kind}/{each}"
        for kind in ("virtualNetworks", "networkInterfaces", "publicIPAddresses")
        for each in ("read", "write", "delete")
    ),
    *(f"{_NETWORK}/{each}/join/action" for each in ("virtualNetworks/subnets", "networkInterfaces")),
    f"{_NETWORK}/publicIPAddresses/join/action",
)

_UNKNOWN = "could not be looked up"

Row = Mapping[str, str]


def preflight(
    connection: Connection,
    *,
    resource_group: str,
    vm_name: str,
    location: str,
    role: str,
    reach_vm: str = "here",
    create_vm: bool = False,
) -> list[Row]:
    """Return a row for each thing that the course needs: what it is, what was found, and what to do about it.

    Nothing is to be done where the last is empty.
    """
    may_make_vm = create_vm or connection.target == "sandbox"
    look = _Look(connection, resource_group, vm_name, may_make_vm, reach_vm == "run-command")
    rows = [*look.group(), *look.machine(), *look.rights(), *look.providers(), *look.role(role)]
    return [*rows, *look.region(location), *look.locks(), *_not_checked()]


def _row(what: str, found: str, to_do: str = "") -> Row:
    return {"What": what, "Found": found, "To do": to_do}


def _not_checked() -> Iterator[Row]:
    yield _row("Policies, deny assignments", "cannot be looked up: one that refuses is named in Azure's answer")


class _Look:
    """Looks at one group and machine."""

    def __init__(
        self, connection: Connection, resource_group: str, vm_name: str, may_make_vm: bool, by_run_command: bool
    ) -> None:
        self._connection = connection
        self._subscription = f"/subscriptions/{connection.subscription_id}"
        self._group = f"{self._subscription}/resourceGroups/{resource_group}"
        self._name, self._vm_name, self._may_make_vm = resource_group, vm_name, may_make_vm
        self._by_run_command = by_run_command
        self._there: dict[str, Any] = {}
        self._vm: dict[str, Any] = {}

    def _get(self, path: str, version: str) -> tuple[dict[str, Any], str]:
        """Return what is there, or why it is not."""
        answer = self._connection.arm("GET", path, version)
        return (answer.json(), "") if answer.ok else ({}, explain(answer).code)

    def group(self) -> Iterator[Row]:
        self._there, why = self._get(self._group, "2021-04-01")
        if self._there:
            yield _row(f"Group {self._name}", f"there, in {self._there['location']}")
        elif why == "AuthorizationFailed":
            yield _row(f"Group {self._name}", "not to be seen", f"Ask for the role Owner at {self._group}.")
        else:
            yield _row(f"Group {self._name}", "not there yet: will be made")

    def machine(self) -> Iterator[Row]:
        what = f"VM {self._vm_name}"
        path = f"{self._group}/providers/{_MACHINES}/{self._vm_name}?$expand=instanceView"
        self._vm = self._get(path, "2024-11-01")[0]
        if not self._vm:
            found = "not there yet: will be made" if self._may_make_vm else "not there"
            made = f"az vm create --resource-group {self._name} --name {self._vm_name} --image Win2022Datacenter"
            yield _row(what, found, "" if self._may_make_vm else f"Set create_vm = True, or make one: {made}.")
            return
        view = self._vm["properties"].get("instanceView", {})
        states = [each["code"].partition("/")[2] for each in view.get("statuses", []) if "Power" in each["code"]]
        start = f"az vm start --resource-group {self._name} --name {self._vm_name}"
        yield _row(what, " ".join(states) or "no power state", "" if "running" in states else f"Start the VM: {start}.")
        agent = [each.get("displayStatus", "") for each in view.get("vmAgent", {}).get("statuses", [])]
        needed = self._by_run_command and "Ready" not in agent
        wait = "Wait until the VM has started; if that does not help, restart it." if needed else ""
        yield _row(f"{what}: agent", " ".join(agent) or "unknown", wait)

    def rights(self) -> Iterator[Row]:
        scope = self._group if self._there else self._subscription
        answer, why = self._get(f"{scope}/providers/Microsoft.Authorization/permissions", "2022-04-01")
        permissions = [
            SimpleNamespace(actions=each.get("actions"), not_actions=each.get("notActions"))
            for each in answer.get("value", [])
        ]
        missing = [each for each in self._needed() if not allows(permissions, each)]
        ask = f"Ask for the role Owner at {scope}." if missing else ""
        yield _row("Your rights", f"missing: {', '.join(missing)}" if missing else "all that are needed", why or ask)
        if any(each.get("condition") for each in answer.get("value", [])):
            yield _row("Conditions on your roles", "there are some; whether they allow a step shows when it is done")

    def _needed(self) -> Iterator[str]:
        yield from _ALWAYS
        if self._by_run_command:
            yield f"{_MACHINES}/runCommand/action"
        if not self._there:
            yield from (f"{_GROUPS}/write", f"{_GROUPS}/delete")
        if not self._vm:
            yield from _TO_MAKE_A_MACHINE

    def providers(self) -> Iterator[Row]:
        for name in ("Microsoft.ManagedIdentity", "Microsoft.Compute", *([] if self._vm else [_NETWORK])):
            state = self._get(f"{self._subscription}/providers/{name}", "2021-04-01")[0].get("registrationState")
            register = f"Register it: az provider register --namespace {name} --wait."
            yield _row(f"Provider {name}", state or _UNKNOWN, "" if state in (None, "Registered") else register)

    def role(self, role: str) -> Iterator[Row]:
        quoted = role.replace("'", "''")
        scope = self._group if self._there else self._subscription
        answer, why = self._get(f"{scope}/providers/{_ROLES}Definitions?$filter=roleName eq '{quoted}'", "2022-04-01")
        found = _UNKNOWN if why else "there" if answer["value"] else "not there"
        look_up = "Look it up: az role definition list --query [].roleName."
        yield _row(f"Role {role}", found, look_up if found == "not there" else "")

    def region(self, location: str) -> Iterator[Row]:
        location = location or (self._vm or self._there or {"location": "eastus"})["location"]
        listed = self._get(f"{self._subscription}/locations", "2022-12-01")[0].get("value", [])
        known = location in [each["name"] for each in listed] or not listed
        list_them = "az account list-locations --query [].name"
        yield _row(f"Region {location}", "there" if known else "not there", "" if known else f"Choose: {list_them}.")

    def locks(self) -> Iterator[Row]:
        if not self._there:
            return
        answer, why = self._get(f"{self._group}/providers/Microsoft.Authorization/locks", "2016-09-01")
        found = [f"{each['name']} ({each['properties']['level']})" for each in answer.get("value", [])]
        remove = "It forbids what the course does; whoever set it can remove it: az lock delete."
        yield _row("Locks", ", ".join(found) or (_UNKNOWN if why else "none"), remove if found else "")
