"""What the commands do that only look: progress and help."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time

from rich.console import Console, Group, RenderableType
from rich.live import Live

from workshop.classroom import tables
from workshop.classroom.assist import Call, call_of_refusal, diagnose, known_as
from workshop.classroom.classroom import Classroom, Learner
from workshop.classroom.clients import Clients, sign_in
from workshop.classroom.decisions import decider
from workshop.classroom.folder import ClassFolder
from workshop.classroom.page import Snapshot, serve
from workshop.classroom.sign_ins import read_passwords
from workshop.classroom.steps import position_of
from workshop.classroom.survey import take_survey
from workshop.errors import WorkshopError


def progress(options: argparse.Namespace) -> int:
    """Show how far everybody is: once, in the terminal until Ctrl-C, or on a page until Ctrl-C."""
    console = tables.make_console()
    classroom = ClassFolder(options.folder).load()
    clients = sign_in(classroom)
    with contextlib.suppress(KeyboardInterrupt):  # which is how the first two end
        if options.page:
            asyncio.run(_serve(clients, classroom, options, console))
        elif options.watch:
            _watch(clients, classroom, options.every, console)
        else:
            console.print(_shown(take_snapshot(clients, classroom), console))
    return 0


def help_learner(options: argparse.Namespace) -> int:
    """Say how it is with one learner, and why a call is refused."""
    console, folder = tables.make_console(), ClassFolder(options.folder)
    classroom = folder.load()
    learner = classroom.find(options.who)
    refused = _refusal(options.refusal)
    clients = sign_in(classroom)
    survey, decide = take_survey(clients), decider(clients)
    diagnosis = diagnose(clients, classroom, learner, survey, decide)
    console.print(f"{learner.name} ({learner.handle}), in {learner.resource_group}", style="bold", markup=False)
    console.print(*tables.help_tables(diagnosis))
    console.print(f"{learner.vm_name}: {diagnosis.machine or 'is not there'}", markup=False)
    if step := diagnosis.position.next_step:
        notebook = f"Notebook {step.notebook}" if step.notebook else "'provision'"
        console.print(f"Next is that {step.what}: {notebook} brings it about.", markup=False)
    reasons = [decision.why for _, decision in diagnosis.decisions if not decision.allowed]
    if refused is not None:
        whose = known_as(refused.who, classroom, survey)
        reasons = [f"Asked by {whose}.", decide(refused.who, refused.action, refused.scope).why]
    for reason in reasons:
        console.print(f"\n{reason}", markup=False, soft_wrap=True)
    if options.show_sign_in:
        _show_sign_in(console, folder, learner)
    return 0


def take_snapshot(clients: Clients, classroom: Classroom) -> Snapshot:
    """Look at the whole class.

    Raises:
        RefusedError: Azure refused, or cannot be reached.
    """
    began = time.perf_counter()
    survey = take_survey(clients)
    positions = [position_of(classroom, each, survey, clients.subscription) for each in classroom.learners]
    return Snapshot(classroom, positions, survey.taken_at.isoformat(), time.perf_counter() - began)


def _shown(snapshot: Snapshot, console: Console) -> RenderableType:
    asked = f"Asked in {snapshot.seconds:.2f} s."
    table = tables.progress_table(snapshot.positions, console)
    return Group(table, f"{tables.counts(snapshot.positions)}\n{tables.legend(console)}\n{asked}")


def _watch(clients: Clients, classroom: Classroom, every: float, console: Console) -> None:
    shown = _shown(take_snapshot(clients, classroom), console)
    with Live(shown, console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            time.sleep(every)
            try:
                shown = _shown(take_snapshot(clients, classroom), console)
                live.update(shown, refresh=True)
            except WorkshopError as error:
                live.update(Group(shown, f"Not up to date: {error}"), refresh=True)


async def _serve(clients: Clients, classroom: Classroom, options: argparse.Namespace, console: Console) -> None:
    def ready(address: str) -> None:
        console.print(f"The page: {address}\nCtrl-C ends it.", soft_wrap=True)

    await serve(lambda: take_snapshot(clients, classroom), options.every, options.port, ready)


def _refusal(text: str | None) -> Call | None:
    return None if text is None else call_of_refusal(sys.stdin.read() if text == "-" else text)


def _show_sign_in(console: Console, folder: ClassFolder, learner: Learner) -> None:
    password = read_passwords(folder.sign_ins).get(learner.handle, "none yet: provision them")
    console.print(f"\nAt the hub: {learner.handle}, password {password}", markup=False)
    console.print(f"Their credential: {folder.of(learner).shell_environment}", markup=False, soft_wrap=True)
