"""What the tests of the packaging share."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.packaging.checkout import ROOT, Checkout


@pytest.fixture(autouse=True)
def no_azure_of_the_user() -> None:
    """These tests know no Azure, and may need the proxy that the other tests are kept from."""


@pytest.fixture(scope="session")
def installer() -> ModuleType:
    """The module install.py."""
    spec = importlib.util.spec_from_file_location("install", ROOT / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path, installer: ModuleType) -> Checkout:
    """A checkout in which nothing was installed yet."""
    return Checkout(tmp_path / "a checkout", installer)
