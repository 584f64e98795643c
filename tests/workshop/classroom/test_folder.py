"""The class's folder: it is the trainer's alone, and learners' notebooks have their values and are never lost."""

from __future__ import annotations

import csv
import io
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.folder import (
    ClassFolder,
    new_password,
    read_passwords,
    write_passwords,
)
from workshop.errors import UsageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_plan_is_kept(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "class")
    assert folder.find() is None
    with pytest.raises(UsageError, match="Begin with: python -m workshop plan"):
        folder.load()
    folder.save(class_of([learner()]))
    assert folder.load() == class_of([learner()])


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"learners": [{}]}', '{"learners": [], "nonsense": 1}'])
def test_a_spoilt_plan_is_named(tmp_path: Path, content: str) -> None:
    folder = ClassFolder(tmp_path)
    folder.plan.write_text(content)
    with pytest.raises(UsageError, match=r"class\.json is corrupt"):
        folder.load()


@posix
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "class")
    folder.save(class_of([learner()]))
    mine = folder.of(learner())
    mine.write_environment({"AZURE_CLIENT_SECRET": "it's"})
    write_passwords(folder.sign_ins, [learner()])
    private = [folder.plan, folder.sign_ins, mine.environment, mine.shell_environment]
    assert {mode(path) for path in private} == {0o600}
    assert {mode(path) for path in (folder.path, mine.path, mine.path.parent)} == {0o700}


@posix
def test_a_shell_reads_the_variables_as_they_are(tmp_path: Path) -> None:
    mine = ClassFolder(tmp_path).of(learner())
    value = 'it\'s $HOME `x` \\ "q"'
    mine.write_environment({"AZURE_CLIENT_SECRET": value})
    assert mine.read_environment() == {"AZURE_CLIENT_SECRET": value}
    script = f'. "{mine.shell_environment}"; printf %s "$AZURE_CLIENT_SECRET"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == value


def test_what_was_kept_can_be_forgotten(tmp_path: Path) -> None:
    mine = ClassFolder(tmp_path).of(learner())
    mine.forget_environment()  # there is nothing yet
    mine.write_environment({"AZURE_CLIENT_SECRET": "x"})
    mine.forget_environment()
    assert mine.read_environment() is None
    assert list(mine.path.iterdir()) == []


def test_passwords_stay_and_new_learners_get_one(tmp_path: Path) -> None:
    path = tmp_path / "sign-ins.csv"
    assert read_passwords(path) == {}
    assert write_passwords(path, [learner()]) == 2  # the trainer's as well
    first = read_passwords(path)
    assert first.keys() == {"trainer", "ada-lovelace"}
    assert write_passwords(path, [learner(), learner(2, "grace", "Hopper, Grace")]) == 1
    second = read_passwords(path)
    assert {**second, **first} == second
    write_passwords(path, [learner(2, "grace", "Grace")])
    assert read_passwords(path).keys() == {"trainer", "grace"}


def test_no_name_is_a_formula_in_the_list(tmp_path: Path) -> None:
    path = tmp_path / "sign-ins.csv"
    names = ['=HYPERLINK("https://evil.example","Ada")', "+1", "-1", "@SUM(1)", "\t=1", "Ada;=1"]
    learners = [learner(number, f"learner-{number}", name) for number, name in enumerate(names, start=1)]
    write_passwords(path, learners)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert [row["sign-in"] for row in rows] == ["trainer", *(each.handle for each in learners)]
    shown = [part for row in rows for cell in row.values() for part in re.split(r"[;\t]", cell)]
    assert not [part for part in shown if part.strip().startswith(("=", "+", "-", "@"))]
    assert write_passwords(path, learners) == 0  # they are who they were


def test_passwords_are_drawn() -> None:
    drawn = {new_password() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(each) == 14 and not set(each) & set("il10o") for each in drawn)
