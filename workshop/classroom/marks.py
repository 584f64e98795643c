"""The marks on what is made for a class, by which it is found again and told from everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from workshop.errors import UsageError

_MADE_BY = "managed-identity-class"
_CLASS, _LEARNER, _MADE_AT = "class", "learner", "made-at"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Tagged(Protocol):
    """A resource as the management clients have it."""

    tags: dict[str, str] | None


def tags_for(class_name: str, handle: str, now: datetime) -> dict[str, str]:
    """Return the tags of what is made for a learner at ``now``."""
    made_at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"made-by": _MADE_BY, _CLASS: class_name, _LEARNER: handle, _MADE_AT: made_at}


def made_for(resource: Tagged, class_name: str, handle: str | None = None) -> bool:
    """Tell whether ``resource`` was made for a class, or for one learner of it."""
    tags = resource.tags or {}
    mine = tags.get("made-by") == _MADE_BY and tags.get(_CLASS) == class_name
    return mine and handle in (None, tags.get(_LEARNER))


def learner_of(resource: Tagged) -> str:
    """Return the handle of the learner that ``resource`` was made for; empty if its mark does not say."""
    return (resource.tags or {}).get(_LEARNER, "")


def made_at(resource: Tagged) -> datetime | None:
    """Return when ``resource`` was made by its mark; None if that was removed or changed into something else."""
    try:
        return datetime.strptime((resource.tags or {})[_MADE_AT], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def principal_name(class_name: str, handle: str) -> str:
    """Return the name of the service principal that is made for a learner in the sandbox."""
    return f"{principal_prefix(class_name)}{handle}"


def principal_prefix(class_name: str) -> str:
    """Return what the names of the class's principals begin with; no name of a class has a period in it."""
    return f"class.{class_name}."


def grant_note(class_name: str) -> str:
    """Return the description of a learner's role assignment: assignments cannot have tags."""
    return f"{_MADE_BY}: {class_name}"


def parse_age(text: str) -> timedelta:
    """Read an age such as ``90m``, ``12h``, ``2d`` or ``1w``.

    Raises:
        UsageError: It is none.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit() or len(number) > 5:
        raise UsageError(f"'{text}' is no age: it is a number with m, h, d or w, such as 2d for two days.")
    return timedelta(**{_UNITS[unit]: int(number)})
