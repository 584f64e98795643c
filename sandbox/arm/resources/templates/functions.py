"""The functions that expressions may call, but for those that look at where a deployment is made.

Reference: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rbac.folding import fold
from sandbox.arm.resources.templates import errors
from sandbox.arm.resources.templates.expressions import LARGEST, LONGEST, Function
from sandbox.core.http import read_json

_PLACEHOLDER = re.compile(r"\{(\d{1,5})\}|\{\{|\}\}")
_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")  # the namespace of ARM's guid()


def _joined(parts: Iterable[str], delimiter: str = "") -> str:
    """Return the parts joined, and stop at the longest string there may be: what comes of it is not built first."""
    kept: list[str] = []
    length = 0
    for part in parts:
        kept.append(part)
        length += len(part) + len(delimiter)
        if length > LONGEST + len(delimiter):
            raise errors.refusal("too_large")
    return delimiter.join(kept)


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        if sum(map(len, parts)) > LARGEST:
            raise errors.refusal("too_large")
        return [member for part in parts for member in part]
    return _joined(map(_string, parts))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _filled(pattern: str, texts: list[str]) -> Iterator[str]:
    at = 0
    for found in _PLACEHOLDER.finditer(pattern):
        yield pattern[at : found.start()]
        yield texts[int(found[1])] if found[1] else found[0][0]
        at = found.end()
    yield pattern[at:]


def _replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * (len(new) - len(old)) > LONGEST:
        raise errors.refusal("too_large")
    return text.replace(old, new)


def _unique_string(*parts: Any) -> str:
    """Return 13 lowercase letters and digits that depend on the parts: Azure's are others, and as long."""
    digest = hashlib.sha256(_joined(map(_string, parts), "-").encode()).digest()
    return base64.b32encode(digest)[:13].decode().lower()


def _union(*parts: Any) -> Any:
    if all(isinstance(part, dict) for part in parts):
        return {name: value for part in parts for name, value in part.items()}
    if not all(isinstance(part, list) for part in parts):
        raise TypeError("union takes objects, or arrays")
    merged: dict[str, Any] = {}
    for member in (member for part in parts for member in part):
        merged.setdefault(json.dumps(member, sort_keys=True), member)
    return list(merged.values())


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return fold(str(item)) in {fold(name) for name in container}
    return item in container


def _segments(*names: Any) -> list[str]:
    if not all(isinstance(name, str) and name for name in names):
        raise errors.refusal("resource_id")
    return [str(name) for name in names]


def relative_id(*names: Any) -> str:
    """Return ``/providers/…`` for a type and as many names as the type has parts after its namespace."""
    type_, *values = _segments(*names)
    namespace, *kinds = type_.split("/")
    if not kinds or len(kinds) != len(values):
        raise errors.refusal("resource_id_names", type_, len(kinds))
    return f"/providers/{namespace}" + "".join(f"/{kind}/{name}" for kind, name in zip(kinds, values, strict=True))


PURE: Mapping[str, Function] = {
    "add": lambda one, other: int(one) + int(other),
    "and": lambda *values: all(value is True for value in values),
    "bool": lambda value: fold(str(value)) in ("true", "1"),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "createobject": lambda *parts: {str(name): value for name, value in zip(parts[::2], parts[1::2], strict=True)},
    "empty": lambda value: value is None or len(value) == 0,
    "equals": lambda one, other: type(one) is type(other) and bool(one == other),
    "extensionresourceid": lambda scope, *names: f"{scope.rstrip('/')}{relative_id(*names)}",
    "false": lambda: False,
    "first": lambda value: value[0],
    "format": lambda pattern, *values: _joined(_filled(pattern, list(map(_string, values)))),
    "guid": lambda *parts: str(uuid.uuid5(_GUIDS, _joined(map(_string, parts), "-"))),
    "int": int,
    "join": lambda values, delimiter: _joined(map(_string, values), delimiter),
    "json": lambda text: read_json(text.encode()),
    "last": lambda value: value[-1],
    "length": len,
    "mul": lambda one, other: int(one) * int(other),
    "not": lambda value: value is not True,
    "null": lambda: None,
    "or": lambda *values: any(value is True for value in values),
    "range": lambda start, count: list(range(start, start + min(count, LARGEST + 1))),
    "replace": _replace,
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
    "uniquestring": _unique_string,
}
