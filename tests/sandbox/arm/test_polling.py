"""Who may follow an operation: whoever began it, and whoever may do as much with what it is about."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from sandbox.core.ids import Ids
from sandbox.guest.scripts import Ended, Script, Scripts
from sandbox.state.directory import Caller
from tests.support.desk import Desk, code
from tests.support.machines import SSH, UBUNTU, Machines

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
GROUPS, NETWORK = "2024-11-01", "2024-05-01"


class FinishedScripts:
    """Runs no script: each has written the same, and is done at once."""

    limit = 60.0

    def start(self, operation_id: str, machine_id: str, script: Script, ended: Callable[[str, Ended], None]) -> None:
        ended(operation_id, Ended(begun=True, stdout="secret", stderr=""))


@pytest.fixture
def others(desk: Desk) -> dict[str, Caller]:
    """Somebody without a role, somebody with one elsewhere, a reader and a contributor of the group."""
    found = {name: desk.caller(name) for name in ("nobody", "neighbour", "reader", "contributor")}
    desk.grant(found["neighbour"], CONTRIBUTOR, f"{desk.subscription}/resourceGroups/contosoPayroll")
    desk.grant(found["reader"], READER, desk.group)
    desk.grant(found["contributor"], CONTRIBUTOR, desk.group)
    return found


def statuses(desk: Desk, link: str, version: str, others: dict[str, Caller]) -> dict[str, int]:
    return {name: desk.ask("GET", link, version=version, caller=caller).status for name, caller in others.items()}


def test_a_groups_deletion(slow_desk: Desk) -> None:
    desk = slow_desk
    known = {name: desk.caller(name) for name in ("nobody", "remover")}
    desk.grant(known["remover"], CONTRIBUTOR, desk.group)
    link = desk.ask("DELETE", desk.group, version=GROUPS, caller=known["remover"]).headers["Location"]
    assert statuses(desk, link, GROUPS, known) == {"nobody": 403, "remover": 202}
    desk.clock.advance(300)
    assert desk.ask("GET", desk.group, version=GROUPS).status == 404
    assert statuses(desk, link, GROUPS, known) == {"nobody": 403, "remover": 200}  # whose role went with the group


def test_a_networks_write(desk: Desk, others: dict[str, Caller]) -> None:
    path = f"{desk.group}/providers/Microsoft.Network/virtualNetworks/net"
    body = {"location": "eastus", "properties": {"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}}
    link = desk.ask("PUT", path, body, version=NETWORK).headers["Azure-AsyncOperation"]
    expected = {"nobody": 403, "neighbour": 403, "reader": 200, "contributor": 200}
    assert statuses(desk, link, NETWORK, others) == expected


def test_what_a_script_wrote_is_for_those_who_may_run_scripts(desk: Desk, others: dict[str, Caller]) -> None:
    machines, scripts = Machines(desk), FinishedScripts()
    desk.cloud.scripts = cast(Scripts, scripts)
    linux = machines.body(machines.interface("web1"), image=UBUNTU, adminPassword=None, linuxConfiguration=SSH)
    assert machines.put(linux, "web").status == 201
    run = {"commandId": "RunShellScript", "script": ["echo secret"]}
    link = machines.ask("POST", f"{machines.path('web')}/runCommand", run).headers["azure-asyncoperation"]
    expected = {"nobody": 403, "neighbour": 403, "reader": 403, "contributor": 200}
    assert statuses(desk, link, "2024-07-01", others) == expected
    output = desk.ask("GET", link, version="2024-07-01").body["properties"]["output"]
    assert "secret" in output["value"][0]["message"]


def test_one_that_never_was_is_not_found_by_whoever_has_a_role(desk: Desk, others: dict[str, Caller]) -> None:
    nobody = others.pop("nobody")
    job = base64.urlsafe_b64encode(json.dumps({"jobId": "RESOURCEGROUPDELETIONJOB-x"}).encode()).decode().rstrip("=")
    links: dict[str, Any] = {
        f"{desk.subscription}/operationresults/{job}": GROUPS,
        f"{desk.subscription}/operationresults/x": GROUPS,
        f"{desk.subscription}/providers/Microsoft.Network/locations/eastus/operations/x": NETWORK,
    }
    for link, version in links.items():
        assert set(statuses(desk, link, version, others).values()) == {404}
        assert code(desk.ask("GET", link, version=version, caller=nobody)) == "AuthorizationFailed"


def test_its_id_does_not_follow_from_the_seed(slow_desk: Desk) -> None:
    link = slow_desk.ask("DELETE", slow_desk.group, version=GROUPS).headers["Location"]
    token = link.rpartition("/")[2].partition("?")[0]
    job = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["jobId"]
    guessed = {Ids(1).guid("operation", slow_desk.group, number) for number in range(100)}
    assert job.partition("-")[2] not in guessed
