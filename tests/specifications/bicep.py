"""Holds virtual machines to Bicep's types of api-version 2026-04-01, for which there is no OpenAPI document at hand.

The file is a list of types that refer to one another by their number, ``{"$ref": "#/498"}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.specifications.oav import Disagreement
from tests.specifications.traffic import Exchange

RESOURCE = "Microsoft.Compute/virtualMachines@2026-04-01"
_FILE = "microsoft.compute_2026-04-01.types.json"
_REQUIRED, _WRITE_ONLY = 1, 4
_OWN = frozenset({"apiVersion"})  # what a Bicep file says and an answer of ARM does not
_PYTHON_TYPES: Mapping[str, type] = {"StringType": str, "IntegerType": int, "BooleanType": bool}


def check(exchange: Exchange, documents: Path) -> Iterator[Disagreement]:
    """Yield what is wrong with the machines in the answer."""
    kind, _, version = RESOURCE.partition("@")
    if exchange.api_version != version or not exchange.succeeded or not isinstance(exchange.body, dict):
        return
    types = _load(documents / _FILE)
    for machine in exchange.body.get("value") or [exchange.body]:
        if isinstance(machine, dict) and str(machine.get("type", "")).casefold() == kind.casefold():
            for place, code, message in types.check(RESOURCE, machine):
                yield Disagreement("response", RESOURCE, code, place, message)


class Types:
    """The types of one file."""

    def __init__(self, types: list[dict[str, Any]]) -> None:
        self._types = types
        self._bodies = {item["name"]: item["body"] for item in types if item["$type"] == "ResourceType"}

    def check(self, resource: str, value: Any) -> Iterator[tuple[str, str, str]]:
        """Yield place, code and message of all in which ``value`` is no such resource."""
        yield from self._check(self._bodies[resource], value, "$")

    def _check(self, reference: dict[str, str], value: Any, place: str) -> Iterator[tuple[str, str, str]]:
        kind = self._types[int(reference["$ref"].removeprefix("#/"))]
        match kind["$type"]:
            case "AnyType":
                return
            case "ObjectType":
                yield from self._check_object(kind, value, place)
            case "ArrayType":
                yield from self._check_array(kind, value, place)
            case "UnionType":
                if all(any(self._check(element, value, place)) for element in kind["elements"]):
                    yield place, "ENUM_MISMATCH", f"{value!r} is none of the values of its type"
            case "StringLiteralType":
                if value != kind["value"]:
                    yield place, "ENUM_MISMATCH", f"{value!r} is not {kind['value']!r}"
            case simple:
                expected = _PYTHON_TYPES[simple]
                if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
                    yield place, "INVALID_TYPE", f"{type(value).__name__} is no {simple}"

    def _check_object(self, kind: dict[str, Any], value: Any, place: str) -> Iterator[tuple[str, str, str]]:
        if not isinstance(value, dict):
            yield place, "INVALID_TYPE", f"{type(value).__name__} is no object"
            return
        members = kind.get("properties", {})
        for name, member in members.items():
            if member["flags"] & _REQUIRED and name not in value:
                yield f"{place}.{name}", "OBJECT_MISSING_REQUIRED_PROPERTY", f"Missing required property: {name}"
            if member["flags"] & _WRITE_ONLY and name in value:
                yield f"{place}.{name}", "WRITEONLY_PROPERTY_NOT_ALLOWED_IN_RESPONSE", f"Write-only: {name}"
        for name, member in value.items():
            if name in members and name not in _OWN:
                yield from self._check(members[name]["type"], member, f"{place}.{name}")
            elif "additionalProperties" in kind:
                yield from self._check(kind["additionalProperties"], member, f"{place}['{name}']")
            else:
                yield f"{place}.{name}", "OBJECT_ADDITIONAL_PROPERTIES", f"Additional properties not allowed: {name}"

    def _check_array(self, kind: dict[str, Any], value: Any, place: str) -> Iterator[tuple[str, str, str]]:
        if not isinstance(value, list):
            yield place, "INVALID_TYPE", f"{type(value).__name__} is no array"
            return
        for number, item in enumerate(value):
            yield from self._check(kind["itemType"], item, f"{place}[{number}]")


@cache
def _load(file: Path) -> Types:
    return Types(json.loads(file.read_text(encoding="utf-8")))
