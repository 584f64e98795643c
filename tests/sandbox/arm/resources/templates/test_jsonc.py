"""JSON with comments and all that, against the plain JSON it stands for."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.arm.resources.templates.jsonc import plain_json

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 2]))
def test_plain_json_stays_what_it_is(value: Any, indent: int | None) -> None:
    assert json.loads(plain_json(json.dumps(value, indent=indent).encode())) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, $schema : true, _b1: null}", {"a": 1, "$schema": True, "_b1": None}),
        ('{"a": 1, // the first: one\n "b": 2}', {"a": 1, "b": 2}),
        ('{/* {"a": 0} */"a": /**/ 1 /* x */}', {"a": 1}),
        ('["// no comment", "/* nor this */", "a: b"]', ["// no comment", "/* nor this */", "a: b"]),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ("[1, /* last */ // of all\n ]", [1]),
        ('"two\r\n\tlines"', "two\r\n\tlines"),
        ('"a \\" quote"', 'a " quote'),
        ("[1.5e10, -2E-3]", [1.5e10, -2e-3]),
    ],
)
def test_what_people_write(text: str, value: Any) -> None:
    assert json.loads(plain_json(text.encode())) == value


@pytest.mark.parametrize("text", ['"no end', '{"a": "\\"}', "[1 /* no end", b"\xff".decode("latin-1") + '"'])
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        json.loads(plain_json(text.encode()))


@pytest.mark.parametrize("text", ["{a 1}", "[,]", "{,}", "[1,,2]", "{'a': 1}", "[nope]", ""])
def test_what_is_wrong_stays_wrong(text: str) -> None:
    with pytest.raises(ValueError):
        json.loads(plain_json(text.encode()))


@pytest.mark.parametrize("text", ["/*" * 100_000, '"\\' * 100_000, "a" * 1_000_000, "a " * 100_000, "//" * 100_000])
def test_it_takes_no_longer_than_the_text_is_long(text: str) -> None:
    with contextlib.suppress(ValueError):
        plain_json(text.encode())
