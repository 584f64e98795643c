"""Fixtures for running notebooks in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.pointing import point_to, unchanged_environment
from tests.support.sandbox import RunningSandbox


@pytest.fixture
def at_sandbox(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """The sandbox under test, with the environment pointing to it."""
    with unchanged_environment():
        point_to(sandbox, monkeypatch)
        yield sandbox
