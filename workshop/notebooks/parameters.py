"""The parameters of notebooks: which there are, of which types, what was given, and whether that fits.

A notebook declares its parameters in the cell tagged ``parameters``: name, type, default and a comment, as
papermill reads them.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import re
import tokenize
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from workshop.errors import UsageError
from workshop.files import WithDuplicate, parse_data, read_text
from workshop.notebooks.secrets import looks_like_a_secret, named_like_a_secret
from workshop.sandbox import SANDBOX

if TYPE_CHECKING:
    from nbformat import NotebookNode

Value: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None
TARGET = "target"  # the parameter that says where a notebook works
_TARGETS = (SANDBOX, "azure")
_MAGIC = re.compile(r"^[ \t]*[%!].*", re.MULTILINE)  # IPython's lines among Python's
_TYPE_COMMENT = re.compile(r"#+\s*type:\s*(\S+)")


class NotOfKindError(ValueError):
    """A value does not fit; the message continues a sentence that begins with the parameter."""


@dataclass(frozen=True)
class Kind:
    """A type of values."""

    name: str  # as it is written in Python
    optional: bool = False  # whether None is a value too

    def read(self, text: str) -> Any:
        """Return the value that ``text``, from a command line, stands for; raise NotOfKindError if there is none."""
        if self.optional and text in {"", "None", "null"}:
            return None
        if self.name == "any":
            return _anything(text)
        _, read, phrase = _TYPES[self.name]
        try:
            return self.check(read(text))
        except (ValueError, RecursionError):
            raise NotOfKindError(f"takes {phrase}, not '{text}'.") from None

    def check(self, value: object) -> Any:
        """Return ``value``, which is as a YAML or JSON file has it; raise NotOfKindError if it does not fit."""
        if self.name == "any" or (value is None and self.optional):
            return value
        if self.name == "float" and type(value) is int:
            return float(value)
        wanted, _, phrase = _TYPES[self.name]
        if type(value) is not wanted:
            hint = " Put it in quotes." if self.name == "str" and not isinstance(value, (list, dict)) else ""
            raise NotOfKindError(f"takes {phrase}, not {_describe(value)}.{hint}")
        if isinstance(value, float) and not math.isfinite(value):
            raise NotOfKindError(f"takes {phrase}, not {value}.")
        return value


def kind_of(annotation: str, default: str) -> Kind:
    """Return the kind of a parameter by its annotation, which may be empty, or else its default; both as source."""
    optional = re.fullmatch(r"(?:typing\.)?Optional\[(.+)\]", annotation)
    name = (optional.group(1) if optional else annotation).partition("[")[0].strip().lower()
    if name in _TYPES:
        return Kind(name, optional is not None)
    try:
        name = type(ast.literal_eval(default)).__name__
    except (ValueError, SyntaxError):
        name = "any"
    return Kind(name if name in _TYPES else "any")


def _describe(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__}"
    return f"'{value}'"


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def _anything(text: str) -> object:
    """As papermill's own command line reads values: what is no literal of another type is text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return str(text)


# By name: the type, what reads a value from a command line, and what it takes, in words.
_TYPES: dict[str, tuple[type, Callable[[str], object], str]] = {
    "str": (str, str, "text"),
    "int": (int, int, "a whole number"),
    "float": (float, float, "a number"),
    "bool": (bool, _truth, "true or false"),
    "list": (list, json.loads, "a list, as in JSON"),
    "dict": (dict, json.loads, "names and values, as a JSON object"),
}


@dataclass(frozen=True)
class Parameter:
    """A parameter as a notebook declares it."""

    name: str
    kind: Kind
    default: str  # the value it has if none is given, as Python source

    @property
    def value(self) -> Any:
        """The value if none is given, as far as the source tells it: of what is no literal, the source itself."""
        try:
            return ast.literal_eval(self.default)
        except (ValueError, SyntaxError):
            return self.default


class Text(str):
    """A value given on the command line: text that still is to be read as what the parameter takes."""


def declared(node: NotebookNode) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name.

    They are those that papermill finds, whose own reader would take half a second to import.
    """
    tagged = (cell.source for cell in node.cells if "parameters" in cell.metadata.get("tags", []))
    source = _MAGIC.sub("", next(tagged, ""))  # papermill takes the first
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return {}
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for statement in statements:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=written, value=ast.expr() as value):
                annotation = ast.unparse(written).strip("'")
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                annotation = ""
            case _:
                continue
        comment = _TYPE_COMMENT.match(comments.get(value.end_lineno or 0, ""))
        default = ast.unparse(value)
        found[name] = Parameter(name, kind_of(annotation or (comment[1] if comment else ""), default), default)
    return found


def from_options(options: Sequence[str]) -> dict[str, Text]:
    """Read ``name=value`` options; raise UsageError if one has no ``=``, or a name comes twice."""
    given: dict[str, Text] = {}
    problems = []
    for option in options:
        name, equals, text = option.partition("=")
        name = name.strip()
        if not equals or not name:
            shown = "a value" if looks_like_a_secret(option) else f"'{option}'"
            problems.append(f"--param takes NAME=VALUE, not {shown}.")
        elif name in given:
            problems.append(f"The parameter '{name}' is given twice.")
        given[name] = Text(text)
    if problems:
        raise UsageError(*problems)
    return given


def from_file(path: Path) -> dict[str, object]:
    """Read parameters from a YAML or JSON file; raise UsageError unless it has names and values, each there once."""
    content = parse_data(path, read_text(path))
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise UsageError(f"{path} should hold names and values, such as: identity_name: ID1")
    if isinstance(content, WithDuplicate):
        raise UsageError(f"In {path} '{content.duplicate}' is there twice.")
    return content


def check(declarations: Sequence[Mapping[str, Parameter]], given: Mapping[str, object]) -> list[dict[str, Value]]:
    """Return what each notebook gets of ``given``, where a ``Text`` is read as what the parameter takes.

    Raises:
        UsageError: Names that no notebook declares, values of another type or that Azure does not allow, secrets: all
            of them.
    """
    known = {name for declares in declarations for name in declares}
    problems = [problem for name, value in given.items() if (problem := _refusal(name, value, known))]
    checked: list[dict[str, Value]] = [{} for _ in declarations]
    for declares, values in zip(declarations, checked, strict=True):
        for name, value in given.items():
            if name in declares and not _is_secret(name, value):
                kind = declares[name].kind
                try:
                    values[name] = kind.read(value) if isinstance(value, Text) else kind.check(value)
                    _check_name(name, values[name])
                except NotOfKindError as error:
                    problems.append(f"The parameter '{name}' {error}")
                except ValueError as error:  # of the notebooks' own
                    problems.append(str(error))
    if problems:
        raise UsageError(*dict.fromkeys(problems))
    return checked


def _refusal(name: str, value: object, known: Set[str]) -> str | None:
    if _is_secret(name, value):
        return (
            f"The parameter '{name}' looks like a secret, and parameters are saved in the notebooks: "
            "put it in an environment variable instead, such as AZURE_CLIENT_SECRET."
        )
    if name not in known:
        return f"There is no parameter '{name}'. The notebooks know: {', '.join(sorted(known)) or 'none'}."
    return None


def _is_secret(name: str, value: object) -> bool:
    return named_like_a_secret(name) or looks_like_a_secret(value)


def _check_name(name: str, value: Value) -> None:
    """Check a value by the rules that the notebooks themselves have for it, if they have one."""
    from helpers.names import check_names  # only now: it reads the rules

    if name == TARGET and value not in _TARGETS:
        raise NotOfKindError(f"takes {' or '.join(_TARGETS)}, not '{value}'.")
    if isinstance(value, str) and (value or name != "subscription_id"):
        with contextlib.suppress(TypeError):  # there is none
            check_names(**{name: value})
