"""A sandbox for each module, and the clients that are pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.entra.keys import SigningKey, ensure_signing_key
from tests.clients.azure_cli import AzureCli, azure_cli_program, clients_environment, forking_azure_cli
from tests.clients.forged import Forged, forged_tokens
from tests.support.sandbox import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[RunningSandbox]:
    """One for all tests of a module: each keeps to a resource group of its own."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "state", keys_from=keys) as found:
        yield found


@pytest.fixture(scope="session")
def installed_az() -> Path:
    return azure_cli_program()


@pytest.fixture(scope="session")
def az_program(installed_az: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The ``az`` of most tests; ``installed_az`` is the one that people have."""
    with forking_azure_cli(installed_az, tmp_path_factory.mktemp("az")) as program:
        yield program


@pytest.fixture(scope="module")
def az(sandbox: RunningSandbox, az_program: Path, tmp_path_factory: pytest.TempPathFactory) -> AzureCli:
    """The operator's Azure CLI, signed in."""
    cli = AzureCli(az_program, clients_environment(sandbox, tmp_path_factory.mktemp("home")))
    cli.sign_in()
    return cli


@pytest.fixture
def az_on(sandbox: RunningSandbox, az_program: Path, tmp_path: Path) -> Callable[[str], AzureCli]:
    """``az_on(vm)``: the Azure CLI of a machine, not signed in."""
    return lambda vm: AzureCli(az_program, clients_environment(sandbox, tmp_path, vm))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """The key of a tenant that is not this one."""
    return ensure_signing_key(tmp_path_factory.mktemp("other-tenant"))


@pytest.fixture(scope="module")
def forged(sandbox: RunningSandbox, other_key: SigningKey) -> Mapping[str, Forged]:
    return forged_tokens(sandbox, other_key)
