"""What the commands do that change something: plan, provision, reset, clean-up."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from workshop.classroom import tables
from workshop.classroom.checks import Finding, Verdict
from workshop.classroom.clients import sign_in
from workshop.classroom.folder import ClassFolder
from workshop.classroom.marks import parse_age, principal_name
from workshop.classroom.parallel import Outcome
from workshop.classroom.planning import check_all, cost, planned, who_left
from workshop.classroom.provision import MACHINE, Provisioning, counted
from workshop.classroom.removal import look, remove
from workshop.classroom.reset import Reset, reset
from workshop.classroom.sign_ins import write_passwords
from workshop.classroom.survey import take_survey
from workshop.errors import UsageError

_NOTHING_DONE = "Nothing has been done yet. To do it, add --yes."


def plan(options: argparse.Namespace) -> int:
    """Say who gets what and what would go wrong; keep the plan."""
    console, folder = tables.make_console(), ClassFolder(options.folder)
    before = folder.find()
    classroom = planned(options, before)
    console.print(tables.plan_table(classroom))
    for group, name in who_left(before, classroom).items():
        console.print(f"{name} is no longer in the class; {group} stays until clean-up.", style="yellow")
    findings: list[Finding] = []
    if not options.offline:
        clients = sign_in(classroom)
        size, findings = check_all(clients, classroom, take_survey(clients), options.vm_size)
        classroom = replace(classroom, subscription_id=clients.azure.subscription_id, vm_size=size)
    findings.append(cost(classroom, options, len(classroom.learners)))
    console.print(tables.findings_table(findings))
    folder.save(classroom)
    problems = [finding for finding in findings if finding.verdict is Verdict.PROBLEM]
    console.print(f"The plan is kept in {folder.plan}.", soft_wrap=True)
    if problems:
        console.print(f"Problems: {len(problems)}. Solve them before the day, and plan again.", style="bold red")
        return 1
    console.print("Next: python -m workshop provision")
    return 0


def provision(options: argparse.Namespace) -> int:
    """Show what learners lack; with ``--yes`` make it."""
    console, folder = tables.make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learners = [classroom.find(who) for who in options.who] or list(classroom.learners)
    clients = sign_in(classroom)
    survey = take_survey(clients)
    provisioning = Provisioning(clients, classroom, folder, classroom.in_sandbox or options.with_vms)
    clashes = [clash for learner in learners if (clash := provisioning.clash(learner, survey))]
    if clashes:
        raise UsageError(*clashes)
    missing = {learner: lacking for learner in learners if (lacking := provisioning.missing(learner, survey))}
    if missing:
        console.print(tables.missing_table(missing))
        console.print(", ".join(f"{number} × {what}" for what, number in counted(missing.values()).items()))
        if machines := sum(MACHINE in each for each in missing.values()):
            console.print(cost(classroom, options, machines).text, style="" if classroom.in_sandbox else "bold")
    else:
        console.print(f"All {len(learners)} learners have what they need.")
    if not options.yes:
        if missing:
            console.print(_NOTHING_DONE)
        return 0
    outcomes = provisioning.provision(learners, survey, options.jobs, _teller(console, lambda each: each.name))
    new = write_passwords(folder.sign_ins, classroom.learners)
    console.print(f"Sign-ins for the hub, {new} of them new: {folder.sign_ins} (keep it to yourself)", soft_wrap=True)
    return _sum_up(console, outcomes, "provided for")


def reset_learner(options: argparse.Namespace) -> int:
    """Show what resetting a learner deletes and makes; with ``--yes`` do it."""
    console, folder = tables.make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learner = classroom.find(options.who)
    clients = sign_in(classroom)
    survey = take_survey(clients)
    everything = look(clients, classroom, datetime.now(UTC))
    group = learner.resource_group.casefold()
    mine = [each for each in everything.groups if str(each.name).casefold() == group]
    console.print(tables.removal_table(replace(everything, groups=mine, principals=(), kept=())))
    console.print(f"Then {learner.name} gets everything anew.")
    if not options.yes:
        console.print(_NOTHING_DONE)
        return 0
    provisioning = Provisioning(clients, classroom, folder, classroom.in_sandbox)
    outcome = reset(provisioning, learner, survey, Reset(options.notebooks, options.new_sign_in))
    return _sum_up(console, [outcome], "reset")


def clean_up(options: argparse.Namespace) -> int:
    """Show what was made for the class; with ``--yes`` delete it."""
    console, folder = tables.make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    age = parse_age(options.older_than) if options.older_than else None
    clients = sign_in(classroom)
    removal = look(clients, classroom, datetime.now(UTC), age)
    if removal or removal.kept:
        console.print(tables.removal_table(removal))
    if not removal:
        console.print(f"Nothing is left of the class {classroom.name}{' that is so old' if age else ''}.")
        return 0
    if not options.yes:
        console.print(_NOTHING_DONE)
        return 0
    outcomes = remove(clients, removal, options.jobs, _teller(console, str))
    gone = {outcome.subject for outcome in outcomes if not outcome.error}
    for learner in classroom.learners:
        if principal_name(classroom.name, learner.handle) in gone:
            folder.of(learner).forget_environment()
    return _sum_up(console, outcomes, "deleted")


def _teller(console: Console, name: Callable[[Any], str]) -> Callable[[Outcome[Any], int, int], None]:
    """Return what prints a line for each outcome as it comes."""

    def tell(outcome: Outcome[Any], number: int, of: int) -> None:
        done = ", ".join(outcome.done) or "nothing to do"
        console.print(f"{number:4} of {of}  {name(outcome.subject)}: {done}", markup=False)
        if outcome.error:
            console.print(f"     failed: {outcome.error}", style="red", markup=False)

    return tell


def _sum_up(console: Console, outcomes: Sequence[Outcome[Any]], done: str) -> int:
    failed = [outcome for outcome in outcomes if outcome.error]
    console.print(
        f"{len(outcomes) - len(failed)} {done}, {len(failed)} failed.", style="bold red" if failed else "green"
    )
    if failed:
        console.print("Run the command again when the reason is gone: it does what is still to be done.")
    return 1 if failed else 0
