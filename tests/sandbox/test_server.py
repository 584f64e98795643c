"""The server when the disk does not take what it writes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sandbox.arm.compute.power import running_machines
from sandbox.cloud import Cloud
from sandbox.core import seed_data
from tests.support.sandbox import RunningSandbox

VERSION = "2024-07-01"
PATIENCE = 300.0  # seconds


def machine(sandbox: RunningSandbox) -> str:
    group = sandbox.seed_data.group(seed_data.RESOURCE_GROUP)
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{seed_data.VM_NAME}"


@contextmanager
def read_only_state(sandbox: RunningSandbox) -> Iterator[None]:
    """Have SQLite refuse to write, as it does on a full disk."""
    sandbox.on_loop(lambda: sandbox.cloud.store.connection.execute("PRAGMA query_only = 1"))
    yield
    sandbox.on_loop(lambda: sandbox.cloud.store.connection.execute("PRAGMA query_only = 0"))


@contextmanager
def unwritable_runtime(sandbox: RunningSandbox) -> Iterator[None]:
    """Put a folder in the place of the file that says where everything listens."""
    file = sandbox.server.state.runtime
    file.unlink(missing_ok=True)
    file.mkdir()
    yield
    file.rmdir()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("action", ["powerOff", "start", "restart", "deallocate"])
def test_what_cannot_be_kept_is_unavailable(sandbox: RunningSandbox, action: str) -> None:
    with read_only_state(sandbox), unwritable_runtime(sandbox):
        answer = sandbox.arm("POST", f"{machine(sandbox)}/{action}", version=VERSION)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ServiceUnavailable")
        assert sandbox.arm("GET", machine(sandbox), version=VERSION).status_code == 200
    assert sandbox.arm("POST", f"{machine(sandbox)}/{action}", version=VERSION).status_code in (200, 202)


def test_a_listener_follows_though_the_file_cannot_be_written(sandbox: RunningSandbox) -> None:
    with unwritable_runtime(sandbox):
        answer = sandbox.arm("POST", f"{machine(sandbox)}/powerOff", version=VERSION)
        assert answer.status_code in (200, 202)
        wait_until(lambda: not sandbox.cloud.metadata_endpoints)
    wait_until(sandbox.server.state.runtime.is_file)


def test_a_listener_follows_though_the_state_could_not_be_read(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [sqlite3.OperationalError("disk I/O error")]

    def read(cloud: Cloud) -> list[str]:
        if faults:
            raise faults.pop()
        return running_machines(cloud)

    monkeypatch.setattr("sandbox.server.running_machines", read)
    answer = sandbox.arm("POST", f"{machine(sandbox)}/powerOff", version=VERSION)
    assert answer.status_code in (200, 202)
    wait_until(lambda: not sandbox.cloud.metadata_endpoints)
    assert not faults
