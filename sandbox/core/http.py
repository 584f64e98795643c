"""A request and an answer, free of any web framework, so that operations are plain functions."""

from __future__ import annotations

import re
from asyncio import BaseTransport
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from sandbox.core.socket_owner import user_at

_HOST = re.compile(r"([^:\[\]]*|\[[^\]]*\])(:[0-9]{1,5})?")


@dataclass(slots=True)
class Request:
    """One HTTP request, read to its end.

    ``path`` is percent-decoded and keeps the caller's case; ``host`` is the ``Host`` header as sent, port and all;
    ``query`` holds the decoded pairs in their order; ``headers`` looks names up without regard to case. ``transport``
    is the connection that it came by, if it came by one.
    """

    method: str
    scheme: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""
    transport: BaseTransport | None = None

    @property
    def user_id(self) -> int | None:
        """The user of this computer whose process asks; None where that is not to be known."""
        if self.transport is None or self.transport.is_closing():
            return None
        return user_at(self.transport.get_extra_info("peername"), self.transport.get_extra_info("sockname"))

    @property
    def hostname(self) -> str:
        """The host without its port, in lower case; all of it where what follows is no port."""
        return hostname_of(self.host)

    @property
    def base_url(self) -> str:
        """The address the caller used, for links in the answer: ``https://localhost:8443``."""
        return f"{self.scheme}://{self.host}"

    def parameters(self, name: str) -> list[str]:
        """Return all values of the query parameter ``name``; names compare without regard to case."""
        folded = name.casefold()
        return [value for key, value in self.query if key.casefold() == folded]

    def parameter(self, name: str) -> str | None:
        """Return the first value of the query parameter ``name``, or None."""
        folded = name.casefold()
        for key, value in self.query:
            if folded in (key, key.casefold()):
                return value
        return None


def hostname_of(host: str) -> str:
    """Return a host without its port, in lower case; all of it where what follows is no port."""
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
