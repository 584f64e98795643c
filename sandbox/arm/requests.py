"""What operations of every provider read out of a request, refused in ARM's words where it is wrong."""

from __future__ import annotations

from typing import Any

from sandbox.core import errors, seed_data

MAXIMUM_TAGS = 50


def read_tags(body: dict[str, Any]) -> dict[str, str] | None:
    """Return the ``tags`` of a request's body, or None if it has none; raises where they are no map of texts."""
    tags = body.get("tags")
    if tags is None:
        return None
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise errors.invalid_request_content("The property 'tags' must be an object whose values are strings.")
    if len(tags) > MAXIMUM_TAGS:
        raise errors.invalid_parameter(
            f"The resource has '{len(tags)}' tags. A resource can have at most '{MAXIMUM_TAGS}' tags.",
            "InvalidTagCount",
        )
    return dict(tags)


def read_location(body: dict[str, Any], resource_type: str) -> str:
    """Return the short name of the ``location`` in a request's body; raises where it is missing or unknown."""
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise errors.invalid_parameter("The location property is required for this definition.", "LocationRequired")
    short = seed_data.location_name(location)
    if short is None:
        raise errors.location_not_available(location, resource_type, seed_data.LOCATIONS)
    return short


def read_object(body: dict[str, Any], name: str, *, required: bool = False) -> dict[str, Any]:
    """Return the object ``name`` of a request's body; an empty one where it is missing and not required."""
    value = body.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise errors.invalid_request_content(f"The property '{name}' must be an object.")
    return value
