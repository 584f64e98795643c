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
from workshop.classroom.inventory import take_inventory
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
    assert lesson.run("provision", "--yes") == 0
    secret = lesson.folder.of(lesson.learner("ada")).read_environment()
    before = groups(lesson)
    capsys.readouterr()
    other = plan(lesson, tmp_path / "other")
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
    command = [sys.executable, "-m", "workshop", "provision", "--folder", str(lesson.folder.path), "--yes"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ, text=True)
    assert process.stdout is not None
    while "1 of 3" not in process.stdout.readline():
        time.sleep(0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    other = plan(lesson, tmp_path / "other")
    assert other.run("clean-up", "--yes") == 0
    assert any(name.startswith("friday-") for name in groups(lesson))
    assert lesson.run("provision", "--yes") == 0
    assert lesson.run("plan", str(lesson.path / "friday.csv")) == 0
    assert lesson.run("clean-up", "--yes") == 0
    assert not any(name.startswith("friday-") for name in groups(lesson))


class Trainer:
    """Whose every command is a process, as is the sandbox."""

    def __init__(self, path: Path) -> None:
        self.state = StateDirectory(path / "sandbox")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
        self._environment = {**kept, "AZURE_SANDBOX_DIR": str(self.state.path)}
        self.path = path

    def begin(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workshop", *words]
        return subprocess.Popen(
            command, cwd=self.path, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words: str) -> str:
        process = self.begin(*words)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def secrets(self, name: str) -> dict[str, str]:
        found = sorted((self.path / name / "learners").glob("*/environment.json"))
        return {each.parent.name: json.loads(each.read_text("utf-8"))["AZURE_CLIENT_SECRET"] for each in found}


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_both_go_on_after_everything_was_killed(tmp_path: Path) -> None:
    """One is there, the other is being provided for when its command and the sandbox are killed."""
    trainer = Trainer(tmp_path)
    (tmp_path / "friday.csv").write_text(ROSTER, "utf-8")
    runtime, _ = background.start(trainer.state, Settings())
    try:
        trainer.run("plan", "friday.csv", "--folder", "first")
        trainer.run("plan", "friday.csv", "--folder", "second", "--resource-group", "late-{handle}")
        trainer.run("provision", "--yes", "--folder", "first")
        before = trainer.secrets("first")
        process = trainer.begin("provision", "--yes", "--folder", "second", "--jobs", "1")
        assert process.stdout is not None
        assert any("1 of 3" in line for line in process.stdout)
        process.kill()
        os.kill(runtime.pid, signal.SIGKILL)
        process.wait()
        os.waitpid(runtime.pid, 0)
        background.start(trainer.state, Settings())
        trainer.run("provision", "--yes", "--folder", "second")
        assert trainer.secrets("first") == before and len(before) == 3
        assert len(trainer.secrets("second")) == 3
        for name in ("first", "second"):
            assert "All 3 learners have what they need" in trainer.run("provision", "--folder", name)
        trainer.run("clean-up", "--yes", "--folder", "second")
        assert "All 3 learners have what they need" in trainer.run("provision", "--folder", "first")
    finally:
        background.stop(trainer.state)


def test_a_folder_of_a_class_is_ignored_by_git(lesson: Lesson) -> None:
    assert (lesson.folder.path / ".gitignore").read_text() == "*\n"
