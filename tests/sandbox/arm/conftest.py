import pytest

from sandbox.core.timing import REALISTIC
from sandbox.entra.keys import SigningKey
from tests.support.desk import Desk


@pytest.fixture
def desk(key: SigningKey) -> Desk:
    return Desk(key)


@pytest.fixture
def slow_desk(key: SigningKey) -> Desk:
    """Where things take as long as in Azure."""
    return Desk(key, REALISTIC)
