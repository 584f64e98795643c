"""What others have written does nothing on a terminal."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.table import Table

from workshop.terminal import open_console, printable

SEQUENCES = [
    "\x1b[31m",
    "\x1b[2J",
    "\x1b[?1049h",
    "\x1b[1;1H",
    "\x1b[38:2::1:2:3m",
    "\x1b[>4;2m",
    "\x1b[0 q",
    "\x9b31m",
    "\x1b]0;title\x07",
    "\x1b]0;title\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1b]8;;https://example.com\x1b\\",
    "\x9d0;title\x9c",
    "\x1bPq#0;2;0;0;0\x1b\\",
    "\x1b_application\x1b\\",
    "\x1b^private\x1b\\",
    "\x1bXstring\x1b\\",
    "\x1bc",
    "\x1b7",
    "\x1b(0",
    "\x1b#8",
    "\r",
    "\x07",
    "\x08",
    "\x7f",
    "\x85",
    "\x00",
    "\u202e",
    "\u2066",
]


@pytest.mark.parametrize("sequence", SEQUENCES, ids=ascii)
def test_escape_sequences_of_all_kinds_are_taken_out(sequence: str) -> None:
    assert printable(f"before{sequence}after") == "beforeafter"


def test_text_stays() -> None:
    text = "Zoë\t漢字 🙂 [bold] \\x1b[31m\n"
    assert printable(text) == text


@given(st.text(st.sampled_from("\x1b\x9b\x9d\x07\x9c[]Pm;0 \\aé\n\u202e")))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printable(text))


@pytest.mark.parametrize("sequence", SEQUENCES, ids=ascii)
def test_a_console_prints_its_own_sequences_only(sequence: str) -> None:
    out = io.StringIO()
    console = open_console(file=out, force_terminal=True, width=80)
    table = Table(f"head{sequence}ing", title=f"ti{sequence}tle")
    table.add_row(f"a name{sequence} of somebody")
    with Progress(TextColumn("{task.description}"), console=console) as progress:
        progress.add_task(f"ta{sequence}sk")
        console.print(f"a line{sequence}", style="green")
        console.print(table)
    shown = out.getvalue()
    assert "\x1b[32m" in shown  # its own
    assert sequence == "\r" or sequence not in shown  # with that one, a display that moves begins its line again
    for own in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n", shown):
        shown = shown.replace(own, "")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\u2066]", shown)
    assert "a line" in shown
    assert "somebody" in shown
