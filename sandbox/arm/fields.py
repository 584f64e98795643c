"""Reads a request's body, and refuses what is wrong in it in ARM's words, by naming where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rbac.folding import fold
from sandbox.core import errors, seed_data

MAXIMUM_TAGS = 50
_LONGEST_TAG = {"name": 512, "value": 256}
_RESERVED_IN_TAG_NAMES = "<>%&\\?/"
_FLAGS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DEEPEST = 60  # levels of a body; no resource type has as many


class Fields:
    """The members of one JSON object, at ``path`` in the body; null counts as missing.

    As lenient as Azure: names compare without regard to case, and a flag or a number may be written as a text.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise errors.invalid_request_content(f"The property '{path}' must be an object.")
        self._value: dict[str, Any] = value
        self._members = {fold(name): member for name, member in value.items() if member is not None}
        self.path = path

    def __contains__(self, name: str) -> bool:
        return fold(name) in self._members

    def names(self) -> Iterable[str]:
        """Return the names of the members as they are written, those that are null left out."""
        return [name for name, member in self._value.items() if member is not None]

    def value(self, name: str) -> Any:
        """Return the member ``name``, whatever it is; None where it is missing."""
        return self._members.get(fold(name))

    def object(self, name: str) -> Fields:
        """Return the object ``name``, an empty one where it is missing."""
        return Fields(self._members.get(fold(name), {}), self._at(name))

    def objects(self, name: str) -> list[Fields]:
        """Return the list of objects ``name``, an empty one where it is missing."""
        found = self._members.get(fold(name), [])
        if not isinstance(found, list):
            raise self._wrong(name, "a list of objects")
        return [Fields(value, f"{self._at(name)}[{number}]") for number, value in enumerate(found)]

    def texts(self, name: str) -> list[str]:
        """Return the list of strings ``name``, an empty one where it is missing."""
        found = self._members.get(fold(name), [])
        if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
            raise self._wrong(name, "a list of strings")
        return found

    def text(self, name: str, allowed: Iterable[str] = ()) -> str | None:
        """Return the string ``name``, or None; with ``allowed``, one of those in their case."""
        found = self.value(name)
        if found is None:
            return None
        if not isinstance(found, str):
            raise self._wrong(name, "a string")
        choices = {fold(choice): choice for choice in allowed}
        if choices and fold(found) not in choices:
            raise self._wrong(name, f"one of {', '.join(choices.values())}")
        return choices.get(fold(found), found)

    def required_text(self, name: str) -> str:
        """Return the string ``name``, which may be neither missing nor empty."""
        found = self.text(name)
        if not found or found.isspace():
            raise errors.invalid_request_content(f"The property '{self._at(name)}' is required.")
        return found

    def flag(self, name: str) -> bool | None:
        """Return the boolean ``name``, or None."""
        found = self.value(name)
        if isinstance(found, str):
            found = _FLAGS.get(fold(found), found)
        if found is not None and not isinstance(found, bool):
            raise self._wrong(name, "true or false")
        return found

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return the whole number ``name`` from ``low`` to ``high``, or None."""
        found = self.value(name)
        if isinstance(found, str) and _NUMBER.fullmatch(found):
            found = int(found)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool) or not low <= found <= high:
            raise self._wrong(name, f"a whole number from {low} to {high}")
        return found

    def plain(self) -> dict[str, Any]:
        """Return a copy of the object without what is null, at every depth."""
        copied: dict[str, Any] = without_nulls(self._value)
        return copied

    def completed(self, **values: Any) -> dict[str, Any]:
        """Return ``values`` and after them, as they are, the members that are not among them."""
        taken = set(map(fold, values))
        return {**values, **{name: member for name, member in self.plain().items() if fold(name) not in taken}}

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _wrong(self, name: str, what: str) -> errors.AzureError:
        return errors.invalid_request_content(f"The property '{self._at(name)}' must be {what}.")


def without_nulls(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON value without the members that are null; refuses one that is nested too deep."""
    if depth > _DEEPEST:
        raise errors.invalid_request_content(f"The request content is nested more than {_DEEPEST} levels deep.")
    if isinstance(value, dict):
        return {name: without_nulls(member, depth + 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member, depth + 1) for member in value]
    return value


def read_tags(body: dict[str, Any]) -> dict[str, str] | None:
    """Return the ``tags`` of a request's body, or None if it has none; raises where they are no map of texts."""
    tags = _member(body, "tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise errors.invalid_request_content("The property 'tags' must be an object whose values are strings.")
    if len(tags) > MAXIMUM_TAGS:
        raise errors.invalid_parameter(
            f"The resource has '{len(tags)}' tags. A resource can have at most '{MAXIMUM_TAGS}' tags.",
            "InvalidTagCount",
        )
    _check_tag_names(tags)
    for kind, texts in (("name", tags), ("value", tags.values())):
        for text in texts:
            if len(text) > _LONGEST_TAG[kind]:
                raise errors.invalid_parameter(
                    f"Tag {kind} too large. Following tag {kind} '{text}' exceeded the maximum length. Maximum allowed "
                    f"length for tag {kind} - '{_LONGEST_TAG[kind]}' characters.",
                    f"InvalidTag{kind.capitalize()}Length",
                )
    return dict(tags)


def _check_tag_names(tags: dict[str, str]) -> None:
    wrong = [name for name in tags if not name.strip() or not set(name).isdisjoint(_RESERVED_IN_TAG_NAMES)]
    if wrong:
        raise errors.invalid_parameter(
            f"The tag names '{','.join(wrong)}' have reserved characters '{','.join(_RESERVED_IN_TAG_NAMES)}' or "
            "control characters.",
            "InvalidTagNameCharacters",
        )
    if len({fold(name) for name in tags}) < len(tags):
        raise errors.invalid_request_content("The request content has the same tag name more than once.")


def read_location(body: dict[str, Any], resource_type: str) -> str:
    """Return the short name of the ``location`` in a request's body; raises where it is missing or unknown."""
    location = _member(body, "location")
    if not isinstance(location, str) or not location:
        raise errors.invalid_parameter("The location property is required for this definition.", "LocationRequired")
    short = seed_data.location_name(location)
    if short is None:
        raise errors.location_not_available(location, resource_type, seed_data.LOCATIONS)
    return short


def read_object(body: dict[str, Any], name: str, *, required: bool = False) -> dict[str, Any]:
    """Return the object ``name`` of a request's body; an empty one where it is missing and not required."""
    value = _member(body, name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise errors.invalid_request_content(f"The property '{name}' must be an object.")
    return value


def _member(body: dict[str, Any], name: str) -> Any:
    folded = fold(name)
    return next((member for key, member in body.items() if fold(key) == folded), None)
