"""A class from plan to clean-up, by the commands that a trainer types."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import nbformat
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.models import VirtualMachineIdentity, VirtualMachineUpdate
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup, ResourceGroupPatchable

from helpers.connection.settings import SandboxSettings, sandbox_settings
from tests.workshop.classroom.lesson import Lesson
from workshop.classroom.folder import ClassFolder
from workshop.classroom.inventory import take_inventory
from workshop.cli import main

Capture = pytest.CaptureFixture[str]
SCOPE = "https://management.azure.com/.default"


def groups(lesson: Lesson) -> set[str]:
    return {str(group.name) for group in lesson.sandbox.client(ResourceManagementClient).resource_groups.list()}


SEEDED = {"myResourceGroupVM", "contosoPayroll"}
MINE = {"friday-ada-lovelace", "friday-grace-hopper", "friday-jose-alvarez"}


def test_a_plan_shows_names_and_checks_and_changes_nothing(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("plan", str(lesson.path / "friday.csv"), "--vm-size", "Standard_XL,Standard_D2s_v3") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in (*MINE, "vm-jose-alvarez", "id-ada-lovelace"))
    assert "Standard_XL is not offered in eastus. Standard_D2s_v3 can be had" in said
    assert groups(lesson) == SEEDED
    assert lesson.classroom.vm_size == "Standard_D2s_v3"


def test_nobody_gets_the_number_of_somebody_who_left(tmp_path: Path, capsys: Capture) -> None:
    """At the hub it is their user id: whoever had it could read what the other has left behind."""
    roster, folder = tmp_path / "friday.csv", ClassFolder(tmp_path / "class")
    numbers = []
    for names in (["Ada", "Lin"], ["Ada"], ["Ada", "Grace"], ["Lin", "Grace"]):
        roster.write_text("\n".join(["name", *names]), "utf-8")
        assert main(["plan", str(roster), "--offline", "--folder", str(folder.path)]) == 0
        numbers.append({learner.name: learner.number for learner in folder.load().learners})
    assert numbers == [{"Ada": 1, "Lin": 2}, {"Ada": 1}, {"Ada": 1, "Grace": 3}, {"Lin": 2, "Grace": 3}]
    assert "Ada is no longer in the class; friday-ada stays until clean-up." in capsys.readouterr().out


def test_what_is_in_the_way_is_found_before_the_day(lesson: Lesson, capsys: Capture) -> None:
    resources = lesson.sandbox.client(ResourceManagementClient)
    resources.resource_groups.create_or_update("Friday-Ada-Lovelace", ResourceGroup(location="eastus"))
    assert lesson.run("plan", str(lesson.path / "friday.csv"), "--vm-size", "Standard_XL") == 1
    said = capsys.readouterr().out
    assert "1 resource group is there already, and not this class's: Friday-Ada-Lovelace" in said
    assert "No size can be had" in said
    assert lesson.run("provision", "--yes") == 2
    assert "was not made for Ada Lovelace" in capsys.readouterr().err
    assert groups(lesson) == SEEDED | {"Friday-Ada-Lovelace"}


def test_a_trainer_without_rights_is_told_which(
    lesson: Lesson, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = lesson.sandbox
    principal, secret = sandbox.add_principal("trainer")
    role = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleDefinitions"
    contributor = {
        "roleDefinitionId": f"{role}/b24988ac-6180-42a0-ab88-20f7382dd24c",
        "principalId": principal.object_id,
    }
    path = f"{sandbox.seed_data.subscription}/providers/Microsoft.Authorization/roleAssignments/{principal.object_id}"
    assert sandbox.arm("PUT", path, {"properties": contributor}).status_code == 201
    monkeypatch.setenv("AZURE_CLIENT_ID", principal.client_id)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", secret)
    assert lesson.run("plan", str(lesson.path / "friday.csv")) == 1
    said = capsys.readouterr().out
    assert "grant roles (Microsoft.Authorization/roleAssignments/write)" in said
    assert "make groups" not in said


def test_nothing_is_made_without_yes(lesson: Lesson, capsys: Capture) -> None:
    for words in ((), ("--dry-run",)):
        assert lesson.run("provision", *words) == 0
        assert "3 × virtual machine" in capsys.readouterr().out
    assert groups(lesson) == SEEDED
    assert not lesson.folder.sign_ins.exists()


def test_provisioned_learners_have_all_they_need(running_lesson: Lesson) -> None:
    lesson = running_lesson
    assert groups(lesson) == SEEDED | MINE
    for who in ("ada", "grace", "jose"):
        learner = lesson.learner(who)
        machine = lesson.client_of(who, ComputeManagementClient).virtual_machines.get(
            learner.resource_group, learner.vm_name
        )
        assert machine.tags is not None
        assert machine.tags["learner"] == learner.handle
        assert machine.identity is None
        assert machine.tags.get("made-by") != "managed-identity-tutorial"  # 06_clean_up would delete it


def test_their_notebooks_have_their_names_and_no_outputs(running_lesson: Lesson) -> None:
    learner = running_lesson.learner("grace")
    folder = running_lesson.folder.of(learner).notebooks
    files = sorted(folder.glob("[0-9]*.ipynb"))
    assert [file.name[:2] for file in files] == ["00", "01", "02", "03", "04", "05", "06"]
    assert (folder / "images" / "00_prerequisites.svg").exists()
    for file in files:
        node = nbformat.read(file, as_version=4)
        (cell,) = (cell for cell in node.cells if "parameters" in cell.metadata.get("tags", []))
        values: dict[str, object] = {}
        exec(cell.source, values)
        assert (values["resource_group"], values["vm_name"]) == (learner.resource_group, learner.vm_name)
        assert (values["identity_name"], values["target"], values["role"]) == (
            learner.identity_name,
            "sandbox",
            "Reader",
        )
        assert not any(cell.get("outputs") for cell in node.cells)


def test_no_secret_is_printed_unless_asked(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    assert lesson.run("help", "ada") == 0
    assert lesson.run("progress") == 0
    said = capsys.readouterr()
    kept = lesson.folder.of(lesson.learner("ada")).read_environment()
    assert kept is not None
    password = lesson.folder.sign_ins.read_text("utf-8").splitlines()[2].rpartition(",")[2]
    for secret in (kept["AZURE_CLIENT_SECRET"], password):
        assert secret not in said.out + said.err
    assert lesson.run("help", "ada", "--show-sign-in") == 0
    assert password in capsys.readouterr().out


def test_again_it_makes_what_is_missing_and_nothing_else(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace", "grace-hopper") == 0
    before = lesson.folder.of(lesson.learner("ada")).read_environment()
    capsys.readouterr()
    assert lesson.run("provision", "--yes", "--jobs", "2") == 0
    said = capsys.readouterr().out
    assert "Ada Lovelace: nothing to do" in said
    assert "José Álvarez: sign-in, group, Owner of it, virtual machine, notebooks" in said
    assert lesson.folder.of(lesson.learner("ada")).read_environment() == before
    ada = lesson.learner("ada")
    lesson.client_of("ada", ComputeManagementClient).virtual_machines.begin_delete(
        ada.resource_group, ada.vm_name
    ).result()
    capsys.readouterr()
    assert lesson.run("provision", "--yes") == 0
    assert "Ada Lovelace: virtual machine" in capsys.readouterr().out


def test_a_lost_credential_is_replaced_by_another(lesson: Lesson) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    folder = lesson.folder.of(lesson.learner("ada"))
    lost = folder.read_environment()
    assert lost is not None and lesson.credential_of("ada").get_token(SCOPE)
    folder.forget_environment()
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    assert list(lesson.client_of("ada", ResourceManagementClient).resource_groups.list())
    with pytest.raises(ClientAuthenticationError):
        lesson.sandbox.credential(lost["AZURE_CLIENT_ID"], lost["AZURE_CLIENT_SECRET"]).get_token(SCOPE)


def test_an_identity_named_like_a_learner_is_not_taken_for_them(lesson: Lesson, capsys: Capture) -> None:
    """A machine's own identity has the machine's name, and that may be any learner's principal's."""
    assert lesson.run("plan", str(lesson.path / "friday.csv"), "--vm-name", "class.friday.{handle}") == 0
    assert lesson.run("provision", "--yes", "ada-lovelace", "jose-alvarez") == 0
    for who in ("ada", "jose"):
        learner = lesson.learner(who)
        machines = lesson.client_of(who, ComputeManagementClient).virtual_machines
        block = VirtualMachineUpdate(identity=VirtualMachineIdentity(type="SystemAssigned"))
        changed = machines.begin_update(learner.resource_group, learner.vm_name, block).result()
        assert changed.identity is not None
        found = take_inventory(lesson.clients()).principal_of(lesson.classroom, learner)
        assert found not in ("", changed.identity.principal_id)
    capsys.readouterr()
    assert lesson.run("provision", "ada-lovelace", "jose-alvarez") == 0
    assert "All 2 learners have what they need." in capsys.readouterr().out
    assert lesson.run("provision", "ada-lovelace") == 0
    assert "The learner has what they need." in capsys.readouterr().out
    assert lesson.run("clean-up", "--yes") == 0
    assert "0 failed" in capsys.readouterr().out
    assert not [name for name in take_inventory(lesson.clients()).principals if name.startswith("class.")]


def test_one_learners_failure_is_nobody_elses(lesson: Lesson, capsys: Capture) -> None:
    blocked = lesson.folder.of(lesson.learner("grace")).path
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder has to be")
    assert lesson.run("provision", "--yes") == 1
    said = capsys.readouterr().out
    assert "2 provided for, 1 failed" in said
    assert {"friday-ada-lovelace", "friday-jose-alvarez"} <= groups(lesson)
    blocked.unlink()
    assert lesson.run("provision", "--yes") == 0
    assert groups(lesson) == SEEDED | MINE


def test_reset_puts_one_learner_back_and_leaves_the_others(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace", "grace-hopper") == 0
    for who in ("ada", "grace"):
        learner = lesson.learner(who)
        identities = lesson.client_of(who, ManagedServiceIdentityClient).user_assigned_identities
        identities.create_or_update(learner.resource_group, learner.identity_name, Identity(location="eastus"))
    folder = lesson.folder.of(lesson.learner("ada"))
    worked_in = folder.notebooks / "00_prerequisites.ipynb"
    worked_in.write_text("mine")
    capsys.readouterr()
    assert lesson.run("reset", "ada-lovelace") == 0
    assert "1 userAssignedIdentities" in capsys.readouterr().out
    assert len(take_inventory(lesson.clients()).identities_of(lesson.learner("ada"))) == 1
    assert lesson.run("reset", "ada-lovelace", "--yes") == 0
    inventory = take_inventory(lesson.clients())
    assert not inventory.identities_of(lesson.learner("ada"))
    assert len(inventory.machines_of(lesson.learner("ada"))) == 1
    assert len(inventory.identities_of(lesson.learner("grace"))) == 1
    assert list(lesson.client_of("ada", ResourceManagementClient).resource_groups.list())
    assert worked_in.read_text() == "mine"
    assert lesson.run("reset", "ada-lovelace", "--yes", "--notebooks") == 0
    assert json.loads(worked_in.read_text())["cells"]
    assert (folder.path / "notebooks-before-reset-1" / "00_prerequisites.ipynb").read_text() == "mine"


def test_what_changes_something_is_for_the_learner_of_that_handle(lesson: Lesson, capsys: Capture) -> None:
    (lesson.path / "friday.csv").write_text("name,handle\nMaria,m1\nMaria Smith,maria\n", "utf-8")
    assert lesson.run("plan", str(lesson.path / "friday.csv")) == 0
    assert lesson.run("provision", "--yes", "maria") == 0
    assert groups(lesson) == SEEDED | {"friday-maria"}
    capsys.readouterr()
    assert lesson.run("reset", "maria") == 0
    assert "Then Maria Smith gets everything anew." in capsys.readouterr().out
    for command in ("provision", "reset"):
        assert lesson.run(command, "Maria") == 2
        assert "no learner with the handle 'Maria'" in capsys.readouterr().err
    assert lesson.run("help", "Maria") == 2
    assert "may be Maria (m1) or Maria Smith (maria)" in capsys.readouterr().err


def test_what_a_name_says_to_a_terminal_is_not_printed(lesson: Lesson, capsys: Capture) -> None:
    names = ["Ada\x1b]0;pwned\x07 One", "Grace \x1b[2J[red]Two[/red]", "José \x9b31m Three", "Lin \x1bP+q\x1b\\ Four"]
    (lesson.path / "friday.csv").write_text(
        "\n".join(["name,handle", *(f"{n},h{i}" for i, n in enumerate(names))]), "utf-8"
    )
    for command in (
        ("plan", str(lesson.path / "friday.csv")),
        ("provision",),
        ("progress",),
        ("help", "h1"),
        ("reset", "h1"),
    ):
        assert lesson.run(*command) == 0
    assert lesson.run("help", "h") == 2
    said = capsys.readouterr()
    assert "[red]Two[/red]" in said.out
    assert not set("\x1b\x07\x9b") & set(said.out + said.err)


def test_reset_renews_a_credential_if_asked(lesson: Lesson) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    before = lesson.folder.of(lesson.learner("ada")).read_environment()
    assert lesson.run("reset", "ada-lovelace", "--yes", "--new-sign-in") == 0
    after = lesson.folder.of(lesson.learner("ada")).read_environment()
    assert before is not None and after is not None
    assert before["AZURE_CLIENT_ID"] == after["AZURE_CLIENT_ID"]
    assert before["AZURE_CLIENT_SECRET"] != after["AZURE_CLIENT_SECRET"]
    assert lesson.credential_of("ada").get_token(SCOPE)


def test_clean_up_shows_first_and_deletes_what_it_made(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes") == 0
    resources = lesson.sandbox.client(ResourceManagementClient)
    resources.resource_groups.create_or_update(
        "friday-other", ResourceGroup(location="eastus", tags={"class": "friday"})
    )
    capsys.readouterr()
    assert lesson.run("clean-up") == 0
    said = capsys.readouterr().out
    assert all(name in said for name in MINE) and f"class.friday.{lesson.classroom.id}.jose-alvarez" in said
    assert "friday-other" not in said
    assert groups(lesson) >= MINE
    work = lesson.folder.of(lesson.learner("ada")).notebooks / "00_prerequisites.ipynb"
    credential = lesson.credential_of("ada")
    assert lesson.run("clean-up", "--yes") == 0
    assert groups(lesson) == SEEDED | {"friday-other"}
    assert "class." not in "".join(take_inventory(lesson.clients()).principals)
    assert work.exists() and lesson.folder.of(lesson.learner("ada")).read_environment() is None
    with pytest.raises(ClientAuthenticationError):
        credential.get_token(SCOPE)
    capsys.readouterr()
    assert lesson.run("clean-up", "--yes") == 0
    assert "Nothing is left of the class friday" in capsys.readouterr().out


def test_what_a_learner_took_the_mark_from_stays_and_is_named(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    theirs = lesson.client_of("ada", ResourceManagementClient).resource_groups
    theirs.update("friday-ada-lovelace", ResourceGroupPatchable(tags={"mine": "yes"}))
    capsys.readouterr()
    assert lesson.run("clean-up", "--yes") == 0
    assert "stays: it is not marked as made for this class" in capsys.readouterr().out
    assert "friday-ada-lovelace" in groups(lesson)


def test_another_class_in_the_same_subscription_is_left_alone(lesson: Lesson, tmp_path: Path) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    (tmp_path / "monday.csv").write_text("name\nAda Lovelace\n")
    monday = Lesson(lesson.sandbox, tmp_path / "monday")
    assert monday.run("plan", str(tmp_path / "monday.csv")) == 0
    assert monday.run("provision", "--yes") == 0
    assert groups(lesson) == SEEDED | {"friday-ada-lovelace", "monday-ada-lovelace"}
    assert lesson.run("clean-up", "--yes") == 0
    assert groups(lesson) == SEEDED | {"monday-ada-lovelace"}
    assert monday.credential_of("ada").get_token(SCOPE)


def test_learners_come_and_go(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    (lesson.path / "friday.csv").write_text("name\nGrace Hopper\nLin Zhou\n", "utf-8")
    assert lesson.run("plan", str(lesson.path / "friday.csv")) == 0
    assert "Ada Lovelace is no longer in the class; friday-ada-lovelace stays until clean-up" in capsys.readouterr().out
    assert [learner.number for learner in lesson.classroom.learners] == [2, 4]
    [ada] = [each for each in lesson.classroom.left if each.handle == "ada-lovelace"]
    assert lesson.run("clean-up", "--yes") == 0
    assert groups(lesson) == SEEDED
    assert lesson.folder.of(ada).read_environment() is None


def test_a_plan_whose_names_are_taken_can_be_made_under_another_name(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    words = ["plan", str(lesson.path / "friday.csv"), "--folder", str(lesson.path / "second")]
    assert main(words) == 1
    assert "friday-ada-lovelace. Choose another --name." in capsys.readouterr().out
    assert main([*words, "--name", "monday"]) == 0


def test_in_a_terminal_that_is_a_learners_the_trainers_commands_say_so(
    lesson: Lesson, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lesson.run("provision", "--yes", "ada-lovelace") == 0
    for name, value in (lesson.folder.of(lesson.learner("ada")).read_environment() or {}).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    for command in (["provision"], ["progress"], ["help", "grace"], ["reset", "grace-hopper"], ["clean-up"]):
        assert lesson.run(*command) == 2
        said = capsys.readouterr().err
        assert said == "workshop: This terminal is Ada Lovelace's, by their environment.sh. Use another one.\n"


def test_a_folder_has_one_class(lesson: Lesson, capsys: Capture) -> None:
    assert lesson.run("plan", str(lesson.path / "friday.csv"), "--name", "monday") == 2
    assert "has the class friday (sandbox)" in capsys.readouterr().err


def test_without_a_plan_there_is_a_hint(tmp_path: Path, capsys: Capture) -> None:
    for command in (["provision"], ["progress"], ["help", "ada"], ["reset", "ada"], ["clean-up"]):
        assert main([*command, "--folder", str(tmp_path / "none")]) == 2
        hint = f"Begin with: python -m workshop plan ROSTER.csv --folder {tmp_path / 'none'}\n"
        assert hint in capsys.readouterr().err


def test_a_roster_can_be_looked_at_offline(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "friday.csv").write_text("name,object_id\nAda,11111111-2222-3333-4444-555555555555\n")
    words = ["--folder", str(tmp_path / "class"), "--target", "azure", "--offline"]
    assert main(["plan", str(tmp_path / "friday.csv"), *words]) == 0
    assert "friday-ada" in capsys.readouterr().out


def test_where_the_sandbox_is_is_asked_once_for_all(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def counted() -> SandboxSettings:
        asked.append(True)
        return sandbox_settings()

    monkeypatch.setattr("workshop.classroom.provision.sandbox_settings", counted)
    assert lesson.run("provision", "--yes") == 0
    assert len(asked) == 1  # outside of tests it starts two processes


def test_the_next_command_works_as_it_is_printed(
    lesson: Lesson, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for path, expected in (("a class", "--folder 'a class'"), ("class", "")):
        assert main(["plan", str(lesson.path / "friday.csv"), "--name", f"n{len(path)}", "--folder", path]) == 0
        (command,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Next: ")]
        assert command == f"Next: python -m workshop provision {expected}".rstrip()
        assert main(shlex.split(command)[4:]) == 0


def test_a_roster_that_is_not_in_utf_8_is_named(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "friday.csv").write_bytes("name\nJosé\n".encode("latin-1"))
    assert main(["plan", str(tmp_path / "friday.csv"), "--offline", "--folder", str(tmp_path / "class")]) == 0
    said = capsys.readouterr().out
    assert "is not in UTF-8; it was read as cp1252" in said
    assert "José" in said
