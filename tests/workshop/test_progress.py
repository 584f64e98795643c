import io
import re

from rich.console import Console

from workshop.execution.progress import Lines, Live, Progress, progress_on


def shown(progress_of: type[Lines] | type[Live], terminal: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, _environ={"TERM": "xterm"})
    progress: Progress = progress_of(console)
    with progress:
        progress.planned([("00_a", 2), ("01_b", 3)])
        progress.started("00_a")
        progress.executed("00_a", 1)
        progress.executed("00_a", 2)
        progress.ended("00_a", 1.25, failed=False)
        progress.started("01_b")
        progress.executed("01_b", 1)
        progress.ended("01_b", 0.5, failed=True)
    return file.getvalue()


def test_lines_are_plain() -> None:
    assert shown(Lines, terminal=False) == "00_a: completed, 2 cells, 1.2 s\n01_b: failed, 3 cells, 0.5 s\n"


def test_the_display_ends_with_how_it_went() -> None:
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(Live, terminal=True))
    assert re.search(r"✓ +00_a .* 2/2 cells", text)
    assert re.search(r"✗ 01_b .* 1/3 cells", text)


def test_a_display_needs_a_terminal_that_can_move_its_cursor() -> None:
    assert isinstance(progress_on(Console(file=io.StringIO())), Lines)
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(progress_on(dumb), Lines)
    assert isinstance(progress_on(Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})), Live)
