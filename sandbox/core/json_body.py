"""Reads the JSON of a request, and takes only what can be kept and written again as it was."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def read_json(body: bytes) -> Any:
    """Return the value that ``body`` stands for.

    Raises:
        ValueError: It is no JSON in UTF-8, is nested too deep, or has what Python's reader would let pass: NaN, a
            number that is too large, half a surrogate pair.
    """
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half a pair has no UTF-8
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number
