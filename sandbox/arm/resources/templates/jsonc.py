"""JSON as people write templates in it, made plain: comments, names without quotes, strings over several lines.

The Azure CLI sends a template as it stands in its file, and the name ``template`` without quotes.
Format: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#comments-and-metadata
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sandbox.core.http import read_json

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"?)|(?P<line>//[^\n]*)|(?P<block>/\*)|(?P<name>[A-Za-z_$][\w$]*(?=\s*:))"""
    r"""|(?P<other>-?\d[\d.eE+-]*|\w+|\s+|.)""",
    re.DOTALL,
)
_CONTROLS = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


def read_jsonc(body: bytes) -> Any:
    """Return the value that ``body`` stands for.

    Raises:
        ValueError: As ``plain_json`` and ``read_json`` do.
    """
    return read_json(plain_json(body))


def plain_json(body: bytes) -> bytes:
    """Return the same value in plain JSON; what is wrong in other ways stays so.

    Raises:
        ValueError: A string or a comment has no end, or ``body`` is no UTF-8.
    """
    kept: list[str] = []
    for token in _tokens(body.decode("utf-8-sig")):
        if token in ("}", "]") and kept[-1:] == [","] and kept[-2:-1] not in (["{"], ["["]):
            kept.pop()
        if token:
            kept.append(token)
    return "".join(kept).encode()


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None  # any character is one
        kind, token, at = found.lastgroup, found[0], found.end()
        if kind == "string":
            if len(token) < 2 or not token.endswith('"'):
                raise ValueError("a string has no end")
            yield token.translate(_CONTROLS)
        elif kind == "block":
            end = text.find("*/", at)
            if end < 0:
                raise ValueError("a comment has no end")
            at = end + 2
        elif kind == "name":
            yield f'"{token}"'
        elif kind == "other":
            yield token.strip()
