"""What becomes of a test whose machine lacks what it needs."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRED = "TESTS_REQUIRE_CLIENTS"  # set by .ci/run


def in_need_of(*names: str) -> str:
    """Return where the first program of these names is that is installed; with none, do without the test."""
    for name in names:
        if found := shutil.which(name):
            return found
    do_without(f"{' or '.join(names)} is not installed")


def do_without(what: str) -> NoReturn:
    """Skip a test and say what is missing: a developer's machine need not have all. In CI, where all is, fail it."""
    if os.environ.get(REQUIRED):
        pytest.fail(what)
    pytest.skip(what)  # outside CI a machine may lack it; what was not tested is named in pytest's summary
