"""The manifest: what is in it is true, however the writing of it ended."""

import json
import os
from pathlib import Path

import pytest

from workshop.batch.manifest import Manifest, Record, read_manifest
from workshop.errors import WorkshopError
from workshop.notebooks.outcome import State

ROWS = [Record(n, f"row-{n:04}", State.PENDING, inputs="abc") for n in range(1, 4)]


def write(path: Path) -> None:
    with Manifest(path) as manifest:
        manifest.append(*ROWS)
        manifest.append(Record(2, "row-0002", State.COMPLETED, seconds=1.5, inputs="abc"))


def test_the_last_line_about_a_row_counts(tmp_path: Path) -> None:
    write(tmp_path / "m")
    found = read_manifest(tmp_path / "m")
    assert [found[record.name].state for record in ROWS] == [State.PENDING, State.COMPLETED, State.PENDING]
    assert found["row-0002"].seconds == 1.5


def test_each_line_is_json_with_the_same_names(tmp_path: Path) -> None:
    write(tmp_path / "m")
    lines = [json.loads(line) for line in (tmp_path / "m").read_text("utf-8").splitlines()]
    assert len(lines) == 4
    assert {tuple(line) for line in lines} == {
        (
            "row",
            "name",
            "state",
            "notebook",
            "error",
            "seconds",
            "inputs",
            "parameters",
            "results",
        )
    }


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "m") == {}


def test_wherever_it_was_cut_off_it_can_be_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "m"
    write(path)
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        assert len(read_manifest(path)) == min(whole[:length].count(b"\n"), 3)
        with Manifest(path) as manifest:
            manifest.append(Record(9, "row-0009", State.FAILED, "00_a", "é\nü"))
        assert read_manifest(path)["row-0009"].error == "é\nü"
        assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_what_utf_8_cannot_hold_is_kept_all_the_same(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        manifest.append(Record(1, "row-0001", State.FAILED, error="/data/\udce4 cannot be written"))
    assert read_manifest(tmp_path / "m")["row-0001"].error == "/data/\udce4 cannot be written"


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.append(*ROWS)
        before = path.read_bytes()

        def full(fd: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(WorkshopError, match=r"No space left on device.*--resume"):
                manifest.append(ROWS[0])
        assert path.read_bytes() == before
        manifest.append(ROWS[1])
    assert path.read_bytes().startswith(before)
    assert path.read_bytes().count(b"\n") == 4


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    for content in ("[]\n", "no\n", '{"row": 1}\n', '{"row": 1, "name": "a", "state": "odd"}\n'):
        (tmp_path / "m").write_text(content)
        with pytest.raises(WorkshopError, match="not a batch's manifest"):
            read_manifest(tmp_path / "m")
