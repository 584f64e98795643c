"""``kill -9`` at random moments under load: what was answered is there afterwards."""

import os
import random
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from sandbox.process import background
from sandbox.process.environment import environment
from sandbox.process.operator_client import OperatorClient
from sandbox.state.state_directory import Settings, StateDirectory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


class Writer(threading.Thread):
    """Makes and deletes groups and identities as fast as it can, and remembers what was answered."""

    def __init__(self, sandbox: dict[str, str], prefix: str, answers: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._sandbox = sandbox
        self._session = signed_in(sandbox)
        self._prefix = prefix
        self._answers = answers
        self.expected: dict[str, bool] = {}

    def run(self) -> None:
        for count in range(10_000):
            group = f"{subscription(self._sandbox)}/resourceGroups/{self._prefix}-{count}"
            identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ID1"
            steps = [("PUT", group, True), ("PUT", identity, True)]
            steps += [("DELETE", group, False)] if count % 3 == 0 else []
            for method, path, there in steps:
                body = {"location": "eastus"} if method == "PUT" else None
                version = "2024-11-30" if path == identity else "2024-07-01"
                self.expected.pop(path, None)  # until it is answered, either is right
                if not there:
                    self.expected.pop(identity, None)
                try:
                    url = f"{self._sandbox['AZURE_RESOURCE_MANAGER_ENDPOINT']}{path}?api-version={version}"
                    response = self._session.request(method, url, json=body, timeout=300)
                except requests.RequestException:
                    return
                assert response.status_code in (200, 201, 202), response.text
                self.expected[path] = there
                if not there:
                    self.expected[identity] = False
                self._answers.release()


def subscription(sandbox: dict[str, str]) -> str:
    return f"/subscriptions/{sandbox['AZURE_SUBSCRIPTION_ID']}"


def signed_in(sandbox: dict[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = sandbox["REQUESTS_CA_BUNDLE"]
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox["AZURE_CLIENT_ID"],
        "client_secret": sandbox["AZURE_CLIENT_SECRET"],
        "scope": "https://management.azure.com/.default",
    }
    url = f"{sandbox['AZURE_AUTHORITY_HOST']}/{sandbox['AZURE_TENANT_ID']}/oauth2/v2.0/token"
    session.headers["Authorization"] = f"Bearer {session.post(url, data=form, timeout=300).json()['access_token']}"
    return session


@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_that_was_answered_is_lost(tmp_path: Path, rounds: int) -> None:
    state = StateDirectory(tmp_path / "state")
    chance = random.Random(20240528)
    expected: dict[str, bool] = {}
    for round_ in range(rounds):
        runtime, _ = background.start(state, Settings())
        sandbox = environment(OperatorClient(state, runtime), None)
        answers = threading.Semaphore(0)
        writers = [Writer(sandbox, f"r{round_}w{number}", answers) for number in range(2)]
        for writer in writers:
            writer.start()
        for _ in range(chance.randint(12, 60)):
            assert answers.acquire(timeout=300)
        time.sleep(chance.uniform(0, 0.01))  # it is killed at any moment, not only when it has answered
        os.kill(runtime.pid, signal.SIGKILL)
        os.waitpid(runtime.pid, 0)
        for writer in writers:
            writer.join(300)
            assert not writer.is_alive()
            expected |= writer.expected
    try:
        runtime, _ = background.start(state, Settings())
        assert sum(expected.values()) > rounds, "the load was too small to show anything"
        _check(environment(OperatorClient(state, runtime), None), expected)
    finally:
        background.stop(state)
    database = sqlite3.connect(state.database)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def _check(sandbox: dict[str, str], expected: dict[str, bool]) -> None:
    session = signed_in(sandbox)
    for path, there in expected.items():
        version = "2024-11-30" if "ManagedIdentity" in path else "2024-07-01"
        url = f"{sandbox['AZURE_RESOURCE_MANAGER_ENDPOINT']}{path}?api-version={version}"
        found = session.get(url, timeout=300).status_code
        assert found == (200 if there else 404), path
