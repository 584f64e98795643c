"""Machines over time: started, stopped, followed by polling; and Compute's own quotas."""

import re

import pytest

from sandbox.arm.compute.power import running_machines
from sandbox.arm.compute.provider import GET, LIST, UPDATE
from sandbox.core.quota import TokenBuckets
from tests.support.clocks import FrozenClock
from tests.support.desk import Desk, code, message
from tests.support.machines import Machines

QUOTA = "x-ms-ratelimit-remaining-resource"


@pytest.fixture
def machines(desk: Desk) -> Machines:
    return Machines(desk)


@pytest.fixture
def slow(slow_desk: Desk) -> Machines:
    return Machines(slow_desk)


@pytest.mark.parametrize(
    ("operation", "power"),
    [
        ("powerOff", "stopped"),
        ("deallocate", "deallocated"),
        ("start", "running"),
        ("restart", "running"),
        ("redeploy", "running"),
    ],
)
def test_an_instant_operation_is_done_when_it_is_answered(machines: Machines, operation: str, power: str) -> None:
    answer = machines.ask("POST", f"{machines.path()}/{operation}")
    assert (answer.status, answer.body) == (202, None)
    assert machines.power() == power
    assert machines.get()["properties"]["provisioningState"] == "Succeeded"
    view = machines.ask("GET", f"{machines.path()}/instanceView").body
    assert view["statuses"][1]["code"] == f"PowerState/{power}"
    assert ("vmAgent" in view) == (power == "running")
    assert (machines.path() in running_machines(machines.desk.cloud)) == (power == "running")
    assert int(answer.headers["x-ms-retry-after-ms"]) < 1000


def test_the_listeners_are_told_of_every_change(machines: Machines) -> None:
    for operation in ("powerOff", "start", "deallocate", "start", "restart"):
        machines.desk.cloud.machines_changed = False
        machines.ask("POST", f"{machines.path()}/{operation}")
        assert machines.desk.cloud.machines_changed, operation
    machines.desk.cloud.machines_changed = False
    machines.ask("POST", f"{machines.path()}/start")
    machines.patch({"tags": {}})
    assert not machines.desk.cloud.machines_changed


@pytest.mark.parametrize("operation", ["restart", "redeploy"])
def test_a_machine_that_is_off_cannot_restart(machines: Machines, operation: str) -> None:
    machines.ask("POST", f"{machines.path()}/powerOff")
    answer = machines.ask("POST", f"{machines.path()}/{operation}")
    assert (answer.status, code(answer)) == (409, "OperationNotAllowed")


def test_a_machine_is_reapplied(slow: Machines) -> None:
    answer = slow.ask("POST", f"{slow.path()}/reapply")
    assert answer.status == 202
    assert slow.get()["properties"]["provisioningState"] == "Updating"
    slow.desk.clock.advance(10)
    assert slow.get()["properties"]["provisioningState"] == "Succeeded"
    assert slow.power() == "running"


def test_powering_off_what_is_deallocated_changes_nothing(machines: Machines) -> None:
    machines.ask("POST", f"{machines.path()}/deallocate")
    assert machines.ask("POST", f"{machines.path()}/powerOff").status == 202
    assert machines.power() == "deallocated"


def test_an_operation_is_followed_to_its_end(slow: Machines) -> None:
    answer = slow.patch({"tags": {"a": "b"}})
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert not {"location", "retry-after", "x-ms-retry-after-ms"} & set(headers)
    link = headers["azure-asyncoperation"]
    assert re.fullmatch(
        rf"https://localhost{slow.desk.subscription}/providers/Microsoft\.Compute/locations/eastus/operations/"
        r"[0-9a-f-]{36}\?p=[0-9a-f-]{36}&api-version=2026-04-01",
        link,
    )
    name = link.partition("?")[0].rpartition("/")[2]
    began = "2024-05-28T12:00:00.0000000+00:00"
    assert slow.ask("GET", link).body == {"startTime": began, "status": "InProgress", "name": name}
    assert slow.get()["properties"]["provisioningState"] == "Updating"
    slow.desk.clock.advance(10)
    assert slow.get()["properties"]["provisioningState"] == "Succeeded"
    assert slow.ask("GET", link).body == {
        "startTime": began,
        "endTime": "2024-05-28T12:00:10.0000000+00:00",
        "status": "Succeeded",
        "name": name,
    }


def test_location_leads_to_202_until_it_is_done(slow: Machines) -> None:
    answer = slow.ask("POST", f"{slow.path()}/deallocate")
    location = answer.headers["location"]
    assert "&monitor=true&" in location
    running = slow.ask("GET", location)
    assert (running.status, running.body, running.headers["location"]) == (202, None, location)
    slow.desk.clock.advance(30)
    done = slow.ask("GET", location)
    assert (done.status, done.body) == (200, None)


def test_any_role_in_the_subscription_follows_and_none_does_not(slow: Machines) -> None:
    link = slow.patch({}).headers["azure-asyncoperation"]
    reader = slow.desk.caller("reader")
    assert slow.ask("GET", link, caller=reader).status == 403
    slow.desk.grant(reader, "acdd72a7-3385-48ef-bd42-f606fba81ae7", slow.path())
    assert slow.ask("GET", link, caller=reader).status == 200
    unknown = re.sub(r"operations/[^?]*", "operations/nothing", link)
    assert slow.ask("GET", unknown).status == 404


def test_a_machine_goes_through_its_states(slow: Machines) -> None:
    def look() -> tuple[str, str, bool]:
        state = slow.get()["properties"]["provisioningState"]
        return state, slow.power(), bool(running_machines(slow.desk.cloud))

    slow.ask("POST", f"{slow.path()}/deallocate")
    assert look() == ("Updating", "deallocating", False)
    slow.desk.clock.advance(30)
    assert look() == ("Succeeded", "deallocated", False)
    slow.ask("POST", f"{slow.path()}/start")
    assert look() == ("Updating", "starting", False)
    slow.desk.clock.advance(19)
    assert look() == ("Updating", "starting", False)
    slow.desk.clock.advance(1)
    assert look() == ("Succeeded", "running", True)


def test_a_later_operation_overtakes_an_earlier_one(slow: Machines) -> None:
    slow.ask("POST", f"{slow.path()}/restart")
    slow.ask("POST", f"{slow.path()}/powerOff")
    slow.desk.clock.advance(15)
    slow.get()
    assert slow.power() == "stopped"
    slow.desk.clock.advance(60)
    slow.get()
    assert slow.power() == "stopped"


def test_a_machine_that_is_being_made_or_deleted_refuses_other_writes(slow: Machines) -> None:
    slow.put(slow.body(slow.interface("nic2")))
    assert slow.power("vm2") == "starting"

    def refusals() -> set[tuple[int, str]]:
        answers = [
            slow.patch({}, "vm2"),
            slow.put({"location": "eastus"}),
            slow.ask("POST", f"{slow.path('vm2')}/start"),
        ]
        return {(answer.status, code(answer)) for answer in answers}

    assert refusals() == {(409, "OperationNotAllowed")}
    slow.desk.clock.advance(40)
    assert slow.patch({}, "vm2").status == 200
    slow.ask("DELETE", slow.path("vm2"))
    assert slow.get("vm2")["properties"]["provisioningState"] == "Deleting"
    assert refusals() == {(409, "OperationNotAllowed")}
    assert "marked for deletion" in message(slow.patch({}, "vm2"))
    assert slow.ask("DELETE", slow.path("vm2")).status == 202
    slow.desk.clock.advance(30)
    assert slow.ask("GET", slow.path("vm2")).status == 404
    slow.desk.clock.advance(30)
    assert slow.ask("GET", slow.path()).status == 200


def test_a_second_deletion_does_not_reach_the_next_machine_of_that_name(slow: Machines) -> None:
    slow.ask("DELETE", slow.path())
    slow.desk.clock.advance(29)
    slow.ask("DELETE", slow.path())
    slow.desk.clock.advance(1)
    interface = f"{slow.network}/networkInterfaces/myVMVMNic"
    assert slow.put(slow.body(interface), "myVM").status == 201
    slow.desk.clock.advance(60)
    assert slow.get()["properties"]["provisioningState"] == "Succeeded"


# --- quotas --------------------------------------------------------------------------------------------------------


def test_what_is_left_is_counted_for_each_machine(machines: Machines) -> None:
    machines.put(machines.body(machines.interface("nic2")))
    lefts = [machines.patch({}, name).headers[QUOTA] for name in ("myVM", "myVM", "vm2")]
    assert lefts == [
        "Microsoft.Compute/UpdateVMSubscriptionMaximum;1499,Microsoft.Compute/UpdateVMResource;11",
        "Microsoft.Compute/UpdateVMSubscriptionMaximum;1498,Microsoft.Compute/UpdateVMResource;10",
        "Microsoft.Compute/UpdateVMSubscriptionMaximum;1497,Microsoft.Compute/UpdateVMResource;11",
    ]
    listed = machines.ask("GET", f"{machines.desk.group}/providers/Microsoft.Compute/virtualMachines")
    assert listed.headers[QUOTA] == "Microsoft.Compute/HighCostGetSubscriptionMaximum;899"


def test_instant_timing_never_refuses_for_a_quota(machines: Machines) -> None:
    assert {machines.patch({}).status for _ in range(15)} == {200}


def test_realistic_timing_does_until_the_bucket_is_refilled(slow: Machines) -> None:
    assert {slow.patch({}).status for _ in range(12)} == {200}
    refused = slow.patch({})
    assert (refused.status, code(refused)) == (429, "TooManyRequests")
    assert refused.headers["Retry-After"] == "15"
    assert refused.headers[QUOTA].endswith("UpdateVMResource;0")
    slow.desk.clock.advance(15)
    assert slow.patch({}).status == 200


def test_buckets_refill_with_time_and_never_overflow() -> None:
    buckets, clock = TokenBuckets(), FrozenClock()
    for expected in (11, 10, 9):
        assert buckets.take_quota(UPDATE, "vm", clock.seconds())[0].endswith(f"UpdateVMResource;{expected}")
    clock.advance(30)
    assert buckets.take_quota(UPDATE, "vm", clock.seconds())[0].endswith("UpdateVMResource;10")
    clock.advance(3600)
    assert buckets.take_quota(UPDATE, "vm", clock.seconds())[0].endswith("UpdateVMResource;11")
    assert buckets.take_quota(GET, "vm", clock.seconds())[0].endswith("LowCostGetResource;35")
    assert buckets.take_quota(LIST, "", clock.seconds()) == ("Microsoft.Compute/HighCostGetSubscriptionMaximum;899", 0)
