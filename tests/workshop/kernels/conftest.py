"""Fixtures for the tests of warm kernels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.workshop.kernels.kernels import Kernel, eventually, gone, start, zygotes
from workshop.kernels import provisioner
from workshop.kernels.pool import Pool, pool

if sys.platform != "linux":
    collect_ignore = ["test_isolation.py", "test_life.py", "test_zygote.py", "test_notebooks.py"]

Start = Callable[..., Kernel]


@pytest.fixture(scope="session", autouse=True)
def no_zygote_left() -> Iterator[None]:
    """At the end, zygotes that are asked to go do go."""
    yield
    started = zygotes()
    pool.close()
    for pid in started:
        assert eventually(gone(pid)), f"zygote {pid} has not gone"


@pytest.fixture
def own_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """No zygote but those of the test itself."""
    own = Pool()
    monkeypatch.setattr(provisioner, "pool", own)
    yield own
    own.close()


@pytest.fixture
def kernel() -> Iterator[Start]:
    """Starts kernels, and shuts them down after the test."""
    kernels: list[Kernel] = []

    def started(*args: Any, **options: Any) -> Kernel:
        kernels.append(start(*args, **options))
        return kernels[-1]

    yield started
    for each in kernels:
        each.close()
