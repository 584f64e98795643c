"""What the commands for a class do, and the tables that they print; without colours where it is no terminal."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.diagnosis import AccessChecker, Diagnosis, advice_on, diagnose, known_as, read_refusal
from workshop.classroom.folder import ClassFolder, read_passwords, write_passwords
from workshop.classroom.inventory import STOPPED, Inventory, principal_name, take_inventory
from workshop.classroom.planning import NAMES, Finding, Verdict, check_all, planned
from workshop.classroom.progress import MILESTONES, LearnerProgress, Status, take_snapshot
from workshop.classroom.provision import MACHINE, OnOutcome, Provisioning, TaskOutcome, counted
from workshop.classroom.removal import Removal, plan_removal, remove, reset
from workshop.classroom.roster import read_roster
from workshop.errors import UsageError, WorkshopError
from workshop.terminal import open_console

_MARKS = {Status.DONE: "✓", Status.OPEN: "·", Status.UNKNOWN: "?", Status.WRONG: "!"}
_PLAIN = {Status.DONE: "x", Status.OPEN: ".", Status.UNKNOWN: "?", Status.WRONG: "!"}  # where a terminal has no ✓
_STYLES = {Status.DONE: "green", Status.OPEN: "dim", Status.UNKNOWN: "dim", Status.WRONG: "bold red"}
_VERDICTS = {Verdict.FINE: "green", Verdict.PROBLEM: "bold red", Verdict.UNKNOWN: "yellow"}
_WIDE = 200  # columns, where nobody's terminal limits them
_NOTHING_DONE = "Nothing has been done yet. To do it, add --yes."


def plan(options: argparse.Namespace) -> int:
    """Say who gets what and what would go wrong; keep the plan."""
    console, folder = _make_console(), ClassFolder(options.folder)
    before = folder.find()
    entries, encoding = read_roster(options.roster)
    if encoding != "utf-8-sig":
        text = f"{options.roster} is not in UTF-8; it was read as {encoding}. Look at the names."
        console.print(text, style="yellow", soft_wrap=True)
    classroom = planned(options, entries, before)
    console.print(_plan_table(classroom))
    for each in classroom.left:
        if before is not None and each in before.learners:
            text = f"{each.name} is no longer in the class; {each.resource_group} stays until clean-up."
            console.print(text, style="yellow")
    findings: list[Finding] = []
    if not options.offline:
        clients = sign_in(classroom)
        size, findings = check_all(clients, classroom, take_inventory(clients), options.vm_size)
        classroom = replace(classroom, subscription_id=clients.connection.subscription_id, vm_size=size)
    if findings:
        console.print(_findings_table(findings))
    problems = [finding for finding in findings if finding.verdict is Verdict.PROBLEM]
    if before is None and NAMES in {problem.about for problem in problems}:
        console.print("The plan is not kept, so that another --name can be planned.")
    else:
        folder.save(classroom)
        console.print(f"The plan is kept in {folder.plan}.", soft_wrap=True)
    if problems:
        console.print(f"Problems: {len(problems)}. Solve them before the day, and plan again.", style="bold red")
        return 1
    console.print(f"Next: {folder.command('provision')}", soft_wrap=True)
    return 0


def provision(options: argparse.Namespace) -> int:
    """Show what learners lack; with ``--yes`` make it."""
    console, folder = _make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learners = [classroom.learner(handle) for handle in options.who] or list(classroom.learners)
    clients = _sign_in(folder, classroom)
    inventory = take_inventory(clients)
    provisioning = Provisioning(clients, classroom, folder, classroom.in_sandbox or options.with_vms)
    clashes = [clash for learner in learners if (clash := provisioning.clash(learner, inventory))]
    if clashes:
        raise UsageError(*clashes)
    missing = {learner: lacking for learner in learners if (lacking := provisioning.missing(learner, inventory))}
    if missing:
        rows = [(learner.name, ", ".join(lacking)) for learner, lacking in missing.items()]
        console.print(_table(["Learner", "To be made"], rows))
        console.print(", ".join(f"{number} × {what}" for what, number in counted(missing.values()).items()))
        if not classroom.in_sandbox and any(MACHINE in each for each in missing.values()):
            console.print("Virtual machines on Azure cost money until 'clean-up' has deleted them.", style="bold")
    else:
        have = "The learner has" if len(learners) == 1 else f"All {len(learners)} learners have"
        console.print(f"{have} what they need.")
    if not options.yes:
        if missing:
            console.print(_NOTHING_DONE)
        return 0
    outcomes = provisioning.provision(learners, inventory, options.jobs, _reporter(console, lambda each: each.name))
    new = write_passwords(folder.sign_ins, classroom.learners)
    console.print(f"Sign-ins for the hub, {new} of them new: {folder.sign_ins} (keep it to yourself)", soft_wrap=True)
    return _sum_up(console, outcomes, "provided for")


def reset_learner(options: argparse.Namespace) -> int:
    """Show what resetting a learner deletes and makes; with ``--yes`` do it."""
    console, folder = _make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learner = classroom.learner(options.who)
    clients = _sign_in(folder, classroom)
    inventory = take_inventory(clients)
    everything = plan_removal(clients, classroom, inventory)
    group = learner.resource_group.casefold()
    mine = [each for each in everything.groups if str(each.name).casefold() == group]
    console.print(_removal_table(replace(everything, groups=mine, principals=(), kept=())))
    console.print(f"Then {learner.name} gets everything anew.")
    if not options.yes:
        console.print(_NOTHING_DONE)
        return 0
    provisioning = Provisioning(clients, classroom, folder, classroom.in_sandbox)
    wanted = {"notebooks": options.notebooks, "sign_in": options.new_sign_in}
    outcome = reset(provisioning, learner, inventory, **wanted)
    return _sum_up(console, [outcome], "reset")


def clean_up(options: argparse.Namespace) -> int:
    """Show what was made for the class; with ``--yes`` delete it."""
    console, folder = _make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    clients = _sign_in(folder, classroom)
    removal = plan_removal(clients, classroom, take_inventory(clients))
    if removal or removal.kept:
        console.print(_removal_table(removal))
    if not removal:
        console.print(f"Nothing is left of the class {classroom.name}.")
        return 0
    if not options.yes:
        console.print(_NOTHING_DONE)
        return 0
    outcomes = remove(clients, removal, options.jobs, _reporter(console, str))
    still = {outcome.subject for outcome in outcomes if outcome.error}
    for learner in (*classroom.learners, *classroom.left):
        if principal_name(classroom, learner) not in still:
            folder.of(learner).forget_environment()
    return _sum_up(console, outcomes, "deleted")


def progress(options: argparse.Namespace) -> int:
    """Show how far everybody is, once or until Ctrl-C."""
    console, folder = _make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    clients = _sign_in(folder, classroom)
    if not options.watch:
        console.print(_progress_view(take_snapshot(clients, classroom), console))
        return 0
    with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
        _watch(clients, classroom, options.every, console)
    return 0


def help_learner(options: argparse.Namespace) -> int:
    """Say how it is with one learner, and why a call is refused."""
    console, folder = _make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learner = classroom.search(options.who)
    clients = _sign_in(folder, classroom)
    inventory = take_inventory(clients)
    diagnosis = diagnose(clients, classroom, learner, inventory)
    console.print(f"{learner.name} ({learner.handle}), in {learner.resource_group}", style="bold")
    console.print(*_help_tables(diagnosis))
    console.print(f"{learner.vm_name}: {diagnosis.machine or 'is not there'}")
    if diagnosis.machine in STOPPED:
        names = f"--resource-group {learner.resource_group} --name {learner.vm_name}"
        console.print(f"To start it: az vm start {names}", soft_wrap=True)
    if milestone := diagnosis.progress.next_milestone:
        by = f"Notebook {milestone.notebook}" if milestone.notebook else f"'{folder.command('provision --yes')}'"
        console.print(f"Next is that {milestone.what}: {by} brings it about.", soft_wrap=True)
    reasons = [decision.why() for _, decision in diagnosis.decisions if not decision.allowed]
    if options.refusal is not None:
        text = sys.stdin.read() if options.refusal == "-" else options.refusal
        reasons = _on_refusal(text, clients, classroom, inventory)
    for reason in reasons:
        console.print(f"\n{reason}", soft_wrap=True)
    if options.show_sign_in:
        _show_sign_in(console, folder, learner)
    return 0


def _sign_in(folder: ClassFolder, classroom: Classroom) -> Clients:
    if own := os.environ.get("AZURE_CLIENT_ID"):
        for learner in classroom.learners:
            if (folder.of(learner).read_environment() or {}).get("AZURE_CLIENT_ID") == own:
                raise UsageError(f"This terminal is {learner.name}'s, by their environment.sh. Use another one.")
    return sign_in(classroom)


def _reporter(console: Console, name: Callable[[Any], str]) -> OnOutcome[Any]:
    """Return what prints a line for each outcome as it comes."""

    def report(outcome: TaskOutcome[Any], number: int, of: int) -> None:
        done = ", ".join(outcome.done) or "nothing to do"
        console.print(f"{number:4} of {of}  {name(outcome.subject)}: {done}")
        if outcome.error:
            console.print(f"     failed: {outcome.error}", style="red")

    return report


def _sum_up(console: Console, outcomes: Sequence[TaskOutcome[Any]], done: str) -> int:
    failed = [outcome for outcome in outcomes if outcome.error]
    console.print(
        f"{len(outcomes) - len(failed)} {done}, {len(failed)} failed.", style="bold red" if failed else "green"
    )
    if failed:
        console.print("Run the command again when the reason is gone: it does what is still to be done.")
    return 1 if failed else 0


def _progress_view(learners: Sequence[LearnerProgress], console: Console) -> RenderableType:
    return Group(_progress_table(learners, console), f"{counts(learners)}\n{_legend(console)}")


def _watch(clients: Clients, classroom: Classroom, every: float, console: Console) -> None:
    shown = _progress_view(take_snapshot(clients, classroom), console)
    with Live(shown, console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            time.sleep(every)
            try:
                shown = _progress_view(take_snapshot(clients, classroom), console)
                live.update(shown, refresh=True)
            except WorkshopError as error:
                live.update(Group(shown, f"Not up to date: {error}"), refresh=True)


def _on_refusal(text: str, clients: Clients, classroom: Classroom, inventory: Inventory) -> list[str]:
    refused = read_refusal(text)
    if refused is None:
        return [advice_on(text) or "That refusal is not known here. The service's documentation explains its code."]
    return [f"Asked by {known_as(refused.who, classroom, inventory)}.", AccessChecker(clients).decide(refused).why()]


def _show_sign_in(console: Console, folder: ClassFolder, learner: Learner) -> None:
    password = read_passwords(folder.sign_ins).get(learner.handle, "none yet: provision them")
    console.print(f"\nAt the hub: {learner.handle}, password {password}")
    console.print(f"Their credential: {folder.of(learner).shell_environment}", soft_wrap=True)


def _make_console() -> Console:
    console = open_console(markup=False, highlight=False)
    return console if console.is_terminal else open_console(markup=False, highlight=False, width=_WIDE)


def _plan_table(classroom: Classroom) -> Table:
    headings = ["#", "Learner", "Sign-in", "Resource group", "Virtual machine", "Identity"]
    rows = [
        (str(each.number), each.name, each.handle, each.resource_group, each.vm_name, each.identity_name)
        for each in classroom.learners
    ]
    return _table(headings, rows)


def _findings_table(findings: Iterable[Finding]) -> Table:
    rows = [(each.about, Text(each.verdict.value, _VERDICTS[each.verdict]), each.text) for each in findings]
    return _table(["Checked", "", "What was found"], rows)


def _progress_table(learners: Sequence[LearnerProgress], console: Console) -> Table:
    """Learner by milestone.

    All marks of a learner are one cell: with one for each it would take three times as long to show a large class.
    """
    marks = _marks(console)
    titles = [(each.notebook, each.title) for each in MILESTONES]
    widths = [len(title) + 2 for _, title in titles]
    heading = "\n".join("".join(map(str.ljust, line, widths)).rstrip() for line in zip(*titles, strict=True))
    table = _table(["Learner"], [])
    table.add_column(heading, no_wrap=True, min_width=sum(widths))
    table.add_column("Note")
    for each in learners:
        styled = [(marks[reading.status], _STYLES[reading.status]) for reading in each.readings]
        cells = [(mark.ljust(width), style) for (mark, style), width in zip(styled, widths, strict=True)]
        table.add_row(Text(each.learner.name), Text.assemble(*cells), Text("; ".join(each.notes)))
    return table


def _legend(console: Console) -> str:
    marks = _marks(console)
    return (
        f"{marks[Status.DONE]} is there   {marks[Status.OPEN]} is not there   {marks[Status.WRONG]} look at the note   "
        f"{marks[Status.UNKNOWN]} Azure keeps no record of it\n"
        "Nothing from 01 on: the learner has not begun, or has cleaned up."
    )


def counts(learners: Sequence[LearnerProgress]) -> str:
    """Return how many are how far, in one line."""
    parts = []
    for number, milestone in enumerate(MILESTONES):
        found = [each.readings[number].status for each in learners]
        if Status.UNKNOWN not in found:
            parts.append(f"{milestone.title} {found.count(Status.DONE)}")
    have = "learner has" if len(learners) == 1 else "learners have"
    return f"Of {len(learners)} {have}  {'   '.join(parts)}"


def _removal_table(removal: Removal) -> Table:
    rows = [(f"resource group {group.name}", f"goes, with {removal.inside(group)}") for group in removal.groups]
    rows += [(f"service principal {name}", "goes") for name in removal.principals]
    return _table(["What", "What becomes of it"], [*rows, *removal.kept])


def _help_tables(diagnosis: Diagnosis) -> list[RenderableType]:
    states = [
        (
            f"{milestone.notebook} {milestone.what}".strip(),
            Text(reading.status.value, _STYLES[reading.status]),
            reading.note,
        )
        for milestone, reading in zip(MILESTONES, diagnosis.progress.readings, strict=True)
    ]
    calls = [
        (check.what, Text("yes", "green") if decision.allowed else Text("no", "bold red"), check.action)
        for check, decision in diagnosis.decisions
    ]
    return [_table(["Milestone", "State", "Note"], states), _table(["Call", "Allowed", "Action"], calls)]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def _marks(console: Console) -> Mapping[Status, str]:
    try:
        "".join(_MARKS.values()).encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _MARKS
