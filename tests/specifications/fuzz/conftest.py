"""A sandbox to be treated badly, and what says that it bore it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.specifications.fuzz.watch import no_errors_logged
from tests.support.sandbox import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[RunningSandbox]:
    """A sandbox that must log no error as long as it lives."""
    with no_errors_logged(), running_sandbox(tmp_path_factory.mktemp("fuzzed"), keys_from=keys) as found:
        yield found
