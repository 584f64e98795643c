"""What the command refuses before it begins."""

from pathlib import Path

import pytest

from tests.workshop.batch.conftest import BatchFolder, identities, shows
from workshop.cli import main


@pytest.mark.parametrize(
    "words", [["--jobs", "0"], ["--jobs", "x"], ["--retries", "-1"], ["--timeout", "0"], ["--timeout", "nan"], ["--no"]]
)
def test_numbers_are_checked(desk: BatchFolder, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    with pytest.raises(SystemExit) as ended:
        desk.run(*words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_the_notebooks_are_not_written_over(desk: BatchFolder, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    before = (desk.notebooks / "00_a.ipynb").read_bytes()
    assert main([*desk.words(), "--output", str(desk.notebooks)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (desk.notebooks / "00_a.ipynb").read_bytes() == before


@pytest.mark.parametrize("records", [False, True])
def test_a_folder_with_anything_but_a_batch_is_left_alone(
    desk: BatchFolder, records: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    desk.output.mkdir()
    (desk.output / "letter.txt").write_text("Dear Ada")
    assert desk.run(*(["--records", str(desk.output / "records")] if records else [])) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"workshop: {desk.output} is not empty and has no batch in it; choose another folder as --output."
    ]
    assert [path.name for path in desk.output.iterdir()] == ["letter.txt"]


def test_a_folder_that_cannot_be_made_is_refused(desk: BatchFolder, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    (desk.folder / "file").touch()
    assert main([*desk.words(), "--output", str(desk.folder / "file" / "output")]) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_a_damaged_manifest_is_not_gone_on_with(desk: BatchFolder, capsys: pytest.CaptureFixture[str]) -> None:
    desk.write({"00_a": shows("1")}, identities(1))
    desk.output.mkdir()
    (desk.output / "manifest.jsonl").write_text("not one\n")
    assert desk.run("--resume") == 1
    assert "damaged or not a batch's manifest" in capsys.readouterr().err
    assert (desk.output / "manifest.jsonl").read_text() == "not one\n"


def test_what_is_wrong_with_rows_does_nothing_on_a_terminal(
    desk: BatchFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write({"00_a": shows("1")}, [{"colour\x1b[2J\x1b]0;title\x07": "red", "name": "a\x9b1A"}])
    assert desk.run() == 2
    said = capsys.readouterr().err
    assert "column colour: There is no parameter 'colour'." in said
    assert "'a' cannot be the name of a folder" in said


def test_without_dask_it_says_what_to_install(
    desk: BatchFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["batch", str(Path("rows.csv"))]) == 2
    assert "extra 'batch'" in capsys.readouterr().err
