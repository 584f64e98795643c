"""Fixtures for tests of the helpers: a connection to the sandbox under test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers import connect
from helpers.connection import Connection
from tests.helpers.pointing import point_to, unchanged_environment
from tests.support.sandbox import RunningSandbox


@pytest.fixture(autouse=True)
def same_environment_afterwards() -> Iterator[None]:
    with unchanged_environment():
        yield


@pytest.fixture
def connection(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to the sandbox under test, as its operator."""
    point_to(sandbox, monkeypatch)
    return connect("sandbox")
