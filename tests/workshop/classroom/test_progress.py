"""How far the class is: read off the state of Azure, shown in a terminal and on a page, with few calls."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.mgmt.compute.models import VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroupPatchable

from tests.support.needs import in_need_of
from tests.support.sandbox import RunningSandbox
from tests.workshop.classroom.crowd import make_crowd
from tests.workshop.classroom.lesson import Grace, Lesson, class_of, learner
from workshop.classroom.clients import Clients, RefusedError
from workshop.classroom.inventory import take_inventory
from workshop.classroom.progress import (
    MILESTONES,
    LatestSnapshot,
    LearnerProgress,
    Reading,
    Snapshot,
    Status,
    progress_of,
    serve,
    take_snapshot,
)
from workshop.errors import WorkshopError

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
CROWD = 300  # learners


def snapshot(note: str = "") -> Snapshot:
    readings = [Reading(Status.DONE, note), *[Reading(Status.OPEN)] * 5, *[Reading(Status.UNKNOWN)] * 2]
    position = LearnerProgress(learner(name="<b>Ada</b>"), readings)
    return Snapshot(class_of([learner()]), [position], datetime.now(UTC).isoformat(), 0.5)


def test_the_table_has_a_row_for_each_learner(running_lesson: Lesson, capsys: Capture) -> None:
    assert running_lesson.run("progress") == 0
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.strip().startswith(("Ada", "Grace", "José"))]
    assert [row.split()[2:] for row in rows] == [["✓", "✓", "✓", "·", "·", "·", "?", "?"]] * 3
    assert "Of 3 learners have  Group 3   Rights 3   VM 3   Identity 0   Assigned 0   Granted 0" in said
    assert "Azure keeps no record of it" in said


def test_three_hundred_learners_take_no_more_calls_than_three(
    sandbox: RunningSandbox, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    classroom = make_crowd(sandbox, CROWD)
    with caplog.at_level("INFO", "sandbox.access"):
        learners = take_snapshot(clients, classroom).learners
    calls = [record for record in caplog.records if record.name == "sandbox.access"]
    assert 5 <= len(calls) <= 8, "a handful of lists, and a sign-in or two; never one for each learner"
    done = [[reading.status for reading in each.readings[:6]].count(Status.DONE) for each in learners]
    assert len(done) == CROWD
    assert [done.count(number) for number in (3, 4, 5, 6)] == [75, 75, 75, 75]


def test_lists_of_several_pages_are_read_to_their_end(
    sandbox: RunningSandbox, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = make_crowd(sandbox, 12)
    monkeypatch.setattr("sandbox.arm.listing.PAGE_SIZE", 5)
    learners = take_snapshot(clients, classroom).learners
    assert all(each.readings[2].status is Status.DONE for each in learners)


@contextmanager
def page(look: Any, every: float = 0.05) -> Iterator[str]:
    """The page of ``progress --page``; its address."""
    ready: list[str] = []
    there = threading.Event()
    loop = asyncio.new_event_loop()

    def tell(address: str) -> None:
        ready.append(address)
        there.set()

    task = loop.create_task(serve(look, every, 0, tell))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        assert there.wait(10)
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()


def state_of(address: str) -> str:
    """The address of what the page asks for."""
    return address.replace("/?", "/state?")


def test_the_page_shows_the_class_of_this_moment(running_lesson: Lesson) -> None:
    clients, classroom = running_lesson.clients(), running_lesson.classroom
    with page(lambda: take_snapshot(clients, classroom)) as address:
        state = requests.get(state_of(address), timeout=10).json()
    assert [each["name"] for each in state["learners"]] == ["Ada Lovelace", "Grace Hopper", "José Álvarez"]
    assert state["learners"][0]["states"] == ["done"] * 3 + ["open"] * 3 + ["unknown"] * 2
    assert [step["title"] for step in state["milestones"]] == [step.title for step in MILESTONES]
    assert (state["class"], state["target"], state["error"]) == ("friday", "sandbox", "")
    secret = running_lesson.folder.sign_ins.read_text("utf-8").splitlines()[1].rpartition(",")[2]
    assert secret not in str(state)


def test_it_needs_nothing_from_elsewhere_and_no_other_site_may_use_it() -> None:
    with page(snapshot) as address:
        answer = requests.get(address, timeout=10)
        spoofed = requests.get(state_of(address), headers={"Host": "evil.example"}, timeout=10)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'nonce-")
    nonce = answer.headers["Content-Security-Policy"].split("nonce-")[1].split("'")[0]
    assert answer.text.count(f'nonce="{nonce}"') == 2
    assert "{{" not in answer.text
    assert "http://" not in answer.text and "https://" not in answer.text
    assert spoofed.status_code == 403


def test_it_is_shown_to_those_who_have_its_address() -> None:
    with page(snapshot) as address, page(snapshot) as another:
        whole, without, wrong = address, address.partition("?")[0], address[:-1] + ("b" if address[-1] == "a" else "a")
        others = address.partition("?")[0] + "?" + another.partition("?")[2]
        answers = [requests.get(each, timeout=10) for each in (whole, without, wrong, others)]
        states = [requests.get(state_of(each), timeout=10) for each in (whole, wrong, others)]
        states.append(requests.get(f"{without}state", timeout=10))
    assert [answer.status_code for answer in answers] == [200, 403, 403, 403]
    assert [answer.status_code for answer in states] == [200, 403, 403, 403]
    assert "Ada" not in "".join(answer.text for answer in states[1:])
    token = whole.partition("?token=")[2]
    assert len(token) == 43 and token not in answers[0].text


def test_it_listens_on_this_computer_only() -> None:
    with page(snapshot) as address:
        assert address.startswith("http://127.0.0.1:")


def test_what_cannot_be_asked_is_said_with_what_was_known_last() -> None:
    answers: list[Snapshot | WorkshopError] = [RefusedError("Nothing answers."), snapshot(), RefusedError("Gone.")]

    def look() -> Snapshot:
        answer = answers.pop(0)
        if isinstance(answer, WorkshopError):
            raise answer
        return answer

    with page(look, every=0) as address:
        first, second, third = (requests.get(state_of(address), timeout=10).json() for _ in range(3))
    assert first == {"error": "Nothing answers.", "every": 0}
    assert second["error"] == "" and len(second["learners"]) == 1
    assert third["error"] == "Gone." and third["learners"] == second["learners"]


def test_many_browsers_ask_azure_no_more_often_than_one() -> None:
    looks: list[None] = []

    def look() -> Snapshot:
        looks.append(None)
        return snapshot()

    async def ask() -> None:
        state = LatestSnapshot(look, every=60)
        await asyncio.gather(*(state.current() for _ in range(20)))

    asyncio.run(ask())
    assert len(looks) == 1


def test_a_browser_draws_it() -> None:
    browser = in_need_of("chromium", "google-chrome")
    with page(lambda: snapshot("a note")) as address:
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom", address]
        drawn = subprocess.run([browser, *words], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "How far the class friday is (sandbox)" in drawn
    assert "&lt;b&gt;Ada&lt;/b&gt;" in drawn and "<b>Ada</b>" not in drawn
    assert '<td class="done" aria-label="Group: is there">✓</td>' in drawn
    assert drawn.count('class="unknown"') == 2
    assert "1 of 1" in drawn and "not known" in drawn and "<td>a note</td>" in drawn


def test_a_port_that_is_taken_is_named() -> None:
    with page(snapshot) as address:
        port = urlsplit(address).port or 0
        with pytest.raises(WorkshopError, match=f"port {port}"):
            asyncio.run(serve(snapshot, 1, port, print))
