"""A class planned from a roster and the options of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from workshop.classroom import prices
from workshop.classroom.checks import Finding, Verdict, check
from workshop.classroom.classroom import Classroom, Patterns, class_name, make_learners
from workshop.classroom.clients import Clients
from workshop.classroom.roster import read_roster
from workshop.classroom.sizes import choose_size
from workshop.classroom.survey import Survey
from workshop.errors import UsageError


def planned(options: argparse.Namespace, before: Classroom | None) -> Classroom:
    """Return the class that the options of ``plan`` describe.

    Args:
        options: of the command.
        before: an earlier plan in the same folder; its learners keep their numbers.

    Raises:
        UsageError: The roster or a name cannot be used, or the folder is another class's.
    """
    name = class_name(options.name, options.roster.stem)
    if before is not None and (before.name, before.target) != (name, options.target):
        raise UsageError(
            f"{options.folder} has the class {before.name} ({before.target}). "
            "Name another folder with --folder, or clean that class up and delete its folder."
        )
    given = {what: getattr(options, what) for what in ("resource_group", "vm_name", "identity_name")}
    patterns = Patterns(**{what: pattern for what, pattern in given.items() if pattern is not None})
    earlier = before.learners if before else ()
    learners = make_learners(name, read_roster(options.roster), patterns, options.target, earlier)
    return Classroom(name, options.target, options.subscription, options.location, learners=tuple(learners))


def check_all(clients: Clients, classroom: Classroom, survey: Survey, sizes: str) -> tuple[str, list[Finding]]:
    """Return the size of machines that can be had, and what all checks found.

    Args:
        clients: the trainer's.
        classroom: as it is planned.
        survey: what there is.
        sizes: names of sizes with commas between them, in the order in which they are wanted.

    Raises:
        UsageError: No size is named.
    """
    wanted = [size.strip() for size in sizes.split(",") if size.strip()]
    if not wanted:
        raise UsageError("--vm-size names no size.")
    new = [each for each in classroom.learners if not survey.machines_in(each.resource_group)]
    size, sized = choose_size(clients, classroom.location, wanted, len(new))
    return size, [*check(clients, classroom, survey), *sized]


def cost(classroom: Classroom, options: argparse.Namespace, machines: int) -> Finding:
    """Return what so many machines cost.

    Raises:
        UsageError: The price list cannot be used.
    """
    if classroom.in_sandbox:
        return Finding("cost", Verdict.FINE, "The sandbox costs nothing.")
    if options.prices is None:
        text = f"What {machines} machines cost is unknown. Name Azure's price list with --prices to have it estimated."
        return Finding("cost", Verdict.UNKNOWN, text)
    if not classroom.vm_size:
        return Finding("cost", Verdict.UNKNOWN, "Which size of machine can be had is unknown, and so is its price.")
    estimate = prices.find_price(options.prices, classroom.vm_size, classroom.location)
    return Finding("cost", Verdict.FINE, f"With machines {estimate.sentence(machines, options.hours)}")


def who_left(before: Classroom | None, now: Classroom) -> Mapping[str, str]:
    """Return the names of those who were in the class before and are no longer, by their groups."""
    still = {learner.handle for learner in now.learners}
    earlier = before.learners if before else ()
    return {learner.resource_group: learner.name for learner in earlier if learner.handle not in still}
