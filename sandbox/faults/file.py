"""The file of faults, which ``docs/sandbox.md`` describes: a YAML list of rules, each checked with its line."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from sandbox.faults.answers import NAMED, SERVICES
from sandbox.faults.rules import Rule

_METHODS = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
_WHICH = ("nth", "first", "every", "seconds")
_LONGEST = 1e9  # seconds


def load_faults(path: Path) -> list[Rule]:
    """Return the rules in the file ``path``; raises ValueError with file, line and what is wrong there."""
    try:
        loader = yaml.SafeLoader(path.read_text("utf-8"))
        document = loader.get_single_node()
        if not isinstance(document, yaml.SequenceNode) or not document.value:
            raise ValueError(f"{path}:1: must be a list of rules, such as '- fault: ScopeLocked'")
        return [_Reader(path, loader, node).rule() for node in document.value]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}. Name another file: --faults FILE") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error


class _Reader:
    """Reads one rule, and knows where it stands when something is wrong."""

    def __init__(self, path: Path, loader: yaml.SafeLoader, node: yaml.Node) -> None:
        self._path = path
        self._line = node.start_mark.line + 1
        self._values: dict[str, Any] = {}
        self._lines: dict[str, int] = {}
        if not isinstance(node, yaml.MappingNode):
            self._refuse("", "a rule must be keys with values, such as 'fault: ScopeLocked'")
        for key_node, value_node in node.value:
            key = str(key_node.value)
            self._lines[key] = key_node.start_mark.line + 1
            if key not in _KEYS:
                self._refuse(key, f"'{key}' is not a key of a rule; there are {', '.join(_KEYS)}")
            if key in self._values:
                self._refuse(key, f"'{key}' is there twice")
            nodes = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            if not all(isinstance(part, yaml.ScalarNode) for part in nodes):
                self._refuse(key, f"'{key}' must be {_KEYS[key][0]}")
            value = loader.construct_object(value_node, deep=True)
            if not _KEYS[key][1](value):
                self._refuse(key, f"'{key}' must be {_KEYS[key][0]}, not {value!r}")
            self._values[key] = value

    def rule(self) -> Rule:
        values = self._values
        if "fault" not in values:
            self._refuse("", "a rule needs a 'fault'")
        fault = values["fault"]
        implied = NAMED[fault] if isinstance(fault, str) else None
        service = values.get("service", implied.service if implied else None)
        if service is None:
            self._refuse("fault", f"which service? Add 'service': {', '.join(SERVICES)}")
        if implied and implied.service not in (None, service):
            self._refuse("service", f"'{fault}' is a refusal of the service {implied.service}")
        which = [key for key in _WHICH if key in values]
        if len(which) > 1:
            self._refuse(which[1], f"'{which[0]}' and '{which[1]}' do not go together")
        if "retry_after" in values and implied:
            self._refuse("retry_after", "'retry_after' goes with a status, such as 'fault: 429'")
        methods = values.get("method", implied.methods if implied else ())
        return Rule(
            fault=fault,
            service=service,
            methods=frozenset([methods] if isinstance(methods, str) else methods),
            path=values.get("path", implied.path if implied else "*"),
            which=which[0] if which else "every",
            number=values[which[0]] if which else 1,
            retry_after=values.get("retry_after"),
        )

    def _refuse(self, key: str, what: str) -> NoReturn:
        raise ValueError(f"{self._path}:{self._lines.get(key, self._line)}: {what}")


def _is_whole(value: object, low: int, high: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value < high


_COUNT: tuple[str, Callable[[Any], bool]] = ("a whole number from 1 on", lambda value: _is_whole(value, 1, math.inf))
_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "fault": (
        f"a status from 400 to 599 or one of {', '.join(NAMED)}",
        lambda value: value in NAMED if isinstance(value, str) else _is_whole(value, 400, 600),
    ),
    "service": (f"one of {', '.join(SERVICES)}", lambda value: value in SERVICES),
    "method": (
        f"one of {', '.join(_METHODS)}, or a list of them",
        lambda value: all(one in _METHODS for one in value) if isinstance(value, list) else value in _METHODS,
    ),
    "path": ("a pattern such as '*/virtualMachines/*'", lambda value: isinstance(value, str)),
    "nth": _COUNT,
    "first": _COUNT,
    "every": _COUNT,
    "seconds": ("a number of seconds", lambda value: type(value) in (int, float) and 0 <= value < _LONGEST),
    "retry_after": ("a whole number of seconds", lambda value: _is_whole(value, 0, _LONGEST)),
}
