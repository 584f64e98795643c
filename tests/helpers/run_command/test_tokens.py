"""Tokens are found wherever this process may hold them, so that a test can say that none of them works."""

from __future__ import annotations

import base64
import functools
import gc
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any

from tests.support.tokens import tokens_held_of


class Plain:
    """Has an attribute as most objects do, without a dictionary that anybody has asked for."""

    def __init__(self, token: str) -> None:
        self.token = token


@dataclass(slots=True)
class Slotted:
    token: str


def closure(token: str) -> Callable[[], str]:
    return lambda: token


def cache(token: str) -> Callable[[int], str]:
    cached = functools.lru_cache(lambda number: token[:number])
    cached(len(token))
    return cached


HOLDERS: Mapping[str, Callable[[str], Any]] = {
    "dictionary": lambda token: {"token": token, "more": []},
    "unlisted": lambda token: [{"token": token}],  # by the garbage collector
    "tuples": lambda token: [(1, (token,))],
    "set": lambda token: {token, "more"},
    "deque": lambda token: deque([token]),
    "text": lambda token: [f"Authorization: Bearer {token}\r\n"],
    "bytes": lambda token: [json.dumps({"access_token": token}).encode()],
    "bytearray": lambda token: [bytearray(token.encode())],
    "namespace": lambda token: SimpleNamespace(token=token),
    "attribute": Plain,
    "slot": Slotted,
    "closure": closure,
    "cache": cache,
}


def token_of(oid: str, signature: str) -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"a": 1}, {"oid": oid})
    )
    return ".".join([*parts, signature])


def found(one: str, other: str) -> tuple[set[str], list[str]]:
    """Return the signatures of a principal's tokens that are found while they are held, and what is found later."""
    held = [hold(token_of(one, name)) for name, hold in HOLDERS.items()]
    held.append([token_of(other, "of-another-principal")])
    gc.collect(0)  # which from then on does not list tuples without containers either
    before = {token.rpartition(".")[2] for token in tokens_held_of(one)}
    del held
    return before, tokens_held_of(one)


def test_a_token_is_found_in_whatever_holds_it() -> None:
    """In a process that holds little else: that of the tests takes seconds to look through."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        before, after = process.submit(found, str(uuid.uuid4()), str(uuid.uuid4())).result(300)
    assert before == set(HOLDERS)
    assert after == []
