"""The access tokens that this process has in its memory."""

from __future__ import annotations

import base64
import gc
import json
import re
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_BYTES, _CONTAINERS = (bytes, bytearray), (dict, tuple)  # there are millions of objects, and a | b is slower to look at


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
        for each in held:
            if isinstance(each, str):
                if "eyJ" in each:
                    yield each
            elif isinstance(each, _BYTES) and b"eyJ" in each:
                yield each.decode("latin-1")
        # The garbage collector does not list a container that has never held another.
        unlisted = (each for each in held if isinstance(each, _CONTAINERS) and not gc.is_tracked(each))
        waiting = list({id(each): each for each in unlisted}.values())


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims; none of what only looks like a token."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
