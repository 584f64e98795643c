"""Reads a request's body, and refuses what is wrong in it in ARM's words, by naming where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rbac.folding import fold
from sandbox.core import errors
from sandbox.core.data_files import read_data

LOCATIONS: dict[str, str] = {name.replace(" ", "").lower(): name for name in read_data(__file__, "locations.yaml")}
_MOST_TAGS = 50
_LONGEST_TAG = {"Name": 512, "Value": 256}
_RESERVED_IN_TAG_NAMES = "<>%&\\?/"
_FLAGS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DEEPEST = 60  # levels of a body; no resource type has as many


class Fields:
    """The members of one JSON object, at ``path`` in the body; null counts as missing.

    As lenient as Azure: names compare without regard to case, and a flag or a number may be written as a text. What is
    ``written`` is the object as it is.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise errors.refusal("InvalidRequestContent.wrong", path, "an object")
        self.written: dict[str, Any] = value
        self._members = {fold(name): member for name, member in value.items() if member is not None}
        self.path = path

    def __contains__(self, name: str) -> bool:
        return fold(name) in self._members

    def names(self) -> Iterable[str]:
        """Return the names of the members as they are written, those that are null left out."""
        return [name for name, member in self.written.items() if member is not None]

    def value(self, name: str) -> Any:
        """Return the member ``name``, whatever it is; None where it is missing."""
        return self._members.get(fold(name))

    def object(self, name: str, *, required: bool = False) -> Fields:
        """Return the object ``name``; where it is missing and not ``required``, an empty one."""
        return Fields(self._members.get(fold(name), None if required else {}), self._at(name))

    def objects(self, name: str) -> list[Fields]:
        """Return the list of objects ``name``, an empty one where it is missing."""
        found = self._members.get(fold(name), [])
        if not isinstance(found, list):
            raise self.wrong(name, "a list of objects")
        return [Fields(value, f"{self._at(name)}[{number}]") for number, value in enumerate(found)]

    def texts(self, name: str) -> list[str]:
        """Return the list of strings ``name``, an empty one where it is missing."""
        found = self._members.get(fold(name), [])
        if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
            raise self.wrong(name, "a list of strings")
        return found

    def text(self, name: str, allowed: Iterable[str] = ()) -> str | None:
        """Return the string ``name``, or None; with ``allowed``, one of those in their case."""
        found = self.value(name)
        if found is None:
            return None
        if not isinstance(found, str):
            raise self.wrong(name, "a string")
        choices = {fold(choice): choice for choice in allowed}
        if choices and fold(found) not in choices:
            raise self.wrong(name, f"one of {', '.join(choices.values())}")
        return choices.get(fold(found), found)

    def required_text(self, name: str) -> str:
        """Return the string ``name``, which may be neither missing nor empty."""
        found = self.text(name)
        if not found or found.isspace():
            raise errors.refusal("InvalidRequestContent.required", self._at(name))
        return found

    def flag(self, name: str) -> bool | None:
        """Return the boolean ``name``, or None."""
        found = self.value(name)
        if isinstance(found, str):
            found = _FLAGS.get(fold(found), found)
        if found is not None and not isinstance(found, bool):
            raise self.wrong(name, "true or false")
        return found

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return the whole number ``name`` from ``low`` to ``high``, or None."""
        found = self.value(name)
        if isinstance(found, str) and _NUMBER.fullmatch(found):
            found = int(found)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or not low <= found <= high:
            raise self.wrong(name, f"a whole number from {low} to {high}")
        return found

    def tags(self) -> dict[str, str] | None:
        """Return the ``tags``, or None if there are none; refuses what is no map of texts."""
        tags = self.value("tags")
        if tags is None:
            return None
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            raise self.wrong("tags", "an object whose values are strings")
        _check_tags(tags)
        return dict(tags)

    def location(self, resource_type: str) -> str:
        """Return the short name of the ``location``; refuses one that is missing or unknown."""
        location = self.value("location")
        if not isinstance(location, str) or not location:
            raise errors.refusal("LocationRequired")
        return read_location(location, resource_type)

    def wrong(self, name: str, what: str) -> errors.AzureError:
        """Return the refusal of the member ``name``, which must be ``what``."""
        return errors.refusal("InvalidRequestContent.wrong", self._at(name), what)

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def location_name(text: str) -> str | None:
    """Return the short name of a location given by short or display name (``"East US"``), or None."""
    short = text.replace(" ", "").casefold()
    return short if short in LOCATIONS else None


def read_location(text: str, resource_type: str) -> str:
    """Return the short name of a location that is given by short or display name; refuses one that is unknown."""
    short = location_name(text)
    if short is None:
        regions = ",".join(LOCATIONS)
        raise errors.refusal("LocationNotAvailableForResourceType", text, resource_type, regions)
    return short


def without_nulls(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON value without the members that are null; refuses one that is nested too deep."""
    if depth > _DEEPEST:
        raise errors.refusal("InvalidRequestContent.depth", _DEEPEST)
    if isinstance(value, dict):
        return {name: without_nulls(member, depth + 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member, depth + 1) for member in value]
    return value


def _check_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise errors.refusal("InvalidTagCount", len(tags), _MOST_TAGS)
    wrong = [name for name in tags if not name.strip() or not set(name).isdisjoint(_RESERVED_IN_TAG_NAMES)]
    if wrong:
        raise errors.refusal("InvalidTagNameCharacters", ",".join(wrong), ",".join(_RESERVED_IN_TAG_NAMES))
    if len({fold(name) for name in tags}) < len(tags):
        raise errors.refusal("InvalidRequestContent.tagTwice")
    for kind, texts in (("Name", tags), ("Value", tags.values())):
        for text in texts:
            if len(text) > _LONGEST_TAG[kind]:
                raise errors.refusal(f"InvalidTag{kind}Length", text, _LONGEST_TAG[kind])
