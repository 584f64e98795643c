"""What becomes of a test whose machine lacks what it needs."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRED = "TESTS_REQUIRE_CLIENTS"  # set by .ci/run


def do_without(what: str) -> NoReturn:
    """Skip a test and say what is missing: a developer's machine need not have all. In CI, where all is, fail it."""
    if os.environ.get(REQUIRED):
        pytest.fail(what)
    pytest.skip(what)
