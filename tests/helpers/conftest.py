"""Fixtures for tests of the helpers: an environment that points to the sandbox under test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from helpers import Azure, connect
from tests.notebooks.settings import point_to
from tests.support.sandbox import RunningSandbox


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what entering a machine does to the environment."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def azure(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Azure:
    """A connection to the sandbox under test, as its operator."""
    point_to(sandbox, monkeypatch)
    return connect("sandbox")
