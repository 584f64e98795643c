"""What the tests of single services share: a cloud in memory, and real HTTP in front of any of its services."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from sandbox.cloud import Cloud
from sandbox.core.http import Answer, Request
from sandbox.core.timing import INSTANT
from sandbox.entra.keys import SigningKey, ensure_signing_key
from sandbox.web.listeners import Listener
from sandbox.web.tls import Certificates, server_context
from tests.support.clocks import FrozenClock
from tests.support.loops import loop_in_thread

Handle = Callable[[Request], Answer]


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return ensure_signing_key(tmp_path_factory.mktemp("tenant"))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return ensure_signing_key(tmp_path_factory.mktemp("other-tenant"))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def cloud(key: SigningKey, clock: FrozenClock) -> Iterator[Cloud]:
    """A tenant without principals or resources."""
    made = Cloud(":memory:", seed=7, clock=clock, timing=INSTANT, key=key, roles={})
    yield made
    made.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """``serve(handle)`` or ``serve(handle, certificates)``: the base URL at which ``handle`` answers."""
    with ExitStack() as running:
        yield lambda handle, certificates=None: running.enter_context(_served(handle, certificates))


@contextmanager
def _served(handle: Handle, certificates: Certificates | None) -> Iterator[str]:
    tls = server_context(certificates) if certificates else None

    async def start() -> Listener:
        listener = Listener(handle, server_name="test", tls=tls)
        await listener.start(0)
        return listener

    with loop_in_thread() as loop:
        listener = asyncio.run_coroutine_threadsafe(start(), loop).result(300)
        yield f"http{'s' if tls else ''}://localhost:{listener.port}"
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(300)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    """A session that no proxy or bundle in the environment reaches."""
    with requests.Session() as session:
        session.trust_env = False
        yield session
