"""A class as it is planned: the learners, and the names of what each of them gets."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from helpers.names import check_names
from workshop.classroom.roster import Entry, handle_of
from workshop.errors import UsageError

SANDBOX = "sandbox"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_PLACES = frozenset({"class", "handle", "number"})


@dataclass(frozen=True)
class Patterns:
    """How names are made; each learner's group has a name of its own in the subscription."""

    resource_group: str = "{class}-{handle}"
    vm_name: str = "vm-{handle}"
    identity_name: str = "id-{handle}"


@dataclass(frozen=True)
class Learner:
    """Someone in the class.

    Attributes:
        number: their place, counted from 1, which they keep when others come or go.
        name: as people say it.
        handle: what names are made of, and their sign-in at the hub.
        resource_group: the group that is theirs.
        vm_name: their machine.
        identity_name: the identity they are going to make.
        object_id: of their principal in Entra; empty in the sandbox, where provisioning makes one.
        principal_type: what kind of principal that is.
    """

    number: int
    name: str
    handle: str
    resource_group: str
    vm_name: str
    identity_name: str
    object_id: str = ""
    principal_type: str = "ServicePrincipal"


@dataclass(frozen=True)
class Classroom:
    """A class.

    Attributes:
        name: which what is made for it is marked with.
        target: ``"sandbox"`` or ``"azure"``.
        subscription_id: where; empty for the only one that the sign-in sees.
        location: the region.
        vm_size: of the machines; empty as long as none was found to be available.
        learners: in the roster's order.
    """

    name: str
    target: str
    subscription_id: str
    location: str
    vm_size: str = ""
    learners: Sequence[Learner] = field(default_factory=tuple)

    @property
    def in_sandbox(self) -> bool:
        """Whether it is held in the sandbox."""
        return self.target == SANDBOX

    def find(self, who: str) -> Learner:
        """Return the learner with this handle or name, or the only one whose handle or name contains it.

        Raises:
            UsageError: There is none, or there are several.
        """
        wanted = " ".join(who.split()).casefold()
        for learner in self.learners:
            if wanted in (learner.handle, learner.name.casefold()):
                return learner
        found = [each for each in self.learners if wanted and wanted in f"{each.handle} {each.name.casefold()}"]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"'{who}' may be {' or '.join(f'{each.name} ({each.handle})' for each in found)}.")
        raise UsageError(f"There is no '{who}' in the class {self.name}. 'python -m workshop progress' lists it.")

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Classroom:
        """Read a class; raises KeyError, TypeError or ValueError if that is none."""
        learners = tuple(Learner(**learner) for learner in content["learners"])
        return cls(**{**content, "learners": learners})


def class_name(given: str | None, roster_stem: str) -> str:
    """Return the name of the class: as given, or made of the roster's file name.

    Raises:
        UsageError: It is no such name.
    """
    name = handle_of(roster_stem) if given is None else given
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a class: it has 1 to 40 small letters, digits and hyphens. Give --name."
        )
    return name


def make_learners(
    name: str, entries: Sequence[Entry], patterns: Patterns, target: str, before: Sequence[Learner] = ()
) -> list[Learner]:
    """Name everything.

    Args:
        name: of the class.
        entries: the roster.
        patterns: how names are made.
        target: on Azure the roster has to say who learners are in Entra.
        before: the learners of an earlier plan, whose numbers stay as they are.

    Raises:
        UsageError: A name is not allowed in Azure, a pattern cannot be used, or learners would share a group.
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
            fields = {place for _, place, _, _ in string.Formatter().parse(pattern) if place is not None}
        except ValueError:
            fields = {pattern}
        if not fields <= _PLACES:
            option = f"--{what.replace('_', '-')}"
            yield f"{option} '{pattern}' cannot be used: it may contain {{class}}, {{handle}} and {{number}}."


def _name_problems(learner: Learner) -> Iterator[str]:
    names = {"resource_group": learner.resource_group, "vm_name": learner.vm_name}
    try:
        check_names(**names, identity_name=learner.identity_name)
    except ValueError as error:
        yield from (f"{learner.name}: {line}" for line in str(error).splitlines())
