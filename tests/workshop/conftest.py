"""What tests of runs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workshop.kernels import pool
from workshop.sandbox import FreshSandbox


@pytest.fixture(scope="session", autouse=True)
def warm_kernels_may_take_minutes() -> Iterator[None]:
    """Whether a kernel is warm does not depend on how fast the machine is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pool, "START_TIMEOUT", 300.0)
        patched.setattr(pool, "FORK_TIMEOUT", 300.0)
        yield


@pytest.fixture(scope="session")
def fresh_sandbox() -> Iterator[FreshSandbox]:
    """One sandbox for all whose notebooks change nothing in it."""
    with FreshSandbox() as sandbox:
        yield sandbox
