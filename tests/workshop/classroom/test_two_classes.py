"""Two classes of the same name on one sandbox: neither changes, renews or deletes anything of the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.mgmt.resource.resources import ResourceManagementClient

from sandbox.process import background
from sandbox.state.state_directory import Settings, StateDirectory
from tests.workshop.classroom.lesson import ROSTER, Lesson
from workshop.classroom.folder import ClassFolder
from workshop.classroom.inventory import take_inventory
from workshop.cli import main
from workshop.jupyterhub.accounts import take_user_ids, user_ids_file
from workshop.paths import ROOT

Capture = pytest.CaptureFixture[str]
SCOPE = "https://management.azure.com/.default"


def plan(lesson: Lesson, path: Path, *words: str) -> Lesson:
    """Another class on the same sandbox, with a roster of the same file name in another folder."""
    path.mkdir()
    (path / "friday.csv").write_text(ROSTER, "utf-8")
    found = Lesson(lesson.sandbox, path)
    found.run("plan", str(path / "friday.csv"), *words)
    return found


def groups(lesson: Lesson) -> set[str]:
    return {str(group.name) for group in lesson.sandbox.client(ResourceManagementClient).resource_groups.list()}


def test_one_that_would_take_the_others_groups_is_refused(lesson: Lesson, tmp_path: Path, capsys: Capture) -> None:
    other = plan(lesson, tmp_path / "other")
    assert lesson.run("provision", "--yes") == 0
    secret = lesson.folder.of(lesson.learner("ada")).read_environment()
    before = groups(lesson)
    capsys.readouterr()
    assert other.run("plan", str(other.path / "friday.csv")) == 1
    assert "3 resource groups are there already, and not this class's" in capsys.readouterr().out
    assert other.classroom.name == lesson.classroom.name
    for command in (("provision", "--yes"), ("reset", "ada-lovelace", "--yes")):
        assert other.run(*command) != 0
        assert "was not made for Ada Lovelace of this class" in capsys.readouterr().err
    assert other.run("clean-up", "--yes") == 0
    assert "Nothing is left" in capsys.readouterr().out
    assert other.run("progress") == 0
    assert "not marked as made for this learner" in capsys.readouterr().out
    assert groups(lesson) == before
    assert lesson.folder.of(lesson.learner("ada")).read_environment() == secret
    assert lesson.credential_of("ada").get_token(SCOPE)


def test_with_groups_of_other_names_both_are_held_and_cleaned_up_apart(lesson: Lesson, tmp_path: Path) -> None:
    other = plan(lesson, tmp_path / "other", "--resource-group", "late-{handle}")
    assert lesson.run("provision", "--yes") == 0
    first = lesson.folder.of(lesson.learner("ada")).read_environment()
    assert other.run("provision", "--yes") == 0
    second = other.folder.of(other.learner("ada")).read_environment()
    assert first == lesson.folder.of(lesson.learner("ada")).read_environment()
    assert first and second and first["AZURE_CLIENT_ID"] != second["AZURE_CLIENT_ID"]
    assert other.run("clean-up", "--yes") == 0
    assert len(take_inventory(lesson.clients()).principals) > 3
    assert lesson.credential_of("ada").get_token(SCOPE)
    assert {"friday-ada-lovelace", "late-ada-lovelace"} & groups(lesson) == {"friday-ada-lovelace"}


def test_a_class_knows_its_own_after_a_kill(lesson: Lesson, tmp_path: Path, capsys: Capture) -> None:
    """Killed while it provides: the same folder goes on, and another of its name still keeps off."""
    other = plan(lesson, tmp_path / "other")
    command = [sys.executable, "-m", "workshop", "provision", "--folder", str(lesson.folder.path), "--yes"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ, text=True)
    assert process.stdout is not None
    while "1 of 3" not in process.stdout.readline():
        time.sleep(0)
    process.kill()
    process.wait()
    assert other.run("clean-up", "--yes") == 0
    assert any(name.startswith("friday-") for name in groups(lesson))
    assert lesson.run("provision", "--yes") == 0
    assert lesson.run("plan", str(lesson.path / "friday.csv")) == 0
    assert lesson.run("clean-up", "--yes") == 0
    assert not any(name.startswith("friday-") for name in groups(lesson))


def secrets(folder: Path) -> dict[str, str]:
    found = sorted((folder / "learners").glob("*/environment.json"))
    return {each.parent.name: json.loads(each.read_text("utf-8"))["AZURE_CLIENT_SECRET"] for each in found}


def user_ids(*folders: Path) -> list[dict[str, int]]:
    classes = [ClassFolder(each).load() for each in folders]
    return [take_user_ids(user_ids_file(), each, each.learners) for each in classes]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_both_go_on_after_everything_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """One is there, the other is being provided for when its command and the sandbox are killed."""
    state = StateDirectory(tmp_path / "sandbox")
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(state.path))
    monkeypatch.setenv("WORKSHOP_USER_IDS", str(tmp_path / "user-ids" / "ids.json"))
    (tmp_path / "friday.csv").write_text(ROSTER, "utf-8")
    first, second = tmp_path / "first", tmp_path / "second"

    def run(command: str, folder: Path, *words: str) -> str:
        assert main([command, "--folder", str(folder), *words]) == 0
        return capsys.readouterr().out

    runtime, _ = background.start(state, Settings())
    try:
        run("plan", first, str(tmp_path / "friday.csv"))
        run("plan", second, str(tmp_path / "friday.csv"), "--resource-group", "late-{handle}")
        run("provision", first, "--yes")
        kept, numbers = secrets(first), user_ids(first, second)
        assert len({*numbers[0].values(), *numbers[1].values()}) == 6
        command = [sys.executable, "-m", "workshop", "provision", "--yes", "--folder", str(second), "--jobs", "1"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert any("1 of 3" in line for line in process.stdout)
            process.kill()
            os.kill(runtime.pid, signal.SIGKILL)
        os.waitpid(runtime.pid, 0)
        background.start(state, Settings())
        run("provision", second, "--yes")
        assert secrets(first) == kept and len(kept) == 3
        assert len(secrets(second)) == 3
        assert user_ids(second, first) == numbers[::-1]
        for each in (first, second):
            assert "All 3 learners have what they need" in run("provision", each)
        run("clean-up", second, "--yes")
        assert "All 3 learners have what they need" in run("provision", first)
    finally:
        background.stop(state)


@pytest.mark.parametrize("name", ["hub.pem", "hub-key.pem", "certificates/server.key", "class/sign-ins.csv"])
def test_what_a_trainer_keeps_beside_the_project_is_ignored_by_git(name: str) -> None:
    done = subprocess.run(["git", "check-ignore", "--no-index", name], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0


def test_a_folder_of_a_class_is_ignored_by_git(lesson: Lesson) -> None:
    assert (lesson.folder.path / ".gitignore").read_text() == "*\n"
