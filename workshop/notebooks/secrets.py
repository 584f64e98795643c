"""Tells access tokens and secrets, and takes them out of text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

REDACTED = "[redacted]"

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")  # a JSON Web Token, or the beginning of one
_PART = 12  # characters: as much of a long secret counts as a leak
_SHORTEST = 8  # characters: a shorter value is no secret worth the name
_NOT_ITSELF_SECRET = ("_FILE", "_PATH", "_ID", "_URL", "_ENDPOINT")

_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|credential|signature|private_?key|access_?key|account_?key|api_?key"
    r"|connection_?string|(?:^|_)(?:sas|jwt|pwd|key)(?:_|$)",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}"  # a JSON Web Token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])"  # the client secrets Entra generates
    r"|(?<![\w+/])[\w+/]{86}=="  # a storage account's key
    r"|(?:AccountKey|SharedAccessKey|SharedAccessSignature|[?&;]sig)=",
    re.ASCII,
)


def named_like_a_secret(name: str) -> bool:
    """Return whether a parameter or environment variable of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None


def looks_like_a_secret(value: object) -> bool:
    """Return whether ``value``, or text anywhere in it, has the form of a token, key or client secret."""
    if isinstance(value, str):
        return _SECRET_VALUE.search(value) is not None
    if isinstance(value, Mapping):
        return any(looks_like_a_secret(part) for pair in value.items() for part in pair)
    if isinstance(value, Iterable):
        return any(looks_like_a_secret(part) for part in value)
    return False


class Secrets:
    """Finds tokens of any kind, and the given secrets or telling parts of them.

    Args:
        values: the secrets that are known, such as the operator's.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._parts: dict[int, set[str]] = {}
        for value in values:
            if len(value) >= _SHORTEST:
                length = _PART if len(value) >= 2 * _PART else len(value)
                parts = self._parts.setdefault(length, set())
                parts.update(value[start : start + length] for start in range(len(value) - length + 1))

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Secrets:
        """Know the values of those variables of Azure's clients whose names say that they are secret."""
        return cls(
            value
            for name, value in environment.items()
            if name.startswith("AZURE_") and named_like_a_secret(name) and not name.endswith(_NOT_ITSELF_SECRET)
        )

    def leaks_in(self, text: str) -> bool:
        """Return whether ``text`` holds a token or a known secret, or a telling part of one."""
        return _TOKEN.search(text) is not None or any(part in text for parts in self._parts.values() for part in parts)

    def redact(self, text: str) -> str:
        """Return ``text`` without them."""
        if not self.leaks_in(text):
            return text
        spans = [match.span() for match in _TOKEN.finditer(text)]
        for length, parts in self._parts.items():
            spans += [(at, at + length) for at in range(len(text)) if text[at : at + length] in parts]
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += [text[end:start], REDACTED]
            end = max(end, stop)
        return "".join([*kept, text[end:]])
