"""A machine to ask from."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from sandbox.core.timing import INSTANT, REALISTIC
from sandbox.entra.keys import SigningKey
from tests.sandbox.imds.machine import Machine


@pytest.fixture
def machine(key: SigningKey, serve: Callable[..., str], http: requests.Session) -> Iterator[Machine]:
    """A machine where nothing takes time and nothing is rationed."""
    made = Machine(key, serve, http, INSTANT)
    yield made
    made.cloud.close()


@pytest.fixture
def slow_machine(key: SigningKey, serve: Callable[..., str], http: requests.Session) -> Iterator[Machine]:
    """A machine as in Azure: things take a while, and requests are rationed."""
    made = Machine(key, serve, http, REALISTIC)
    yield made
    made.cloud.close()
