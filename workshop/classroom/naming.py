"""The names of a class, and of what each learner gets: made by patterns, checked by Azure's rules."""

import itertools
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from helpers import check_names
from workshop.classroom.classroom import SANDBOX, Learner
from workshop.classroom.roster import Entry, handle_of
from workshop.errors import UsageError

_PLACEHOLDERS = frozenset({"class", "handle", "number"})
_CLASS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Patterns:
    """How names are made; each learner's group has a name of its own in the subscription."""

    resource_group: str = "{class}-{handle}"
    vm_name: str = "vm-{handle}"
    identity_name: str = "id-{handle}"


def class_name(given: str | None, roster_stem: str) -> str:
    """Return the name of the class, as given or made of the roster's file name; raise UsageError if it cannot be."""
    name = handle_of(roster_stem) if given is None else given
    if not _CLASS_NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a class: it has 1 to 40 lowercase letters, digits and hyphens. "
            "Give --name."
        )
    return name


def make_learners(
    name: str, entries: Sequence[Entry], patterns: Patterns, target: str, before: Sequence[Learner] = ()
) -> list[Learner]:
    """Name everything; learners who have been in the class ``before`` keep their numbers, which nobody else gets.

    Raises:
        UsageError: A name is not allowed in Azure, a pattern cannot be used, learners would share a group, or the
            roster does not say who they are in Entra, which Azure needs.
    """
    problems = list(_pattern_problems(patterns))
    if problems:
        raise UsageError(*problems)
    numbers = {learner.handle: learner.number for learner in before}
    free = itertools.count(max(numbers.values(), default=0) + 1)
    learners = [_learner(name, entry, patterns, target, numbers.get(entry.handle) or next(free)) for entry in entries]
    problems = [problem for learner in learners for problem in _name_problems(learner)]
    if target != SANDBOX:
        problems += [
            f"line {entry.line}: {entry.name} has no object_id, which Azure needs to know who that is."
            for entry in entries
            if not entry.object_id
        ]
    if len({learner.resource_group.casefold() for learner in learners}) < len(learners):
        problems.append(
            "Each learner needs a group of their own: --resource-group has to contain {handle} or {number}."
        )
    if problems:
        raise UsageError(*problems)
    return learners


def _learner(name: str, entry: Entry, patterns: Patterns, target: str, number: int) -> Learner:
    values = {"class": name, "handle": entry.handle, "number": f"{number:02}"}
    own = {} if target == SANDBOX else {"object_id": entry.object_id, "principal_type": entry.principal_type}
    names = {what: pattern.format(**values) for what, pattern in asdict(patterns).items()}
    return Learner(number, entry.name, entry.handle, **names, **own)


def _pattern_problems(patterns: Patterns) -> Iterator[str]:
    for what, pattern in asdict(patterns).items():
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
        except ValueError:
            fields = {pattern}
        if not fields <= _PLACEHOLDERS:
            option = f"--{what.replace('_', '-')}"
            yield f"{option} '{pattern}' cannot be used: it may contain {{class}}, {{handle}} and {{number}}."


def _name_problems(learner: Learner) -> Iterator[str]:
    names = {"resource_group": learner.resource_group, "vm_name": learner.vm_name}
    try:
        check_names(**names, identity_name=learner.identity_name)
    except ValueError as error:
        yield from (f"{learner.name}: {line}" for line in str(error).splitlines())
