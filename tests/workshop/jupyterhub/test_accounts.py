"""Each learner as a user of their own: what they can reach, and what they cannot."""

from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.classroom import Learner
from workshop.classroom.folder import ClassFolder
from workshop.command import run_by_root
from workshop.errors import WorkshopError
from workshop.jupyterhub.accounts import (
    FIRST_USER_ID,
    Account,
    account_of,
    check_reachable,
    hand_over,
    open_way,
    take_user_ids,
)

ADA, GRACE = learner(), learner(2, "grace-hopper", "Grace Hopper")
root_only = pytest.mark.skipif(not run_by_root(), reason="only root can start processes of other users")


@pytest.fixture
def folder() -> Iterator[ClassFolder]:
    """A class provided for by root, in a place that others may get to."""
    with tempfile.TemporaryDirectory(prefix="class-") as path:
        Path(path).chmod(0o711)
        found = ClassFolder(Path(path) / "class")
        found.save(class_of([ADA, GRACE]))
        for each in (ADA, GRACE):
            mine = found.of(each)
            mine.write_environment({"AZURE_CLIENT_SECRET": "secret"})
            (mine.notebooks / "images").mkdir(parents=True)
            mine.notebooks.chmod(0o700)
            (mine.notebooks / "work.ipynb").write_text(each.name)
        yield found


def user_ids_of(folder: ClassFolder) -> Path:
    """What belongs to a computer, in a test's folder."""
    return folder.path.parent / "user-ids" / "ids.json"


def tries(folder: ClassFolder, who: Learner, path: Path, verb: str = "cat") -> bool:
    """Whether a process of somebody's can do that with a file."""
    options = account_of(who, folder, user_ids_of(folder)).popen_options
    return subprocess.run([verb, str(path)], capture_output=True, check=False, **options).returncode == 0


def test_without_root_all_are_the_same_user(tmp_path: Path) -> None:
    account = account_of(ADA, ClassFolder(tmp_path), None)
    assert account.popen_options == {"cwd": str(tmp_path / "learners" / "ada-lovelace" / "notebooks")}
    hand_over(account)  # there is nobody to hand anything over to


def test_with_root_each_learner_has_a_number(folder: ClassFolder) -> None:
    options = account_of(ADA, folder, user_ids_of(folder)).popen_options
    assert (options["user"], options["group"], options["extra_groups"]) == (80001, 80001, [])
    assert account_of(GRACE, folder, user_ids_of(folder)).user_id == 80002
    assert account_of(ADA, folder, user_ids_of(folder)).user_id == 80001


def test_no_two_classes_on_a_computer_share_a_number(tmp_path: Path) -> None:
    friday, other = class_of([ADA, GRACE]), replace(class_of([ADA]), id="another")
    user_ids = tmp_path / "state" / "ids.json"
    assert take_user_ids(user_ids, friday, friday.learners) == {"ada-lovelace": 80001, "grace-hopper": 80002}
    assert take_user_ids(user_ids, other, other.learners) == {"ada-lovelace": 80003}
    late = learner(3, "lin")
    assert take_user_ids(user_ids, friday, [late, ADA]) == {"lin": 80004, "ada-lovelace": 80001}
    assert stat.S_IMODE(user_ids.stat().st_mode) == 0o600


def test_many_who_take_one_at_the_same_time_get_different_ones(tmp_path: Path) -> None:
    classes = [replace(class_of([ADA, GRACE]), id=str(number)) for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda each: take_user_ids(tmp_path / "ids", each, each.learners), classes)
        found = [user_id for each in taken for user_id in each.values()]
    assert sorted(found) == list(range(FIRST_USER_ID, FIRST_USER_ID + 40))


def test_where_they_cannot_be_read_nobody_gets_one(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("[")
    with pytest.raises(WorkshopError, match=r"user ids in .* cannot be read"):
        take_user_ids(tmp_path / "ids", class_of([ADA]), [ADA])
    assert (tmp_path / "ids").read_text() == "["


@root_only
def test_learners_work_in_their_own_folder_and_see_nobody_elses(folder: ClassFolder) -> None:
    open_way(folder)
    for each in (ADA, GRACE):
        hand_over(account_of(each, folder, user_ids_of(folder)))
    mine, theirs = (folder.of(each).notebooks for each in (ADA, GRACE))
    assert tries(folder, ADA, mine / "work.ipynb")
    assert tries(folder, ADA, mine / "images" / "new", "touch")
    for path in (theirs / "work.ipynb", folder.of(GRACE).environment, folder.of(ADA).environment, folder.plan):
        assert not tries(folder, ADA, path)
    for path in (theirs, folder.path, folder.path / "learners", folder.of(GRACE).path):
        assert not tries(folder, ADA, path, "ls")
    assert not tries(folder, ADA, folder.path / "new", "touch")


@root_only
def test_with_another_user_id_they_find_their_own_work(folder: ClassFolder) -> None:
    """As on another computer, or on this one after the list of user ids was lost."""
    open_way(folder)
    hand_over(account_of(GRACE, folder, user_ids_of(folder)))
    home = folder.of(GRACE).notebooks
    assert home.stat().st_uid == 80001
    assert tries(folder, GRACE, home / "images" / "mine", "touch")
    user_ids_of(folder).unlink()
    assert take_user_ids(user_ids_of(folder), folder.load(), [ADA, GRACE])["grace-hopper"] == 80002
    hand_over(account_of(GRACE, folder, user_ids_of(folder)))
    assert tries(folder, GRACE, home / "work.ipynb", "touch")
    assert tries(folder, GRACE, home / "images" / "mine", "touch")
    assert not tries(folder, ADA, home / "work.ipynb")


@root_only
def test_links_are_not_followed_when_files_are_handed_over(folder: ClassFolder, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "file").write_text("root's")
    home = folder.of(ADA).notebooks
    (home / "link").symlink_to(private / "file")
    (home / "folder").symlink_to(private)
    (home / "hard").hardlink_to(private / "file") if home.stat().st_dev == private.stat().st_dev else None
    hand_over(account_of(ADA, folder, user_ids_of(folder)))
    assert (private / "file").stat().st_uid == private.stat().st_uid == 0
    assert (home / "work.ipynb").stat().st_uid == 80001


@root_only
def test_a_folder_that_learners_cannot_get_to_is_named(folder: ClassFolder) -> None:
    account = account_of(ADA, folder, user_ids_of(folder))
    with pytest.raises(WorkshopError, match=f"user 80001, cannot use {account.home}"):
        check_reachable(account, [sys.executable])


@root_only
def test_so_is_a_python_that_they_cannot_run(folder: ClassFolder) -> None:
    account = account_of(ADA, folder, user_ids_of(folder))
    open_way(folder)
    hand_over(account)
    with pytest.raises(WorkshopError, match=r"cannot use /nowhere/python .No such file"):
        check_reachable(account, ["/nowhere/python"])


@root_only
def test_nobody_has_these_numbers_already() -> None:
    import pwd

    assert not {entry.pw_uid for entry in pwd.getpwall()} & set(range(FIRST_USER_ID, FIRST_USER_ID + 1000))


def test_a_folder_that_is_not_there_cannot_be_handed_over(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        hand_over(Account(80001, tmp_path / "ada" / "notebooks"))
    assert list(tmp_path.iterdir()) == []
