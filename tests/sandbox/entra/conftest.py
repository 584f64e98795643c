"""A tenant with a key."""

import pytest

from sandbox.clock import FrozenClock
from sandbox.entra.keys import SigningKey, ensure_signing_key


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return ensure_signing_key(tmp_path_factory.mktemp("tenant"))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return ensure_signing_key(tmp_path_factory.mktemp("other-tenant"))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()
