"""The types that parameters of notebooks have, and which values are of them."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class NotOfKindError(ValueError):
    """A value does not fit; the message continues a sentence that begins with the parameter."""


@dataclass(frozen=True)
class Kind:
    """A type of values.

    Attributes:
        name: as it is written in Python.
        optional: whether None is a value too.
    """

    name: str
    optional: bool = False

    def read(self, text: str) -> Any:
        """Return the value that ``text``, from a command line, stands for.

        Raises:
            NotOfKindError: It stands for none.
        """
        if self.optional and text in {"", "None", "null"}:
            return None
        try:
            return self.check(_READERS[self.name](text))
        except (ValueError, RecursionError):
            raise NotOfKindError(f"takes {_PHRASES[self.name]}, not '{text}'.") from None

    def check(self, value: object) -> Any:
        """Return ``value``, which is as a YAML or JSON file has it, if it fits.

        Raises:
            NotOfKindError: It does not.
        """
        if self.name == "any" or (value is None and self.optional):
            return value
        if self.name == "float" and type(value) is int:
            return float(value)
        if type(value) is not _TYPES[self.name]:
            hint = " Put it in quotes." if self.name == "str" and not isinstance(value, (list, dict)) else ""
            raise NotOfKindError(f"takes {_PHRASES[self.name]}, not {_shown(value)}.{hint}")
        if isinstance(value, float) and not math.isfinite(value):
            raise NotOfKindError(f"takes {_PHRASES[self.name]}, not {value}.")
        return value


def kind_of(annotation: str, default: str) -> Kind:
    """Return the kind of a parameter.

    Args:
        annotation: as papermill reports it; ``"None"`` if there is none.
        default: the default value as Python source; tells the kind where the annotation does not.
    """
    optional = re.fullmatch(r"(?:typing\.)?Optional\[(.+)\]", annotation)
    name = (optional.group(1) if optional else annotation).partition("[")[0].strip().lower()
    if name in _TYPES:
        return Kind(name, optional is not None)
    try:
        value = ast.literal_eval(default)
    except (ValueError, SyntaxError):
        return Kind("any")
    name = type(value).__name__
    return Kind(name if name in _TYPES else "any")


def _shown(value: object) -> str:
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
    except ValueError:
        return text


_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
_READERS: dict[str, Callable[[str], object]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _truth,
    "list": json.loads,
    "dict": json.loads,
    "any": _anything,
}
_PHRASES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list, as in JSON",
    "dict": "names and values, as a JSON object",
}
