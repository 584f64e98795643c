"""The class as it is planned: who the roster names, and the names of what each learner gets.

A roster is a CSV file with a line for each learner. Its columns, in any order: ``name``, and if need be ``handle``
(what names in Azure are made of; by default it is made of the name), ``object_id`` and ``principal_type`` (who the
learner is in Entra; needed on Azure only). Other columns are ignored.
"""

from __future__ import annotations

import csv
import itertools
import re
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from helpers import check_names
from rbac.roles import GUID
from workshop.errors import UsageError

SANDBOX = "sandbox"
NAME = "name"
HANDLE = "handle"
OBJECT_ID = "object_id"
PRINCIPAL_TYPE = "principal_type"
PRINCIPAL_TYPES = ("User", "Group", "ServicePrincipal")
TRAINER = "trainer"  # a sign-in of the hub's that no learner can have
_COLUMNS = frozenset({NAME, HANDLE, OBJECT_ID, PRINCIPAL_TYPE})
_PLACEHOLDERS = frozenset({"class", "handle", "number"})
_CLASS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")
_HANDLE_RULE = "1 to 24 lowercase letters, digits and hyphens, with a letter or digit first and last"
_SUGGESTED = 8  # learners, at most, who may have been meant
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16, little and big end first


@dataclass(frozen=True)
class Entry:
    """A learner as the roster has them.

    Attributes:
        line: of the file, counted from 1.
        name: as people say it.
        handle: what names in Azure are made of.
        object_id: of their principal in Entra; empty if the roster does not say.
        principal_type: what kind of principal that is.
    """

    line: int
    name: str
    handle: str
    object_id: str
    principal_type: str


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
        number: counted from 1; it stays the same when others come or go.
        name: as people say it.
        handle: what names are made of, and their sign-in at the hub; no two learners have the same.
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
        left: who was in the class and is no longer: their numbers, and so their user ids at the hub, stay theirs.
    """

    name: str
    target: str
    subscription_id: str
    location: str
    vm_size: str = ""
    learners: Sequence[Learner] = field(default_factory=tuple)
    left: Sequence[Learner] = field(default_factory=tuple)

    @property
    def in_sandbox(self) -> bool:
        """Whether it is held in the sandbox."""
        return self.target == SANDBOX

    def learner(self, handle: str) -> Learner:
        """Return the learner with exactly this handle: a name, or a part of one, may be somebody else's too.

        Raises:
            UsageError: There is none; the message names those who may be meant.
        """
        for learner in self.learners:
            if learner.handle == handle:
                return learner
        alike = self._alike(handle) or self.learners
        hint = f"Is it {_either(alike[:_SUGGESTED])}?" if alike else "Nobody is in it."
        raise UsageError(f"There is no learner with the handle '{handle}' in the class {self.name}. {hint}")

    def search(self, who: str) -> Learner:
        """Return the learner with this handle, or the only one whose handle or name contains it, in whatever case.

        Raises:
            UsageError: There is none, or several fit.
        """
        if any(learner.handle == who for learner in self.learners):
            return self.learner(who)
        alike = self._alike(who)
        if len(alike) > 1:
            raise UsageError(f"'{who}' may be {_either(alike)}. Which one? Give the handle, in brackets here.")
        return self.learner(alike[0].handle if alike else who)

    def _alike(self, who: str) -> list[Learner]:
        wanted = " ".join(who.split()).casefold()
        return [each for each in self.learners if wanted and wanted in f"{each.handle} {each.name.casefold()}"]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Classroom:
        """Read a class; raises KeyError, TypeError or ValueError if it is not one."""
        people = {
            what: tuple(Learner(**each) for each in listed)
            for what, listed in (("learners", content["learners"]), ("left", content.get("left", ())))
        }
        return cls(**{**content, **people})


def _either(learners: Sequence[Learner]) -> str:
    return " or ".join(f"{each.name} ({each.handle})" for each in learners)


def read_roster(path: Path) -> list[Entry]:
    """Read the learners.

    Raises:
        UsageError: The file cannot be used; all that is wrong with it is said at once, by its lines.
    """
    rows = list(_rows(path))
    if not rows:
        raise UsageError(f"{path} has no learners in it.")
    entries = [_entry(line, row) for line, row in rows]
    problems = [problem for entry in entries for problem in _problems(entry)]
    problems += _repeated(entries)
    if problems:
        raise UsageError(*(f"{path.name}, {problem}" for problem in problems))
    return entries


def handle_of(name: str) -> str:
    """Return a name as a handle: lowercase letters without accents, digits and hyphens; empty if none are left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", ""))[:24].strip("-")


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the number and the fields of each line that is not blank."""
    lines = _text(path).splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","  # a spreadsheet's choice depends on its language
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    headings: Sequence[str] = []
    problems = []
    try:
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if not headings:
                headings = _headings(path, row)
            elif len(row) != len(headings):
                problems.append(
                    f"{path.name}, line {reader.line_num}: {len(row)} fields, but there are {len(headings)} headings."
                )
            else:
                yield reader.line_num, {name: field.strip() for name, field in zip(headings, row, strict=True)}
    except csv.Error as error:
        problems.append(f"{path.name}, line {reader.line_num}: {error}.")
    if problems:
        raise UsageError(*problems)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if content.startswith(_WIDE_BOMS) or b"\0" in content:
        raise UsageError(f"{path} is not in UTF-8. In Excel, save it as 'CSV UTF-8'.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} is not in UTF-8 (line {line}). In Excel, save it as 'CSV UTF-8'.") from None


def _headings(path: Path, row: Sequence[str]) -> list[str]:
    headings = [re.sub(r"[\s-]+", "_", field.strip().casefold()) for field in row]
    if NAME not in headings:
        raise UsageError(
            f"{path} has no column 'name'. Its first line should have the headings, such as: name,object_id"
        )
    twice = sorted({heading for heading in headings if heading in _COLUMNS and headings.count(heading) > 1})
    if twice:
        raise UsageError(f"{path} has two columns '{twice[0]}'.")
    return headings


def _entry(line: int, row: Mapping[str, str]) -> Entry:
    name = " ".join(row[NAME].split())
    kinds = {kind.casefold(): kind for kind in PRINCIPAL_TYPES}
    given = row.get(PRINCIPAL_TYPE, "") or PRINCIPAL_TYPES[0]
    return Entry(
        line,
        name,
        row.get(HANDLE, "") or handle_of(name),
        row.get(OBJECT_ID, "").lower(),
        kinds.get(given.casefold(), given),
    )


def _problems(entry: Entry) -> Iterator[str]:
    if not entry.name:
        yield f"line {entry.line}: the name is missing."
    elif not entry.handle:
        yield (
            f"line {entry.line}: no name for Azure can be made of '{entry.name}'. "
            f"Add a column 'handle' with {_HANDLE_RULE}."
        )
    elif not _HANDLE.fullmatch(entry.handle):
        yield f"line {entry.line}: the handle '{entry.handle}' is not allowed. It has {_HANDLE_RULE}."
    elif entry.handle == TRAINER:
        yield f"line {entry.line}: '{TRAINER}' is the trainer's own sign-in. Add a column 'handle' with another one."
    if entry.object_id and not GUID.fullmatch(entry.object_id):
        yield (
            f"line {entry.line}: the object_id '{entry.object_id}' is not a GUID. "
            "For a user, 'az ad user show --id ADDRESS --query id' tells it."
        )
    if entry.principal_type not in PRINCIPAL_TYPES:
        yield f"line {entry.line}: the principal_type '{entry.principal_type}' is none of {', '.join(PRINCIPAL_TYPES)}."


def _repeated(entries: Sequence[Entry]) -> Iterator[str]:
    """Say of each line that repeats an earlier one which that is."""
    handles: dict[str, Entry] = {}
    object_ids: dict[str, Entry] = {}
    for entry in entries:
        first = handles.setdefault(entry.handle, entry)
        if first is not entry and entry.handle:
            same = first.name.casefold() == entry.name.casefold()
            what = f"'{entry.name}'" if same else f"the handle '{entry.handle}' of '{entry.name}'"
            hint = "" if same else " Add a column 'handle' to tell them apart."
            yield f"line {entry.line}: {what} is on line {first.line} already.{hint}"
        first = object_ids.setdefault(entry.object_id, entry)
        if first is not entry and entry.object_id:
            yield f"line {entry.line}: the object_id is that of '{first.name}' on line {first.line} already."


def class_name(given: str | None, roster_stem: str) -> str:
    """Return the name of the class: as given, or made of the roster's file name.

    Raises:
        UsageError: The name is not allowed.
    """
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
    """Name everything.

    Args:
        name: of the class.
        entries: the roster.
        patterns: how names are made.
        target: on Azure the roster has to say who learners are in Entra.
        before: who has been in the class; their numbers stay as they are, and nobody else gets one of them.

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
