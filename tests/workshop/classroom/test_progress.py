"""How far the class is: read off the state of Azure, shown in a terminal, with few calls."""

from __future__ import annotations

import pytest
from azure.mgmt.compute.models import VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroupPatchable

from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.crowd import make_crowd
from tests.workshop.classroom.lesson import Grace, Lesson, learner
from workshop.classroom.clients import Clients
from workshop.classroom.commands import counts
from workshop.classroom.inventory import take_inventory
from workshop.classroom.progress import (
    MILESTONES,
    LearnerProgress,
    Reading,
    Status,
    progress_of,
    take_snapshot,
)

PROVIDED = "done done done"


@pytest.fixture
def grace(lesson: Lesson) -> Grace:
    assert lesson.run("provision", "--yes", "grace-hopper") == 0
    return Grace(lesson)


def test_step_by_step(grace: Grace) -> None:
    assert grace.states() == f"{PROVIDED} open open open"
    assert grace.position().next_milestone == MILESTONES[3]
    identity = grace.make()
    assert grace.states() == f"{PROVIDED} done open open"
    grace.assign(identity)
    assert grace.states() == f"{PROVIDED} done done open"
    grace.grant(str(identity.principal_id))
    assert grace.states() == f"{PROVIDED} done done done"
    assert grace.position().next_milestone is None
    assert grace.position().notes == []


def test_a_token_and_a_read_leave_nothing_in_azure(grace: Grace) -> None:
    assert [reading.status for reading in grace.position().readings[6:]] == ["unknown", "unknown"]


def test_before_they_are_provided_for_nothing_is_there(lesson: Lesson) -> None:
    clients = lesson.clients()
    position = progress_of(lesson.classroom, lesson.learner("ada"), take_inventory(clients), clients.subscription)
    assert [reading.status for reading in position.readings] == ["open"] * 6 + ["unknown"] * 2
    assert position.next_milestone == MILESTONES[0]


def test_an_identity_of_another_name_is_named(grace: Grace) -> None:
    grace.make("ID1")
    assert grace.states() == f"{PROVIDED} open open open"
    assert grace.position().notes == ["there is ID1, but no id-grace-hopper"]


def test_a_role_for_the_client_id_is_found(grace: Grace) -> None:
    grace.grant(str(grace.make().client_id))
    assert grace.states() == f"{PROVIDED} done open wrong"
    assert "has to be the principal id" in grace.position().notes[0]


def test_a_role_at_another_scope_is_found(grace: Grace) -> None:
    machine = f"{grace.scope}/providers/Microsoft.Compute/virtualMachines/{grace.me.vm_name}"
    grace.grant(str(grace.make().principal_id), machine)
    assert grace.states() == f"{PROVIDED} done open wrong"
    assert machine in grace.position().notes[0]


def test_a_machine_that_refers_to_a_deleted_identity_is_found(grace: Grace) -> None:
    grace.assign(grace.make())
    grace.identities.delete(grace.group, grace.me.identity_name)
    assert grace.states() == f"{PROVIDED} open wrong open"


def test_a_machine_that_has_an_identity_from_before_it_was_made_again_is_found(grace: Grace) -> None:
    grace.assign(grace.make())
    grace.identities.delete(grace.group, grace.me.identity_name)
    again = grace.make()
    assert grace.states() == f"{PROVIDED} done wrong open"
    assert "assign it again" in grace.position().notes[0]
    grace.compute.begin_update(
        grace.group, grace.me.vm_name, VirtualMachineUpdate(identity=VirtualMachineIdentity(type="None"))
    ).result()
    grace.assign(again)
    assert grace.states() == f"{PROVIDED} done done open"


def test_a_stopped_machine_is_shown_as_such(grace: Grace) -> None:
    grace.compute.begin_deallocate(grace.group, grace.me.vm_name).result()
    reading = grace.position().readings[2]
    assert (reading.status, reading.note) == (Status.WRONG, "vm-grace-hopper does not run: VM deallocated")
    grace.compute.begin_start(grace.group, grace.me.vm_name).result()
    assert grace.position().readings[2].status is Status.DONE


def test_a_deleted_machine_is_missing(grace: Grace) -> None:
    identity = grace.make()
    grace.compute.begin_delete(grace.group, grace.me.vm_name).result()
    grace.grant(str(identity.principal_id))
    assert grace.states() == "done done open done open done"


def test_a_learner_who_gave_their_rights_away_is_found(grace: Grace) -> None:
    (mine,) = [
        each for each in grace.roles.list_for_scope(grace.scope, filter="atScope()") if each.scope == grace.scope
    ]
    grace.roles.delete_by_id(mine.id)
    assert grace.states() == "done open done open open open"


def test_a_group_whose_marks_were_changed_is_found(grace: Grace) -> None:
    groups = grace.lesson.client_of("grace", ResourceManagementClient).resource_groups
    tags = dict(groups.get(grace.group).tags or {})
    groups.update(grace.group, ResourceGroupPatchable(tags={**tags, "learner": "ada-lovelace"}))
    assert grace.states().startswith("wrong done done")


def test_names_compare_without_regard_to_case(grace: Grace) -> None:
    identity = grace.make(grace.me.identity_name.upper())
    identity.id = str(identity.id).upper()
    grace.assign(identity)
    grace.grant(str(identity.principal_id), grace.scope.upper().replace("/SUBSCRIPTIONS/", "/subscriptions/"))
    assert grace.states() == f"{PROVIDED} done done done"


Capture = pytest.CaptureFixture[str]
CROWD = 40  # learners: four times as many as calls are allowed


def test_the_table_has_a_row_for_each_learner(running_lesson: Lesson, capsys: Capture) -> None:
    assert running_lesson.run("progress") == 0
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.strip().startswith(("Ada", "Grace", "José"))]
    assert [row.split()[2:] for row in rows] == [["✓", "✓", "✓", "·", "·", "·", "?", "?"]] * 3
    assert "Of 3 learners have  Group 3   Rights 3   VM 3   Identity 0   Assigned 0   Granted 0" in said
    assert "Azure keeps no record of it" in said


def test_one_learner_is_counted_as_one() -> None:
    alone = LearnerProgress(learner(1, "ada", "Ada"), [Reading(Status.DONE) for _ in MILESTONES])
    assert counts([alone]).startswith("Of 1 learner has  Group 1 ")


def test_forty_learners_take_no_more_calls_than_three(
    sandbox: RunningSandbox, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    classroom = make_crowd(sandbox, CROWD)
    with caplog.at_level("INFO", "sandbox.access"):
        learners = take_snapshot(clients, classroom)
    calls = [record for record in caplog.records if record.name == "sandbox.access"]
    assert 6 <= len(calls) <= 9, "a handful of lists, and a sign-in or two; never one for each learner"
    done = [[reading.status for reading in each.readings[:6]].count(Status.DONE) for each in learners]
    assert len(done) == CROWD
    assert [done.count(number) for number in (3, 4, 5, 6)] == [CROWD // 4] * 4


def test_lists_of_several_pages_are_read_to_their_end(
    sandbox: RunningSandbox, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = make_crowd(sandbox, 12)
    monkeypatch.setattr("sandbox.arm.listing.PAGE_SIZE", 5)
    learners = take_snapshot(clients, classroom)
    assert all(each.readings[2].status is Status.DONE for each in learners)
