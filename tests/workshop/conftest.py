"""What tests of runs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workshop.sandbox import FreshSandbox


@pytest.fixture(scope="session")
def fresh_sandbox() -> Iterator[FreshSandbox]:
    """One sandbox for all whose notebooks change nothing in it."""
    with FreshSandbox() as sandbox:
        yield sandbox
