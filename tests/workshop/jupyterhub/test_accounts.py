"""Each learner as a user of their own: what they can reach, and what they cannot."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workshop.classroom.lesson import class_of, learner
from workshop.classroom.folder import ClassFolder
from workshop.classroom.roster import Learner
from workshop.errors import WorkshopError
from workshop.jupyterhub.accounts import FIRST_USER_ID, account_of, check_reachable, hand_over, open_way, run_by_root

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


def tries(folder: ClassFolder, who: Learner, path: Path, verb: str = "cat") -> bool:
    """Whether a process of somebody's can do that with a file."""
    options = account_of(who, folder, separate=True).popen_options
    return subprocess.run([verb, str(path)], capture_output=True, check=False, **options).returncode == 0


def test_without_root_all_are_the_same_user(tmp_path: Path) -> None:
    account = account_of(ADA, ClassFolder(tmp_path), separate=False)
    assert account.popen_options == {"cwd": str(tmp_path / "learners" / "ada-lovelace" / "notebooks")}
    hand_over(account)  # there is nobody to hand anything over to


def test_with_root_each_learner_has_a_number() -> None:
    folder = ClassFolder(Path("class"))
    assert account_of(GRACE, folder, separate=True).user_id == FIRST_USER_ID + 2
    options = account_of(ADA, folder, separate=True).popen_options
    assert (options["user"], options["group"], options["extra_groups"]) == (80001, 80001, [])


@root_only
def test_learners_work_in_their_own_folder_and_see_nobody_elses(folder: ClassFolder) -> None:
    open_way(folder)
    for each in (ADA, GRACE):
        hand_over(account_of(each, folder, separate=True))
    mine, theirs = (folder.of(each).notebooks for each in (ADA, GRACE))
    assert tries(folder, ADA, mine / "work.ipynb")
    assert tries(folder, ADA, mine / "images" / "new", "touch")
    for path in (theirs / "work.ipynb", folder.of(GRACE).environment, folder.of(ADA).environment, folder.plan):
        assert not tries(folder, ADA, path)
    for path in (theirs, folder.path, folder.path / "learners", folder.of(GRACE).path):
        assert not tries(folder, ADA, path, "ls")
    assert not tries(folder, ADA, folder.path / "new", "touch")


@root_only
def test_links_are_not_followed_when_files_are_handed_over(folder: ClassFolder, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "file").write_text("root's")
    home = folder.of(ADA).notebooks
    (home / "link").symlink_to(private / "file")
    (home / "folder").symlink_to(private)
    (home / "hard").hardlink_to(private / "file") if home.stat().st_dev == private.stat().st_dev else None
    hand_over(account_of(ADA, folder, separate=True))
    assert (private / "file").stat().st_uid == private.stat().st_uid == 0
    assert (home / "work.ipynb").stat().st_uid == 80001


@root_only
def test_a_folder_that_learners_cannot_get_to_is_named(folder: ClassFolder) -> None:
    account = account_of(ADA, folder, separate=True)
    with pytest.raises(WorkshopError, match=f"user 80001, cannot use {account.home}"):
        check_reachable(account, [sys.executable])


@root_only
def test_so_is_a_python_that_they_cannot_run(folder: ClassFolder) -> None:
    account = account_of(ADA, folder, separate=True)
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
        hand_over(account_of(ADA, ClassFolder(tmp_path), separate=True))
    assert list(tmp_path.iterdir()) == []
