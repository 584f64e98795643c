"""What goes over the wire, as a script sees it: without the helpers, whose import takes longer than a script."""

from __future__ import annotations

import base64
import gzip
import json
import re


def values_of(script: str) -> dict[str, str]:
    """The values that stand in a script."""
    found = re.search(r"(?m)^\$?request ?= ?'([A-Za-z0-9+/=]+)'", script)
    assert found
    encoded = json.loads(base64.b64decode(found[1]))
    return {name: base64.b64decode(value).decode() for name, value in encoded.items()}


def printed_by(mark: str, message: bytes) -> str:
    """What a script prints for a message."""
    return f"{mark}:{base64.b64encode(gzip.compress(message)).decode()}:{mark}\n"
