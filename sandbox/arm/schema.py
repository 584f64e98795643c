"""Reads the objects of a request's body by a list of the members that each type has, as Azure's own readers do.

A provider writes its types down in a notation: by type, the names of its members, each with a mark for what it holds.

- no mark: a text; ``=A|B``: one of these texts;
- ``?``: a flag; ``#``: a whole number; ``#0-63``: one of these;
- ``:Type``: an object; ``@type``: a reference, ``{"id": ...}``, to a resource of that type of the provider's;
- ``^``: a reference that is the id alone, a text;
- ``*``: a list of texts; after a type, of such objects or references;
- ``~``: anything, kept as it is; ``!``: what only answers have, disregarded as Azure does; ``-``: what would need
  something that the sandbox does not have, refused unless it is empty.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rbac.folding import fold
from sandbox.arm.fields import Fields, without_nulls
from sandbox.core import errors
from sandbox.core.errors import AzureError

_LARGEST = 2**63 - 1

Refer = Callable[[str | None, str, str], object]
Unknown = Callable[[str, str, str], AzureError]


class Schema:
    """The types of one provider. ``unknown`` makes its refusal of a member, of a type, at a path."""

    def __init__(self, notation: Mapping[str, str], unknown: Unknown) -> None:
        self._types = {type_: dict(map(_member, members.split())) for type_, members in notation.items()}
        self._unknown = unknown

    def read(self, given: Fields, type_: str, refer: Refer) -> dict[str, Any]:
        """Return an object with names and values as Azure writes them, and without what is null.

        ``refer`` is called with each reference, the type that it has to be of, and the path at which it stands.
        """
        members, result = self._types[type_], {}
        for written in given.names():
            if fold(written) not in members:
                if not given.path:  # beside ``properties``: it is Resource Manager itself that refuses it
                    raise errors.refusal("InvalidRequestContent.member", written)
                raise self._unknown(written, type_, f"{given.path}.{written}")
            name, kind = members[fold(written)]
            if kind == "-" and given.value(name) not in ([], {}):
                raise errors.refusal("InvalidParameter.notHere", name)
            if kind not in ("!", "-"):
                result[name] = self._value(given, name, kind, refer)
        return result

    def _value(self, given: Fields, name: str, kind: str, refer: Refer) -> Any:
        mark, rest = kind[:1], kind[1:]
        is_list = rest.endswith("*") and mark != "="
        if mark in (":", "@"):
            of = rest.rstrip("*")
            items = given.objects(name) if is_list else [given.object(name)]
            values = [self._refer(item, of, refer) if mark == "@" else self.read(item, of, refer) for item in items]
            return values if is_list else values[0]
        if mark == "^":
            refer(given.text(name), "", f"{given.path}.{name}")
        if mark == "?":
            return given.flag(name)
        if mark == "#":
            low, _, high = rest.partition("-")
            return given.number(name, int(low or -_LARGEST), int(high or _LARGEST))
        if mark == "*":
            return given.texts(name)
        if mark == "~":
            return without_nulls(given.value(name))
        return given.text(name, rest.split("|") if mark == "=" else ())

    def _refer(self, given: Fields, type_: str, refer: Refer) -> dict[str, Any]:
        reference = given.text("id")
        refer(reference, type_, given.path)
        return {"id": reference}


def _member(noted: str) -> tuple[str, tuple[str, str]]:
    found = re.fullmatch(r"(\w+)(.*)", noted)
    if found is None:
        raise ValueError(f"{noted} names no member")
    return fold(found[1]), (found[1], found[2])
