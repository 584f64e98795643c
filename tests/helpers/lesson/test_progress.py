"""How far one is, as the saved notebooks have it."""

from __future__ import annotations

from pathlib import Path

from nbformat import v4, write

from helpers.lesson.progress import how_far


def saved(folder: Path, name: str, runs: list[int | None], said: str = "") -> None:
    cells = [v4.new_markdown_cell(f"# About {name}\n\nText"), v4.new_code_cell("")]
    for count in runs:
        outputs = [v4.new_output("execute_result", {"text/plain": said})] if count and said else []
        cells.append(v4.new_code_cell("1 + 1", execution_count=count, outputs=outputs))
    write(v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


def test_what_was_run_and_what_is_solved(tmp_path: Path) -> None:
    saved(tmp_path, "00_begin", [1, 2], "Right: it is.")
    saved(tmp_path, "01_middle", [7, None], "Not yet: Right: is missing.")
    saved(tmp_path, "02_end", [None, None])
    saved(tmp_path, "index", [1])
    assert how_far(tmp_path).rows == (
        ("00 About 00_begin", "all", "solved"),
        ("01 About 01_middle", "1 of 2", ""),
        ("02 About 02_end", "", ""),
    )


def test_a_notebook_that_cannot_be_read_is_a_row_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "00_half.ipynb").write_text("{")
    (tmp_path / "01_list.ipynb").write_text("[]")
    (tmp_path / "02_none.ipynb").write_text('{"cells": []}')
    saved(tmp_path, "03_end", [1])
    assert [row[1] for row in how_far(tmp_path).rows] == ["cannot be read"] * 3 + ["all"]


def test_without_notebooks_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert repr(how_far(tmp_path)) == "(nothing)"
