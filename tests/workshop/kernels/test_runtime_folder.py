"""A process's folder for connections is private, and gone after it however it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = """
import os, sys, time
from workshop.kernels.manager import runtime_folder
folder = runtime_folder()
assert folder == runtime_folder()
(folder / "connection.json").touch()
print(folder, flush=True)
if os.fork() == 0:
    sys.exit()  # its exit functions are the same
os.wait()
print(folder.is_dir(), flush=True)
sys.stdin.read()
"""


def started() -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", SOURCE]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert process.stdout.readline() == "True\n"
    return process, folder


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_it_is_private_and_gone_when_its_process_has_exited() -> None:
    process, folder = started()
    assert folder.stat().st_mode & 0o077 == 0
    process.communicate()
    assert process.returncode == 0
    assert not folder.exists()


def test_one_that_a_killed_process_has_left_is_removed_by_the_next_and_one_in_use_is_not(tmp_path: Path) -> None:
    killed, left = started()
    killed.kill()
    killed.communicate()
    assert left.is_dir()
    used, other = started()
    assert list(tmp_path.iterdir()) == [other]
    third, another = started()
    assert sorted(tmp_path.iterdir()) == sorted([other, another])
    for process in (used, third):
        process.communicate()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_yet_locked_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "warm-kernels-new").mkdir()
    process, _folder = started()
    process.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["warm-kernels-new"]
