"""From a roster, a table of text with a line for each learner, to the learners, and the names of what each gets.

A roster's columns, in any order: ``name``, and if need be ``handle`` (what names in Azure are made of; by default it
is made of the name), ``object_id`` and ``principal_type`` (who the learner is in Entra; needed on Azure only).
"""

import itertools
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from helpers import check_names
from rbac.roles import GUID
from workshop.classroom.classroom import SANDBOX, TRAINER, Learner
from workshop.csv_files import read_csv
from workshop.errors import UsageError, translate_os_errors
from workshop.words import quantity

NAME = "name"
HANDLE = "handle"
OBJECT_ID = "object_id"
PRINCIPAL_TYPE = "principal_type"
PRINCIPAL_TYPES = ("User", "Group", "ServicePrincipal")
_COLUMNS = frozenset({NAME, HANDLE, OBJECT_ID, PRINCIPAL_TYPE})
_HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")
_HANDLE_RULE = "1 to 24 lowercase letters, digits and hyphens, with a letter or digit first and last"
# How names are made, unless the trainer says otherwise; each group has a name of its own in the subscription.
PATTERNS = {"resource_group": "{class}-{handle}", "vm_name": "vm-{handle}", "identity_name": "id-{handle}"}
_CLASS_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_PLACEHOLDERS = frozenset({"class", "handle", "number"})
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SPELLED_OUT = str.maketrans(
    {"Æ": "Ae", "æ": "ae", "Œ": "Oe", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "ß": "ss"}
    | {"Ð": "D", "ð": "d", "Þ": "Th", "þ": "th", "ẞ": "SS", "Ħ": "H", "ħ": "h", "Ŋ": "N", "ŋ": "n"}
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)  # letters that are no other letter with an accent


@dataclass(frozen=True)
class Entry:
    """A learner as the roster has them."""

    line: int  # counted from 1
    name: str
    handle: str  # what names in Azure are made of
    object_id: str  # of their principal in Entra; empty if the roster does not say
    principal_type: str


def read_roster(path: Path) -> tuple[list[Entry], str]:
    """Return the learners, and the encoding of the file; raise UsageError with all that is wrong, by its lines."""
    text, encoding = _text(path)
    found = read_csv(text)
    _refuse(path, found.problems)
    records = [(line, cells) for line, cells in found.records if any(cells)]
    if not records[1:]:
        raise UsageError(f"{path} has no learners in it.")
    headings, *rows = records
    columns = _headings(path, headings[1])
    entries = [
        _entry(line, dict(zip(columns, cells, strict=True))) for line, cells in rows if len(cells) == len(columns)
    ]
    problems = [(entry.line, problem) for entry in entries for problem in _problems(entry)]
    problems += [
        (line, f"{quantity(len(cells), 'field')} for {quantity(len(columns), 'heading')}.")
        for line, cells in rows
        if len(cells) != len(columns)
    ]
    _refuse(path, [*problems, *_repeated(entries)])
    return entries, encoding


def _refuse(path: Path, problems: Iterable[tuple[int, str]]) -> None:
    in_order = [f"{path.name}, line {line}: {problem}" for line, problem in sorted(problems, key=itemgetter(0))]
    if in_order:
        raise UsageError(*in_order)


def handle_of(name: str) -> str:
    """Return a name as a handle: lowercase letters without accents, digits and hyphens; empty if none are left."""
    spelled = unicodedata.normalize("NFKD", name.translate(_SPELLED_OUT))
    plain = spelled.encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", ""))[:24].strip("-")


def _text(path: Path) -> tuple[str, str]:
    """Return a file's text with plain line ends, and the encoding that it was taken to have."""
    with translate_os_errors(f"{path} cannot be read", UsageError):
        content = path.read_bytes()
    tried = ("utf-16",) if content.startswith(_UTF16_BOMS) else ("utf-8-sig", "cp1252", "latin-1")
    if b"\0" in content and tried[0] != "utf-16":
        raise UsageError(f"{path} is no text that can be told. In Excel, save it as 'CSV UTF-8'.")
    for encoding in tried:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n"), encoding
    raise UsageError(f"{path} is damaged: it begins as UTF-16, and does not go on so.")


def _headings(path: Path, row: Sequence[str]) -> list[str]:
    headings = [re.sub(r"[\s-]+", "_", field.casefold()) for field in row]
    if NAME not in headings:
        raise UsageError(
            f"{path} has no column 'name': its first line has {', '.join(map(repr, row))}. "
            "It should have the headings, in English, such as: name,object_id"
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
        yield "the name is missing."
    elif not entry.handle:
        yield f"no name for Azure can be made of '{entry.name}'. Add a column 'handle' with {_HANDLE_RULE}."
    elif not _HANDLE.fullmatch(entry.handle):
        yield f"the handle '{entry.handle}' is not allowed. It has {_HANDLE_RULE}."
    elif entry.handle == TRAINER:
        yield f"'{TRAINER}' is the trainer's own sign-in. Add a column 'handle' with another one."
    if entry.object_id and not GUID.fullmatch(entry.object_id):
        yield (
            f"the object_id '{entry.object_id}' is not a GUID. "
            "For a user, 'az ad user show --id ADDRESS --query id' tells it."
        )
    if entry.principal_type not in PRINCIPAL_TYPES:
        yield f"the principal_type '{entry.principal_type}' is none of {', '.join(PRINCIPAL_TYPES)}."


def _repeated(entries: Sequence[Entry]) -> Iterator[tuple[int, str]]:
    """Say of each line that repeats an earlier one which that is."""
    handles: dict[str, Entry] = {}
    object_ids: dict[str, Entry] = {}
    for entry in entries:
        first = handles.setdefault(entry.handle, entry)
        if first is not entry and entry.handle:
            same = first.name.casefold() == entry.name.casefold()
            what = f"'{entry.name}'" if same else f"the handle '{entry.handle}' of '{entry.name}'"
            hint = "" if same else " Give one of them another in a column 'handle'."
            yield entry.line, f"{what} is on line {first.line} already.{hint}"
        first = object_ids.setdefault(entry.object_id, entry)
        if first is not entry and entry.object_id:
            yield entry.line, f"the object_id is that of '{first.name}' on line {first.line} already."


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
    name: str, entries: Sequence[Entry], patterns: Mapping[str, str], target: str, before: Sequence[Learner] = ()
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


def _learner(name: str, entry: Entry, patterns: Mapping[str, str], target: str, number: int) -> Learner:
    values = {"class": name, "handle": entry.handle, "number": f"{number:02}"}
    own = {} if target == SANDBOX else {"object_id": entry.object_id, "principal_type": entry.principal_type}
    names = {what: pattern.format(**values) for what, pattern in patterns.items()}
    return Learner(number, entry.name, entry.handle, **names, **own)


def _pattern_problems(patterns: Mapping[str, str]) -> Iterator[str]:
    for what, pattern in patterns.items():
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
