"""Tells access tokens and secrets, and takes them out of text."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from helpers.tables import SECRET_NAME

REDACTED = "[redacted]"

_PART = 12  # characters: as much of a long secret counts as a leak
_HALF = _PART // 2
_SHORTEST = 8  # characters: a shorter value is no secret worth the name
_RANDOM = 40  # characters: as long a text that looks random counts as a part of a token, such as its signature
_CHANGES = 0.35  # of neighbours that are of another kind of letter: 0.62 in random text, 0.2 in InWordsLikeThis1
_MIXED = 0.15  # of capital letters, and of small ones: 0.41 in random text, 0 in one of them in hexadecimal numbers

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")  # a JSON Web Token, or the beginning of one
_NEXT_LINE = re.compile(r"[\"',]*(?:\s|\\r|\\n)+[\"']?([A-Za-z0-9_.-]{12,})")  # of one that is wrapped
_BASIC = re.compile(r"(?<=Basic )[A-Za-z0-9+/]{8,}={0,2}")  # perhaps a name and a secret, as HTTP sends them
_RUN = re.compile(rf"[A-Za-z0-9_-]{{{_RANDOM},}}")
_LINE_BREAK = re.compile(r"[ \t]*(?:\r?\n|\\r|\\n)[ \t]*")
_SIGN_IN = re.compile(r"(?<=://)[^/?#\s]+(?=@)")  # in an address: a name and a password, or a token
_QUERY = re.compile(r"[?&;#]([^?&;#=\s]+)=([^&;#\s]+)")
_NOT_ITSELF_SECRET = ("_FILE", "_PATH", "_DIR", "_ID", "_URL", "_URI", "_ENDPOINT", "_NAME", "_SOCK")

_SECRET_VALUE = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}"  # a JSON Web Token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~.-])"  # the client secrets Entra generates
    r"|(?<![\w+/])[\w+/]{86}=="  # a storage account's key
    r"|(?:AccountKey|SharedAccessKey|SharedAccessSignature|[?&;]sig)=",
    re.ASCII,
)

Span = tuple[int, int]


def named_like_a_secret(name: str) -> bool:
    """Return whether a parameter or environment variable of this name is likely to be a secret."""
    return SECRET_NAME.search(name) is not None


def looks_like_a_secret(value: object) -> bool:
    """Return whether ``value``, or text anywhere in it, has the form of a token, key or client secret."""
    if isinstance(value, str):
        return _SECRET_VALUE.search(value) is not None
    if isinstance(value, Mapping):
        return any(looks_like_a_secret(part) for pair in value.items() for part in pair)
    if isinstance(value, Iterable):
        return any(looks_like_a_secret(part) for part in value)
    return False


def is_secret_variable(name: str, value: str) -> bool:
    """Return whether an environment variable is a secret: by its name, unless it only says where one is."""
    return bool(_secrets_in_variable(name, value))


def _secrets_in_variable(name: str, value: str) -> list[str]:
    if not named_like_a_secret(name):
        return []
    if value.startswith(("/", "~", "\\", "C:")) and Path(value).expanduser().exists():
        return []
    if not name.upper().endswith(_NOT_ITSELF_SECRET):
        return [value]
    return _secrets_in_address(value) or ([value] if looks_like_a_secret(value) else [])


def _secrets_in_address(text: str) -> list[str]:
    """Return what an address is not to be shown with: the rest of it may be that of others, which are no secrets."""
    found: list[str] = []
    if sign_in := _SIGN_IN.search(text):
        found += [sign_in[0], sign_in[0].partition(":")[2]]
    for name, value in _QUERY.findall(text):
        if name in ("sig", "code") or named_like_a_secret(name):
            found.append(value)
    return [form for each in found if each for form in dict.fromkeys((each, unquote(each)))]


class Secrets:
    """Finds tokens of any kind, and the given secrets or telling parts of them, also where a line breaks in one.

    Args:
        values: the secrets that are known. Of those of 24 letters and more, 12 are a leak; shorter ones are one whole.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._short: set[str] = set()
        self._parts: set[str] = set()  # of long ones
        self._halves: set[str] = set()  # of those parts
        self.add(values)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Know the values of those variables whose names say that they are secret."""
        values = [secret for name, value in environment.items() for secret in _secrets_in_variable(name, value)]
        return cls(form for value in values if len(value) >= _SHORTEST for form in _forms(value))

    def add(self, values: Iterable[str]) -> None:
        """Know more secrets."""
        for value in values:
            if len(value) >= 2 * _PART:
                self._parts.update(_slices(value, _PART))
                self._halves.update(_slices(value, _HALF))
            elif len(value) >= _SHORTEST:
                self._short.add(value)

    def redact(self, text: str) -> str:
        """Return ``text`` without them; one that has none stays as it is."""
        if len(text) < _SHORTEST:
            return text
        kept: list[str] = []
        end = 0
        for start, stop in sorted(self._found(text)):
            if start > end or not kept:
                kept += [text[end:start], REDACTED]
            end = max(end, stop)
        return "".join([*kept, text[end:]])

    def _found(self, text: str) -> Iterator[Span]:
        yield from (_whole(match, text) for match in _TOKEN.finditer(text))
        yield from (match.span() for match in _BASIC.finditer(text) if _is_name_and_secret(match.group()))
        yield from (match.span() for match in _RUN.finditer(text) if _looks_random(match.group()))
        if self._short or self._parts:
            yield from self._known_in(text)

    def _known_in(self, text: str) -> Iterator[Span]:
        joined = _LINE_BREAK.sub("", text)
        # Whatever twelve letters a text shares with a secret, six of them begin at a multiple of six: most texts share
        # not even those, and need no closer look.
        if self._halves.isdisjoint(_slices(joined, _HALF, _HALF)) and not any(each in joined for each in self._short):
            return
        positions = _positions_without_line_breaks(text)
        for value in self._short:
            for match in re.finditer(re.escape(value), joined):
                yield positions[match.start()], positions[match.end() - 1] + 1
        for at, part in enumerate(_slices(joined, _PART)):
            if part in self._parts:
                yield positions[at], positions[at + _PART - 1] + 1


def _slices(text: str, length: int, step: int = 1) -> Iterator[str]:
    return (text[at : at + length] for at in range(0, len(text) - length + 1, step))


def _forms(value: str) -> set[str]:
    """How a secret may be written: as it is, in an address, in base64 with something before and behind it."""
    forms = {value, quote(value, safe="")}
    data = value.encode("utf-8", "surrogateescape")
    for before, shared in ((0, 0), (1, 2), (2, 3)):  # bytes before it in a group of three, letters it has a share in
        encoded = base64.b64encode(bytes(before) + data).decode()[shared : (before + len(data)) * 8 // 6]
        forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return forms


def _whole(match: re.Match[str], text: str) -> Span:
    """Where a token is, with the lines it goes on in."""
    start, end = match.span()
    while (following := _NEXT_LINE.match(text, end)) and _looks_random(following[1]):
        end = following.end()
    return start, end


def _is_name_and_secret(encoded: str) -> bool:
    try:
        return ":" in base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return False


def _looks_random(text: str) -> bool:
    kinds = ["A" if letter.isupper() else "a" if letter.islower() else "0" for letter in text]
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes >= _CHANGES * len(text) and min(kinds.count("A"), kinds.count("a")) >= _MIXED * len(text)


def _positions_without_line_breaks(text: str) -> list[int]:
    """Return where in ``text`` each letter is that is no part of a line break."""
    positions: list[int] = []
    end = 0
    for match in _LINE_BREAK.finditer(text):
        positions += range(end, match.start())
        end = match.end()
    return [*positions, *range(end, len(text))]
