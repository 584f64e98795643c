"""The minutes that are promised, by one rule: 200 words a minute, 10 seconds a line of code, exercises apart."""

from __future__ import annotations

import math
import re

import pytest

from tests.notebooks.course import FOLDER, NAMES, Book, Cell, book

WORDS_A_MINUTE = 200
SECONDS_A_LINE = 10


def minutes(each: Book) -> int:
    known = {"parameters"} if each.name != NAMES[0] else set()  # the same cell in all
    body = [cell for cell in each.cells if not cell.id.startswith("exercise") and cell.id not in known]
    words = sum(words_of(cell) for cell in body if not cell.is_code)
    lines = sum(cell.lines for cell in body if cell.is_code)
    return math.ceil(words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60)


def words_of(cell: Cell) -> int:
    """Words to read, without what is folded away, and what stands in for a picture."""
    text = re.sub(r"<details>.*?</details>|!\[[^\]]*\]\([^)]*\)", "", cell.source, flags=re.DOTALL)
    return len(re.findall(r"\w[\w'’./-]*", text))


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_says_how_long_it_takes(name: str) -> None:
    opening = book(name).cells[0].source
    assert f"**Time:** {minutes(book(name))} minutes, and 5 for the exercise" in opening


@pytest.mark.parametrize("page", ["index.ipynb", "README.md"])
def test_an_outline_says_the_same(page: str) -> None:
    text = book("index").prose if page == "index.ipynb" else (FOLDER.parent / page).read_text("utf-8")
    said = dict(re.findall(r"^\|.*\((?:notebooks/)?(\d\d_\w+)\.ipynb\).*\| (\d+) \|$", text, re.MULTILINE))
    assert said == {name: str(minutes(book(name))) for name in NAMES}


def test_the_rule_is_told() -> None:
    prose = book("index").prose
    assert f"{WORDS_A_MINUTE} words" in prose and f"{SECONDS_A_LINE} seconds" in prose
