import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

from tests.workshop.small_notebooks import notebook, write_series
from workshop.errors import UsageError
from workshop.files import notebook_text, read_notebook, write_private, write_whole


def test_reading_and_writing_is_the_same_text(tmp_path: Path) -> None:
    write_series(tmp_path, {"00_a": notebook("print('ä')")})
    text = notebook_text(read_notebook(tmp_path / "00_a.ipynb"))
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert (tmp_path / "00_a.ipynb").read_text("utf-8") == text


def test_cells_without_ids_get_the_same_ones_each_time(tmp_path: Path) -> None:
    content = json.loads(nbformat.writes(notebook("1", "2")))
    content["nbformat_minor"] = 4
    del content["cells"][1]["id"]
    content["cells"][2]["id"] = content["cells"][0]["id"]
    (tmp_path / "old.ipynb").write_text(json.dumps(content))
    first, second = (read_notebook(tmp_path / "old.ipynb") for _ in range(2))
    assert first == second
    assert [cell["id"] for cell in first.cells] == ["c0", "cell-1", "cell-2"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '"text"',
        '{"nbformat": 4}',
        '{"nbformat": 99, "cells": []}',
        '{"cells": [{}], "nbformat": 4}',
    ],
)
def test_what_is_no_notebook_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        read_notebook(path)
    assert str(refused.value).startswith(f"{path} is not a Jupyter notebook")
    assert "\n" not in str(refused.value)


def test_a_missing_notebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        read_notebook(tmp_path / "x.ipynb")


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half of it \ud800")
    assert path.read_text() == "old"
    write_whole(path, "new\n")
    assert path.read_bytes() == b"new\n"
    assert [found.name for found in tmp_path.iterdir()] == ["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_files_keep_their_mode_and_new_ones_get_the_usual(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_whole(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode
    usual.chmod(0o640)
    write_whole(usual, "x")
    assert usual.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_a_private_file_is_private_from_its_first_moment_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process's umask is everybody's: what another thread writes at the same time has its usual mode."""
    usual, beside = tmp_path / "usual", tmp_path / "beside"
    usual.touch()
    modes: list[int] = []
    sync = os.fsync

    def look(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        beside.touch()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    (tmp_path / "secret").touch(0o644)
    write_private(tmp_path / "secret", "secret")
    assert modes == [0o600]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert beside.stat().st_mode == usual.stat().st_mode
