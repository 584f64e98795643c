import io
import re

from rich.console import Console

from workshop.execution.progress import LineReporter, LiveReporter, ProgressEvent, reporter_on
from workshop.notebooks.outcome import State

EVENTS = [
    ProgressEvent("00_a", State.PENDING, 0, 2),
    ProgressEvent("01_b", State.PENDING, 0, 3),
    ProgressEvent("00_a", State.RUNNING, 0, 2),
    ProgressEvent("00_a", State.RUNNING, 1, 2),
    ProgressEvent("00_a", State.RUNNING, 2, 2),
    ProgressEvent("00_a", State.COMPLETED, 2, 2, 1.25),
    ProgressEvent("01_b", State.RUNNING, 0, 3),
    ProgressEvent("01_b", State.RUNNING, 1, 3),
    ProgressEvent("01_b", State.FAILED, 1, 3, 0.5),
]


def shown(kind: type[LineReporter] | type[LiveReporter], terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, _environ={"TERM": "xterm"})
    with kind(console) as reporter:
        for event in EVENTS:
            reporter.report(event)
    return file.getvalue()


def test_lines_are_plain() -> None:
    assert shown(LineReporter, terminal=False) == "00_a: completed, 2 cells, 1.2 s\n01_b: failed, 3 cells, 0.5 s\n"


def test_a_single_cell_is_one() -> None:
    file = io.StringIO()
    LineReporter(Console(file=file)).report(ProgressEvent("00_a", State.COMPLETED, 1, 1, 0.5))
    assert file.getvalue() == "00_a: completed, 1 cell, 0.5 s\n"


def test_the_display_ends_with_how_it_went() -> None:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(LiveReporter, terminal=True))
    assert re.search(r"✓ +00_a .* 2/2 cells", text)
    assert re.search(r"✗ 01_b .* 1/3 cells", text)


def test_a_display_needs_a_terminal_that_can_move_its_cursor() -> None:
    assert isinstance(reporter_on(Console(file=io.StringIO())), LineReporter)
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(reporter_on(dumb), LineReporter)
    assert isinstance(
        reporter_on(Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})), LiveReporter
    )
