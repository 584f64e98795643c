"""A request and an answer, free of any web framework, so that operations are plain functions."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, urlencode

COMMAND_LINE = "azure-sandbox"
"""The ``User-Agent`` of the sandbox's own commands."""

_HOST = re.compile(r"([^:\[\]]*|\[[^\]]*\])(:[0-9]{1,5})?")


@dataclass(slots=True)
class Request:
    """One HTTP request, read to its end.

    ``path`` is percent-decoded and keeps the caller's case; ``host`` is the ``Host`` header as sent, port and all;
    ``query`` holds the decoded pairs in their order; ``headers`` looks names up without regard to case. ``find_user``
    returns the user of this computer whose process sent it, or None where that cannot be known: few requests need it.
    """

    method: str
    scheme: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""
    find_user: Callable[[], int | None] = lambda: None

    @property
    def hostname(self) -> str:
        """The host without its port, lowercase; all of it where what follows is not a port."""
        return hostname_of(self.host)

    @property
    def base_url(self) -> str:
        """The address the caller used, for links in the answer: ``https://localhost:8443``."""
        return f"{self.scheme}://{self.host}"

    def parameter(self, name: str) -> str | None:
        """Return the first value of the query parameter ``name``, or None."""
        folded = name.casefold()
        for key, value in self.query:
            if folded in (key, key.casefold()):
                return value
        return None

    def next_link(self, option: str, last: str) -> str:
        """Return the link to the page after one that ends with ``last``: this request with ``option`` telling that."""
        token = base64.urlsafe_b64encode(last.encode()).decode()
        kept = [(name, value) for name, value in self.query if name.casefold() != option.casefold()]
        return f"{self.base_url}{quote(self.path)}?{urlencode([*kept, (option, token)])}"

    def page_before(self, option: str) -> str:
        """Return what the page before ended with, empty for the first; raises ValueError where ``option`` is wrong."""
        token = (self.parameter(option) or "").encode()
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()


def hostname_of(host: str) -> str:
    """Return a host without its port, lowercase; all of it where what follows is not a port."""
    found = _HOST.fullmatch(host)
    return (found[1] if found else host).lower()


@lru_cache(maxsize=1024)
def parse_query(raw: str) -> tuple[tuple[str, str], ...]:
    """Return the decoded pairs of the query string ``raw``, blank values kept."""
    return tuple(parse_qsl(raw, keep_blank_values=True, errors="replace"))


@dataclass(slots=True)
class Answer:
    """What goes back: ``body`` is any JSON value, or None for a body of no bytes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class NoAnswer(Answer):
    """The connection ends without an answer: at once, or, with ``hangs``, when the client gives up."""

    status: int = 0
    hangs: bool = False


def read_json(body: bytes) -> Any:
    """Return the value of the JSON in ``body``, which can be written again as it was.

    Raises ValueError at what Python's reader lets pass, too: NaN, a number that is too large, half a surrogate pair.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half a pair has no UTF-8
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number
