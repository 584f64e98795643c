"""What could not be kept counts for nothing: after a rollback, memory is as the store is."""

from __future__ import annotations

from typing import cast

import pytest

from sandbox.core.http import Answer
from sandbox.core.timing import REALISTIC
from sandbox.entra.keys import SigningKey
from sandbox.guest.scripts import Scripts
from tests.support.desk import Desk
from tests.support.machines import SSH, UBUNTU, Machines

AUTHORIZATION = "2022-04-01"
ROLE = "0f9e2a5c-40a4-4f53-a3a1-b7e0b0c7a103"
READ = "Microsoft.Resources/subscriptions/resourceGroups/read"
WRITE = "Microsoft.Resources/subscriptions/resourceGroups/write"


@pytest.fixture
def desk(key: SigningKey) -> Desk:
    return Desk(key)


class FullDisk:
    """Lets everything be written, and then every commit fail, as on a disk that is full."""

    def __init__(self, desk: Desk) -> None:
        self._connection = desk.cloud.store.connection
        self._connection.executescript(
            "PRAGMA foreign_keys = ON; CREATE TABLE room (id PRIMARY KEY);"
            "CREATE TABLE wanted (room REFERENCES room DEFERRABLE INITIALLY DEFERRED);"
        )

    def __enter__(self) -> None:
        for table in ("resources", "role_assignments", "long_operations"):
            for change in ("INSERT", "UPDATE", "DELETE"):
                when = f"{table}_{change} AFTER {change} ON {table}"
                self._connection.execute(f"CREATE TRIGGER {when} BEGIN INSERT INTO wanted VALUES (1); END")

    def __exit__(self, *error: object) -> None:
        for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            self._connection.execute(f"DROP TRIGGER {name}")


class RecordedScripts:
    """Starts and stops no script, and tells which were to be."""

    limit = 60.0

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def start(self, operation_id: str, *_: object) -> None:
        self.told.append(("start", operation_id))

    def stop(self, operation_id: str) -> None:
        self.told.append(("stop", operation_id))


def put_role(desk: Desk, *actions: str) -> Answer:
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    permissions = [{"actions": list(actions)}]
    properties = {"roleName": "Groups", "assignableScopes": [desk.subscription], "permissions": permissions}
    return desk.ask("PUT", path, {"properties": properties}, version=AUTHORIZATION)


def allows(desk: Desk, action: str) -> bool:
    return desk.cloud.gate.allows(desk.caller("learner").object_id, action, desk.group)


def test_a_role_that_could_not_be_written_is_not_in_force(desk: Desk) -> None:
    assert put_role(desk, READ).status == 201
    desk.grant(desk.caller("learner"), ROLE, desk.subscription)
    assert allows(desk, READ) and not allows(desk, WRITE)
    with FullDisk(desk):
        assert put_role(desk, READ, WRITE).status == 503
        assert not allows(desk, WRITE)
    assert not allows(desk, WRITE)
    assert put_role(desk, READ, WRITE).status == 201
    assert allows(desk, WRITE)


def test_a_role_that_could_not_be_deleted_stays_in_force(desk: Desk) -> None:
    assert put_role(desk, READ).status == 201
    path = f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"
    with FullDisk(desk):
        assert desk.ask("DELETE", path, version=AUTHORIZATION).status == 503
    desk.grant(desk.caller("learner"), ROLE, desk.subscription)
    assert allows(desk, READ)


def test_a_role_that_was_tried_within_a_transaction_is_undone_with_it(desk: Desk) -> None:
    assert put_role(desk, READ).status == 201
    desk.grant(desk.caller("learner"), ROLE, desk.subscription)
    with pytest.raises(LookupError):
        desk.do(lambda: try_and_fail(desk))
    assert not allows(desk, WRITE)


def try_and_fail(desk: Desk) -> None:
    store = desk.cloud.store
    found = store.get(f"{desk.subscription}/providers/Microsoft.Authorization/roleDefinitions/{ROLE}")
    assert found is not None
    found.properties["permissions"][0]["actions"].append(WRITE)
    with pytest.raises(KeyError), store.attempt():
        store.put(found)
        desk.cloud.roles.forget()
        assert allows(desk, WRITE)
        raise KeyError
    assert not allows(desk, WRITE)
    store.put(found)
    desk.cloud.roles.forget()
    assert allows(desk, WRITE)
    raise LookupError


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_grant_that_could_not_be_written_changes_nothing(desk: Desk, method: str) -> None:
    learner = desk.caller("learner")
    path = f"{desk.group}/providers/Microsoft.Authorization/roleAssignments/{ROLE}"
    properties = {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": learner.object_id,
        "principalType": "ServicePrincipal",
    }
    if method == "DELETE":
        assert desk.ask("PUT", path, {"properties": properties}, version=AUTHORIZATION).status == 201
    before = allows(desk, READ)
    with FullDisk(desk):
        assert desk.ask(method, path, {"properties": properties}, version=AUTHORIZATION).status == 503
        assert allows(desk, READ) is before
    assert allows(desk, READ) is before is (method == "DELETE")


def test_what_was_due_when_nothing_could_be_kept_is_done_afterwards(key: SigningKey) -> None:
    desk = Desk(key, REALISTIC)
    assert desk.ask("DELETE", desk.group, version="2024-07-01").status == 202
    desk.clock.advance(REALISTIC.seconds("group.delete"))
    with FullDisk(desk):
        assert desk.ask("GET", desk.group, version="2024-07-01").status == 503
    assert desk.ask("GET", desk.group, version="2024-07-01").status == 404


def test_what_was_begun_and_not_kept_is_not_due(key: SigningKey) -> None:
    desk = Desk(key, REALISTIC)
    with FullDisk(desk):
        assert desk.ask("DELETE", desk.group, version="2024-07-01").status == 503
    desk.clock.advance(REALISTIC.seconds("group.delete"))
    assert desk.ask("GET", desk.group, version="2024-07-01").body["properties"] == {"provisioningState": "Succeeded"}


@pytest.mark.parametrize("operation", ["powerOff", "deallocate", "start", "restart", "redeploy"])
def test_a_machine_whose_power_could_not_be_written_stays_as_it_is(desk: Desk, operation: str) -> None:
    machines = Machines(desk)
    if operation == "start":
        machines.ask("POST", f"{machines.path()}/deallocate")
    before = machines.stored()
    with FullDisk(desk):
        assert machines.ask("POST", f"{machines.path()}/{operation}").status == 503
        assert machines.stored() == before
    assert machines.ask("POST", f"{machines.path()}/{operation}").status == 202


def test_a_script_that_could_not_be_written_down_is_neither_begun_nor_ended(desk: Desk) -> None:
    machines, scripts = Machines(desk), RecordedScripts()
    desk.cloud.scripts = cast(Scripts, scripts)
    linux = machines.body(machines.interface("web1"), image=UBUNTU, adminPassword=None, linuxConfiguration=SSH)
    machines.put(linux, "web")
    run = (f"{machines.path('web')}/runCommand", {"commandId": "RunShellScript", "script": ["true"]})
    full_disk = FullDisk(desk)
    with full_disk:
        assert machines.ask("POST", *run).status == 503
    assert scripts.told == []
    assert machines.ask("POST", *run).status == 202
    with full_disk:
        assert machines.ask("POST", f"{machines.path('web')}/powerOff").status == 503
    assert [what for what, _ in scripts.told] == ["start"]
    assert machines.ask("POST", f"{machines.path('web')}/powerOff").status == 202
    assert [what for what, _ in scripts.told] == ["start", "stop"]
