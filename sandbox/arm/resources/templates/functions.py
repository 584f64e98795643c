"""The functions that expressions may call, but for those that look at where a deployment is made.

Reference: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.arm.resources.templates.errors import evaluation_failed
from sandbox.arm.resources.templates.expressions import LARGEST, Function

_PLACE = re.compile(r"\{(\d+)\}|\{\{|\}\}")


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return [member for part in parts for member in part]
    return "".join(_string(part) for part in parts)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _format(pattern: str, *arguments: Any) -> str:
    def fill(found: re.Match[str]) -> str:
        return _string(arguments[int(found[1])]) if found[1] else found[0][0]

    return _PLACE.sub(fill, pattern)


def _equals(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _union(*parts: Any) -> Any:
    if all(isinstance(part, dict) for part in parts):
        return {name: value for part in parts for name, value in part.items()}
    merged: list[Any] = []
    for part in parts:
        if not isinstance(part, list):
            raise TypeError("union takes objects, or arrays")
        merged += [member for member in part if member not in merged]
    return merged


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return str(item).casefold() in {name.casefold() for name in container}
    return item in container


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _all_true(*values: Any) -> bool:
    return all(value is True for value in values)


def _any_true(*values: Any) -> bool:
    return any(value is True for value in values)


def _create_object(*parts: Any) -> dict[str, Any]:
    return {str(name): value for name, value in zip(parts[::2], parts[1::2], strict=True)}


def _segments(*names: Any) -> list[str]:
    if not all(isinstance(name, str) and name for name in names):
        raise evaluation_failed(
            "Unable to evaluate template language function 'resourceId': its parameters are strings"
        )
    return [str(name) for name in names]


def relative_id(*names: Any) -> str:
    """Return ``/providers/…`` for a type and as many names as the type has parts after its namespace."""
    type_, *values = _segments(*names)
    namespace, *kinds = type_.split("/")
    if not kinds or len(kinds) != len(values):
        raise evaluation_failed(
            f"Unable to evaluate template language function 'resourceId': the type '{type_}' requires "
            f"'{len(kinds)}' resource name argument(s)"
        )
    return f"/providers/{namespace}" + "".join(f"/{kind}/{name}" for kind, name in zip(kinds, values, strict=True))


PURE: Mapping[str, Function] = {
    "add": lambda one, other: int(one) + int(other),
    "and": _all_true,
    "bool": lambda value: str(value).casefold() in ("true", "1"),
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "createobject": _create_object,
    "empty": lambda value: value is None or len(value) == 0,
    "equals": _equals,
    "extensionresourceid": lambda scope, *names: f"{scope.rstrip('/')}{relative_id(*names)}",
    "false": lambda: False,
    "first": lambda value: value[0],
    "format": _format,
    "int": int,
    "join": lambda values, delimiter: delimiter.join(map(_string, values)),
    "json": json.loads,
    "last": lambda value: value[-1],
    "length": len,
    "mul": lambda one, other: int(one) * int(other),
    "not": lambda value: value is not True,
    "null": lambda: None,
    "or": _any_true,
    "range": lambda start, count: list(range(start, start + min(count, LARGEST + 1))),
    "replace": lambda text, old, new: text.replace(old, new),
    "split": lambda text, delimiter: text.split(delimiter),
    "string": _string,
    "sub": lambda one, other: int(one) - int(other),
    "substring": lambda text, start, length: text[start : start + length],
    "tenantresourceid": relative_id,
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "true": lambda: True,
    "union": _union,
}
