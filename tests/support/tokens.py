"""The access tokens that this process has in its memory."""

from __future__ import annotations

import base64
import gc
import json
import re
from collections.abc import Iterator
from itertools import compress
from typing import Any

_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")


def tokens_held_of(object_id: str) -> list[str]:
    """Return every token of a principal that an object of this process holds: in a variable, an attribute, a cache."""
    found = {token for text in _texts() for token in _TOKEN.findall(text)}
    return [token for token in found if claims_of(token).get("oid") == object_id]


def _texts() -> Iterator[str]:
    """Yield what may hold a token of all strings, and of all bytes, that any object refers to."""
    gc.unfreeze()  # what tests/conftest.py kept out of the collector's sight
    waiting = gc.get_objects()
    gc.freeze()  # and keeps out of it again
    while waiting:
        held = gc.get_referents(*waiting)
        yield from (each for each in _of_type(held, str) if "eyJ" in each)
        yield from (each.decode("latin-1") for each in _of_type(held, bytes, bytearray) if b"eyJ" in each)
        # The garbage collector does not list a container that has never held another.
        unlisted = (each for each in _of_type(held, dict, tuple) if not gc.is_tracked(each))
        waiting = list({id(each): each for each in unlisted}.values())


def _of_type(objects: list[Any], *types: type) -> Iterator[Any]:
    """Yield those of millions of objects that are of these types: no Python is run for the others."""
    wanted = {each for each in set(map(type, objects)) if issubclass(each, types)}
    return compress(objects, map(wanted.__contains__, map(type, objects)))


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims; none of what only looks like a token."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
