"""The scripts' two services, and each program that can run a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.run_command.running import PROGRAMS, OnMachine
from tests.helpers.run_command.services import Services, running_services


@pytest.fixture(scope="module")
def running(keys: Path) -> Iterator[Services]:
    with running_services(keys) as services:
        yield services


@pytest.fixture
def services(running: Services) -> Services:
    running.reset()
    return running


@pytest.fixture(params=PROGRAMS)
def machine(request: pytest.FixtureRequest, services: Services, tmp_path: Path, keys: Path) -> OnMachine:
    return OnMachine(request.param, services, tmp_path, keys / "ca.pem")
