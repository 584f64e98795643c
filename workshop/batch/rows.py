"""The rows of a batch, checked against what the notebooks take and what Azure allows."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.batch.table import Problem, RawRow, RawTable, sentences
from workshop.errors import UsageError
from workshop.files import notebook_text, read_notebook
from workshop.notebooks.parameters import TARGET, Parameter, Value, check, declared
from workshop.notebooks.plan import target_of
from workshop.notebooks.secrets import looks_like_a_secret
from workshop.pages.output import pictures_in

NAME = "name"
_SCOPE = (TARGET, "subscription_id", "resource_group")
_MADE = ("vm_name", "identity_name")
_FOLDER_NAME = re.compile(r"(?!\.)[\w .()-]{0,99}[\w()-]")
_NOT_ON_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@dataclass(frozen=True)
class Source:
    """A notebook of the batch: the text of its file, the parameters it declares, and the pictures in its folder."""

    path: Path
    text: str
    declares: Mapping[str, Parameter]
    pictures: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """A row that can be run."""

    number: int  # counted from 1
    name: str  # and that of the folder its notebooks are saved in
    parameters: Sequence[Mapping[str, Value]]
    target: Value
    # Rows with the same do not run at the same time: each cleans up what it finds in its resource group.
    concurrency_key: str
    inputs: str  # a digest of the notebooks and the parameters

    @property
    def given(self) -> dict[str, Value]:
        """What the row says: the notebooks' own values are not among it."""
        return {name: value for values in self.parameters for name, value in values.items()}


def read_sources(notebooks: Sequence[Path]) -> list[Source]:
    """Read notebooks and their declarations."""
    sources = []
    for path in notebooks:
        node = read_notebook(path)
        sources.append(Source(path, notebook_text(node), declared(node), pictures_in(node, path.parent)))
    return sources


def check_rows(table: RawTable, sources: Sequence[Source]) -> list[Row]:
    """Return the rows, or raise UsageError with all that is wrong with them."""
    checker = _Checker(sources)
    problems = list(table.problems)
    names = _names(table.rows)
    for raw in table.rows:
        problems += checker.problems_in(raw)
    problems += _name_problems(table.rows, names)
    problems += _duplicates(table.rows, checker)
    if problems:
        raise UsageError(*sentences(problems))
    return [checker.row(raw, name) for raw, name in zip(table.rows, names, strict=True)]


class _Checker:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._declares = [source.declares for source in sources]
        self.known = {name: parameter for declares in reversed(self._declares) for name, parameter in declares.items()}
        self._notebooks_digest = hashlib.sha256("".join(source.text for source in sources).encode()).hexdigest()

    def given(self, raw: RawRow) -> dict[str, object]:
        """The values that are parameters."""
        return {name: value for name, value in raw.values.items() if name != NAME or NAME in self.known}

    def problems_in(self, raw: RawRow) -> Iterator[Problem]:
        for column, value in self.given(raw).items():
            try:
                check(self._declares, {column: value})
            except UsageError as error:
                subject = f"The parameter '{column}' "
                yield from (Problem(text.removeprefix(subject), raw.label, column) for text in error.problems)

    def value(self, raw: RawRow, name: str) -> object:
        """What the notebooks will have as ``name``, as far as it can be told; None if they have no such parameter."""
        if name not in self.known:
            return None
        if name not in raw.values:
            return self.known[name].value
        return raw.values[name]

    def row(self, raw: RawRow, name: str) -> Row:
        parameters = check(self._declares, self.given(raw))
        inputs = f"{self._notebooks_digest}{json.dumps(parameters, sort_keys=True)}"
        scope = " ".join(str(self.value(raw, part)) for part in _SCOPE).casefold()
        return Row(
            number=raw.number,
            name=name,
            parameters=parameters,
            target=target_of(self._declares, parameters),
            concurrency_key=scope if "resource_group" in self.known else name,
            inputs=hashlib.sha256(inputs.encode()).hexdigest()[:16],
        )


def _names(rows: Sequence[RawRow]) -> list[str]:
    width = max(4, len(str(len(rows))))
    return [str(raw.values[NAME]) if NAME in raw.values else f"row-{raw.number:0{width}}" for raw in rows]


def _name_problems(rows: Sequence[RawRow], names: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for raw, name in zip(rows, names, strict=True):
        if looks_like_a_secret(name):
            yield Problem("The name looks like a secret.", raw.label, NAME)
        elif not _FOLDER_NAME.fullmatch(name) or _NOT_ON_WINDOWS.fullmatch(name):
            yield Problem(
                f"'{name}' cannot be the name of a folder: letters, digits, spaces and - _ . ( ) can.", raw.label, NAME
            )
        elif name.casefold() in first:
            yield Problem(f"'{name}' is the name of {first[name.casefold()]} already.", raw.label, NAME)
        first.setdefault(name.casefold(), raw.label)


def _duplicates(rows: Sequence[RawRow], checker: _Checker) -> Iterator[Problem]:
    """Rows that would make the same thing."""
    identifying = [name for name in (*_SCOPE, *_MADE) if name in checker.known]
    if not set(identifying) & set(_MADE):
        return
    first: dict[tuple[str, ...], str] = {}
    for raw in rows:
        key = tuple(str(checker.value(raw, name)).casefold() for name in identifying)
        if key in first:
            same = ", ".join(name for name in identifying if name not in {TARGET, "subscription_id"})
            yield Problem(f"It has the same {same} as {first[key]}.", raw.label)
        first.setdefault(key, raw.label)
