"""What the commands for classes print, as tables for a terminal; without colours and frames where it is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from workshop.classroom.assist import Diagnosis
from workshop.classroom.checks import Finding, Verdict
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.removal import Removal
from workshop.classroom.steps import STEPS, Position, State

_MARKS = {State.DONE: "✓", State.OPEN: "·", State.UNKNOWN: "?", State.WRONG: "!"}
_PLAIN = {State.DONE: "x", State.OPEN: ".", State.UNKNOWN: "?", State.WRONG: "!"}  # where a terminal has no ✓
_STYLES = {State.DONE: "green", State.OPEN: "dim", State.UNKNOWN: "dim", State.WRONG: "bold red"}
_VERDICTS = {Verdict.FINE: "green", Verdict.PROBLEM: "bold red", Verdict.UNKNOWN: "yellow"}
_WIDE = 200  # columns, where nobody's terminal limits them


def make_console() -> Console:
    """Return the console to print on; wide where the output goes to a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def plan_table(classroom: Classroom) -> Table:
    """Return who gets what."""
    headings = ["#", "Learner", "Sign-in", "Resource group", "Virtual machine", "Identity"]
    rows = [
        (str(each.number), each.name, each.handle, each.resource_group, each.vm_name, each.identity_name)
        for each in classroom.learners
    ]
    return _table(headings, rows)


def findings_table(findings: Iterable[Finding]) -> Table:
    """Return what checks found."""
    table = _table(["Checked", "", "What was found"], [])
    for finding in findings:
        table.add_row(finding.about, Text(finding.verdict.value, _VERDICTS[finding.verdict]), Text(finding.text))
    return table


def progress_table(positions: Sequence[Position], console: Console) -> Table:
    """Return learner by step."""
    marks = _MARKS if _can_show(console, "".join(_MARKS.values())) else _PLAIN
    titles = [f"{step.notebook} {step.title}".strip() for step in STEPS]
    table = _table(["Learner", *titles, "Note"], [])
    for position in positions:
        shown = [Text(marks[each.state], _STYLES[each.state]) for each in position.standings]
        table.add_row(Text(position.learner.name), *shown, Text("; ".join(position.notes)))
    return table


def legend(console: Console) -> str:
    """Return what the marks mean."""
    marks = _MARKS if _can_show(console, "".join(_MARKS.values())) else _PLAIN
    return (
        f"{marks[State.DONE]} is there   {marks[State.OPEN]} is not there   {marks[State.WRONG]} look at the note   "
        f"{marks[State.UNKNOWN]} Azure keeps no record of it\n"
        "Nothing from 01 on: the learner has not begun, or has cleaned up."
    )


def counts(positions: Sequence[Position]) -> str:
    """Return how many are how far, in one line."""
    parts = []
    for place, step in enumerate(STEPS):
        states = [position.standings[place].state for position in positions]
        if State.UNKNOWN not in states:
            parts.append(f"{step.title} {states.count(State.DONE)}")
    return f"Of {len(positions)} learners have  {'   '.join(parts)}"


def missing_table(missing: Mapping[Learner, Sequence[str]]) -> Table:
    """Return what learners do not have yet."""
    return _table(["Learner", "To be made"], [(each.name, ", ".join(what)) for each, what in missing.items()])


def removal_table(removal: Removal) -> Table:
    """Return what goes and what stays."""
    rows = [(f"resource group {group.name}", f"goes, with {removal.inside(group)}") for group in removal.groups]
    rows += [(f"service principal {name}", "goes") for name in removal.principals]
    return _table(["What", "What becomes of it"], [*rows, *removal.kept])


def help_tables(diagnosis: Diagnosis) -> list[RenderableType]:
    """Return how it is with one learner."""
    steps = _table(["Step", "State", "Note"], [])
    for step, standing in zip(STEPS, diagnosis.position.standings, strict=True):
        sentence = f"{step.notebook} {step.what}".strip()
        steps.add_row(Text(sentence), Text(standing.state.value, _STYLES[standing.state]), Text(standing.note))
    calls = _table(["Call", "Allowed", "Action"], [])
    for call, decision in diagnosis.decisions:
        word = Text("yes", "green") if decision.allowed else Text("no", "bold red")
        calls.add_row(Text(call.what), word, Text(call.action))
    return [steps, calls]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _can_show(console: Console, text: str) -> bool:
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
