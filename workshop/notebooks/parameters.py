"""The parameters of notebooks: which there are, what was given, and whether that fits.

A notebook declares its parameters in the cell tagged ``parameters``: name, type, default and a comment, as
papermill reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from workshop.errors import UsageError
from workshop.notebooks.kinds import Kind, NotOfKindError, kind_of
from workshop.notebooks.secrets import looks_like_a_secret, named_like_a_secret

if TYPE_CHECKING:
    from nbformat import NotebookNode

Value: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None


@dataclass(frozen=True)
class Parameter:
    """A parameter as a notebook declares it.

    Attributes:
        name: of the variable.
        kind: what values it takes.
        default: the value it has if none is given, as Python source.
        help: the comment behind it.
    """

    name: str
    kind: Kind
    default: str
    help: str


@dataclass(frozen=True)
class Text:
    """A value given on the command line: text that still is to be read as what the parameter takes."""

    text: str


def declared(node: NotebookNode) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name."""
    from papermill.translators import PythonTranslator

    cells = (cell for cell in node.cells if "parameters" in cell.metadata.get("tags", []))
    return {
        found.name: Parameter(found.name, kind_of(found.inferred_type_name, found.default), found.default, found.help)
        for cell in islice(cells, 1)  # papermill takes the first
        for found in PythonTranslator.inspect(cell)
    }


def from_options(options: Sequence[str]) -> dict[str, Text]:
    """Read ``name=value`` words.

    Raises:
        UsageError: A word has no ``=``, or a name comes twice.
    """
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
    """Read parameters from a YAML or JSON file of names and values.

    Raises:
        UsageError: The file cannot be read, is neither, or is no mapping of names to values.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not in UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    content = _parsed(path, text)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise UsageError(f"{path} should hold names and values, such as: identity_name: ID1")
    return content


def _parsed(path: Path, text: str) -> object:
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}.") from error
    if path.suffix in {".yaml", ".yml"}:
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    raise UsageError(f"{path} should be called .yaml, .yml or .json.")


def check(declarations: Sequence[Mapping[str, Parameter]], given: Mapping[str, object]) -> list[dict[str, Value]]:
    """Check what was given against what notebooks declare; return what each of them gets.

    Args:
        declarations: what each notebook declares.
        given: value by name; a ``Text`` is read as what the parameter takes.

    Raises:
        UsageError: Names that no notebook declares, values of another type, secrets: all of them.
    """
    known = {name for declares in declarations for name in declares}
    problems = [problem for name, value in given.items() if (problem := _refusal(name, value, known))]
    checked: list[dict[str, Value]] = [{} for _ in declarations]
    for declares, values in zip(declarations, checked, strict=True):
        for name, value in given.items():
            try:
                if name in declares and not _is_secret(name, value):
                    values[name] = _value(declares[name], value)
            except NotOfKindError as error:
                problems.append(f"The parameter '{name}' {error}")
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
    return named_like_a_secret(name) or looks_like_a_secret(value.text if isinstance(value, Text) else value)


def _value(parameter: Parameter, given: object) -> Any:
    return parameter.kind.read(given.text) if isinstance(given, Text) else parameter.kind.check(given)
