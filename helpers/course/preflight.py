"""A look at everything that the course needs, all at once and before anything is made."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from helpers.connection import Connection
from helpers.data_files import read_data
from helpers.errors import Explanation, explain
from rbac.actions import allows
from rbac.roles import Permission

_RIGHTS: Mapping[str, Mapping[str, str]] = read_data(__package__, "rights.yaml")
_LOCKS, _LOCKS_VERSION = "providers/Microsoft.Authorization/locks", "2016-09-01"
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
    look = _Look(connection, resource_group, vm_name, reach_vm == "run-command")
    return [
        look.at_group(),
        *look.at_machine(create_vm or connection.target == "sandbox"),
        *look.at_rights(),
        *look.at_providers(),
        look.at_role(role),
        look.at_region(location),
        *look.at_locks(),
        _row("Policies, deny assignments", "cannot be looked up: one that refuses is named in Azure's answer"),
    ]


def locks_over(
    connection: Connection, resource_group: str, to_delete: Iterable[Any], to_change: Iterable[Any] = ()
) -> list[str]:
    """Return the locks that forbid to delete or to change these things of the group, as far as locks can be seen."""
    group_id = f"/subscriptions/{connection.subscription_id}/resourceGroups/{resource_group}"
    answer = connection.arm("GET", f"{group_id}/{_LOCKS}", _LOCKS_VERSION)
    going, changing = ([f"{each.id}/".casefold() for each in things] for things in (to_delete, to_change))
    found = []
    for lock in answer.json()["value"] if answer.ok else ():
        scope = lock["id"][: lock["id"].casefold().rindex(f"/{_LOCKS}/".casefold())]
        covered = going + (changing if lock["properties"]["level"] == "ReadOnly" else [])
        if any(each.startswith(f"{scope}/".casefold()) for each in covered):
            found.append(f"{_named(lock)} at {scope}")
    return found


def _named(lock: Mapping[str, Any]) -> str:
    return f"{lock['name']} ({lock['properties']['level']})"


def _row(what: str, found: str, to_do: str = "") -> Row:
    return {"What": what, "Found": found, "To do": to_do}


class _Look:
    """Looks at one group and machine."""

    def __init__(self, connection: Connection, resource_group: str, vm_name: str, by_run_command: bool) -> None:
        self._connection = connection
        self._name, self._vm_name, self._by_run_command = resource_group, vm_name, by_run_command
        self._subscription = f"/subscriptions/{connection.subscription_id}"
        group_id = f"{self._subscription}/resourceGroups/{resource_group}"
        machine = f"{group_id}/providers/Microsoft.Compute/virtualMachines/{vm_name}"
        self._group, self._why_no_group = self._get(group_id, "2021-04-01")
        self._vm, _ = self._get(f"{machine}?$expand=instanceView", "2024-11-01")
        self._scope = group_id if self._group else self._subscription

    def _get(self, path: str, version: str) -> tuple[dict[str, Any], Explanation | None]:
        """Return what is there, or why it is not."""
        answer = self._connection.arm("GET", path, version)
        return (answer.json(), None) if answer.ok else ({}, explain(answer))

    def at_group(self) -> Row:
        what = f"Group {self._name}"
        if self._group:
            return _row(what, f"there, in {self._group['location']}")
        if self._why_no_group and self._why_no_group.code == "AuthorizationFailed":
            return _row(what, "cannot be seen", f"Ask for the role Owner at {self._scope}/resourceGroups/{self._name}.")
        return _row(what, "not there yet: will be made")

    def at_machine(self, may_be_made: bool) -> Iterator[Row]:
        what, names = f"VM {self._vm_name}", f"--resource-group {self._name} --name {self._vm_name}"
        if not self._vm:
            make = f"Set create_vm = True, or make one: az vm create {names} --image Win2022Datacenter."
            yield _row(what, *(["not there yet: will be made"] if may_be_made else ["not there", make]))
            return
        view = self._vm["properties"].get("instanceView", {})
        states = [each["code"].partition("/")[2] for each in view.get("statuses", []) if "Power" in each["code"]]
        start = "" if "running" in states else f"Start the VM: az vm start {names}."
        yield _row(what, " ".join(states) or "no power state", start)
        agent = [each.get("displayStatus", "") for each in view.get("vmAgent", {}).get("statuses", [])]
        wait = "Wait until the VM has started; if that does not help, restart it."
        unready = self._by_run_command and "Ready" not in agent
        yield _row(f"{what}: agent", " ".join(agent) or "unknown", wait if unready else "")

    def at_rights(self) -> Iterator[Row]:
        answer, why = self._get(f"{self._scope}/providers/Microsoft.Authorization/permissions", "2022-04-01")
        if why:
            yield _row("Your rights", _UNKNOWN, why.advice)
            return
        held = answer["value"]
        rights = [Permission(tuple(each.get("actions", ())), tuple(each.get("notActions", ()))) for each in held]
        made = {"to make a group": not self._group, "to make a machine": not self._vm}
        wanted = {"always": True, "to run commands": self._by_run_command, **made}
        kinds = [pair for what, kinds in _RIGHTS.items() if wanted[what] for pair in kinds.items()]
        needed = [f"{kind}/{action}" for kind, actions in kinds for action in actions.split()]
        missing = [each for each in needed if not allows(rights, each)]
        ask = f"Ask for the role Owner at {self._scope}." if missing else ""
        yield _row("Your rights", f"missing: {', '.join(missing)}" if missing else "all that are needed", ask)
        if any(each.get("condition") for each in held):
            yield _row(
                "Conditions on your roles", "there are some: whether they allow a step, you see when you take it"
            )

    def at_providers(self) -> Iterator[Row]:
        for name in ("Microsoft.ManagedIdentity", "Microsoft.Compute", *([] if self._vm else ["Microsoft.Network"])):
            state = self._get(f"{self._subscription}/providers/{name}", "2021-04-01")[0].get("registrationState")
            register = f"Register it: az provider register --namespace {name} --wait."
            yield _row(f"Provider {name}", state or _UNKNOWN, "" if state in (None, "Registered") else register)

    def at_role(self, role: str) -> Row:
        by_name = "$filter=roleName eq '{}'".format(role.replace("'", "''"))
        path = f"{self._scope}/providers/Microsoft.Authorization/roleDefinitions?{by_name}"
        answer, why = self._get(path, "2022-04-01")
        if why or answer["value"]:
            return _row(f"Role {role}", _UNKNOWN if why else "there")
        return _row(f"Role {role}", "not there", "Look it up: az role definition list --query [].roleName.")

    def at_region(self, location: str) -> Row:
        location = location or (self._vm or self._group or {"location": "eastus"})["location"]
        answer, why = self._get(f"{self._subscription}/locations", "2022-12-01")
        if why or location in [each["name"] for each in answer["value"]]:
            return _row(f"Region {location}", _UNKNOWN if why else "there")
        return _row(f"Region {location}", "not there", "Choose: az account list-locations --query [].name")

    def at_locks(self) -> Iterator[Row]:
        if self._group:
            answer, why = self._get(f"{self._scope}/{_LOCKS}", _LOCKS_VERSION)
            found = [_named(each) for each in answer.get("value", [])]
            remove = "It forbids what the course does; whoever set it can remove it: az lock delete."
            yield _row("Locks", ", ".join(found) or (_UNKNOWN if why else "none"), remove if found else "")
