"""JSON as people write templates in it, made plain: comments, names without quotes, strings over several lines.

The Azure CLI sends a template as it stands in its file, and the name ``template`` without quotes. No library reads all
of that: JSON5, which comes closest, has no strings over several lines.
Format: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#comments-and-metadata
"""

import re
from collections.abc import Iterable
from typing import Any

from rbac.folding import fold
from sandbox.core.http import read_json

_STRING = r'"(?:[^"\\]|\\.)*(?P<quote>"?)'
_COMMENT = r"//[^\n]*|/\*.*?(?P<end>\*/|\Z)"
_NAME = r"(?P<name>[A-Za-z_$][\w$]*)(?=\s*:)"
_WRITTEN = re.compile(rf"(?P<string>{_STRING})|(?P<comment>{_COMMENT})|{_NAME}|\w+", re.DOTALL)
_SURPLUS_COMMA = re.compile(r'("(?:[^"\\]|\\.)*"|[\[{]\s*,)|,(?=\s*[\]}])', re.DOTALL)
_CONTROLS = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def read_jsonc(body: bytes) -> Any:
    """Return the value that ``body`` stands for; raises ValueError where it cannot be read."""
    try:
        return read_json(body)
    except ValueError:
        return read_json(plain_json(body))


def plain_json(body: bytes) -> bytes:
    """Return the same value in plain JSON; what is wrong in other ways stays so.

    Raises ValueError where a string or comment has no end, or at no UTF-8.
    """
    text = _WRITTEN.sub(_plain, body.decode("utf-8-sig"))
    return _SURPLUS_COMMA.sub(lambda found: found[1] or "", text).encode()


def named(value: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return an object with those of its names that are among ``names`` in their case: people write them in any."""
    known = {fold(name): name for name in names}
    return {known.get(fold(name), name): member for name, member in value.items()}


def _plain(found: re.Match[str]) -> str:
    if found["string"]:
        if not found["quote"]:
            raise ValueError("a string has no end")
        return found[0].translate(_CONTROLS)
    if found["comment"]:
        if found["end"] == "":
            raise ValueError("a comment has no end")
        return " "
    return f'"{found["name"]}"' if found["name"] else found[0]
