"""What the tests of the packaging share."""

from pathlib import Path

import pytest

from tests.packaging.checkout import Checkout


@pytest.fixture(autouse=True)
def no_azure_of_the_user() -> None:
    """These tests know no Azure, and may need the proxy that the other tests are kept from."""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which nothing was installed yet."""
    return Checkout(tmp_path / "a checkout")
