"""Fixtures that every test may ask for."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.core.clock import SystemClock
from sandbox.entra.keys import ensure_signing_key
from sandbox.web.tls import ensure_certificates
from tests.support.pages import SharedPageMaker
from tests.support.sandbox import RunningSandbox, running_sandbox
from workshop.pages.page_maker import PageMaker

# That a computer is slow, or busy, is no failure; and what passes once passes again. SANDBOX_FUZZ has other examples
# tried at each run (tests/specifications/fuzz/profile.py).
settings.register_profile("any computer", deadline=None, derandomize="SANDBOX_FUZZ" not in os.environ)
settings.load_profile("any computer")

_NUMBERS = count()
_LONGEST = ("tests/packaging/test_install", "tests/workshop/test_course_in_jupyterlab", "tests/workshop/batch/")
_AZURE_VARIABLES = ("AZURE_", "MSI_", "IDENTITY_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes ``-n auto`` starts: two for a processor, for half of the time each waits for others."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what waits longest: at the end, no process is to wait for another that has just begun with it."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the million objects that collecting makes, and nothing frees, from being searched for garbage each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def no_azure_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's own sign-ins, proxies and sandbox out of every test.

    The folders in their place are the test's alone, and not made: few tests do.
    """
    for name in list(os.environ):
        if name.startswith(_AZURE_VARIABLES):
            monkeypatch.delenv(name)
    own = tmp_path_factory.getbasetemp() / f"own-{next(_NUMBERS)}"
    monkeypatch.setenv("AZURE_SANDBOX_DIR", str(own / "default-sandbox"))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(own / "azure-config"))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and certificates, made once: making them is slow and no test is about it."""
    folder = tmp_path_factory.mktemp("keys")
    ensure_certificates(folder, SystemClock())
    ensure_signing_key(folder)
    return folder


@pytest.fixture
def sandbox(tmp_path: Path, keys: Path) -> Iterator[RunningSandbox]:
    """A fresh sandbox as it is seeded."""
    with running_sandbox(tmp_path / "sandbox", keys_from=keys) as found:
        yield found


@pytest.fixture(scope="session")
def page_maker() -> Iterator[SharedPageMaker]:
    maker = SharedPageMaker()
    yield maker
    PageMaker.close(maker)


@pytest.fixture
def shared_page_maker(page_maker: SharedPageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in the test's own process have their pages made by one process, which stays."""
    monkeypatch.setattr("workshop.pages.output.PageMaker", lambda: page_maker)
