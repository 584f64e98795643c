"""Ended at any request and run again, each notebook gets to the same end, and 06_clean_up leaves all as it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox.state.state_directory import Settings
from tests.helpers.pointing import point_to, unchanged_environment
from tests.notebooks.course import NAMES, run
from tests.notebooks.test_running import OWN, have_something_to_clean_up, snapshot
from tests.support.sandbox import RunningSandbox, running_sandbox

WRITES = frozenset({"PUT", "PATCH", "DELETE"})

# A kernel that ends takes its threads along, such as those that poll.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class KernelEnded(BaseException):
    """What no cell can catch."""


class Ending:
    """Ends what runs at the nth request, counted among those with one of the methods: before or after it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left, self._after, self._methods = 0, False, WRITES
        send = HTTPAdapter.send

        def sending(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            self._left -= not self._methods or request.method in self._methods
            ends = self._left == 0 and (not self._methods or request.method in self._methods)
            if ends and not self._after:
                raise KernelEnded
            answer = send(adapter, request, **options)
            if ends:
                raise KernelEnded
            return answer

        monkeypatch.setattr(HTTPAdapter, "send", sending)

    def at(self, number: int, *, after: bool, methods: frozenset[str] = frozenset()) -> None:
        self._left, self._after, self._methods = number, after, methods


@pytest.fixture
def realistic(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A sandbox that takes its time; sleeping moves its clock."""
    settings = Settings(timing="realistic")
    with running_sandbox(tmp_path, settings=settings, keys_from=keys) as sandbox, unchanged_environment():
        point_to(sandbox, monkeypatch)
        monkeypatch.setattr(time, "sleep", sandbox.clock.advance)
        yield sandbox


def end_at(
    number: int, name: str, ending: Ending, sandbox: RunningSandbox, *, after: bool, methods: frozenset[str]
) -> bool:
    """End a notebook at a request, run it again and clean up; return whether it made so many that it was ended."""
    before = snapshot(sandbox)
    have_something_to_clean_up(name, **OWN)
    ending.at(number, after=after, methods=methods)
    try:
        run(name, **OWN)
    except KernelEnded:
        ended = True
    else:
        ended = False
    ending.at(0, after=False)
    run(name, **OWN)
    run(NAMES[-1], **OWN)
    assert snapshot(sandbox) == before, f"{name} was ended at request {number}"
    return ended


@pytest.mark.parametrize("name", ["05_read_properties", "06_clean_up"])  # which makes, and which deletes, most
def test_at_some_writes(name: str, realistic: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = Ending(monkeypatch)
    for number in (3, 7):  # while things are made or deleted, and when most has been
        assert end_at(number, name, ending, realistic, after=True, methods=WRITES)


@pytest.mark.long
@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "before it is answered"])
@pytest.mark.parametrize("name", NAMES)
def test_at_every_request(name: str, after: bool, realistic: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ending, requests_made = Ending(monkeypatch), 0
    while end_at(requests_made + 1, name, ending, realistic, after=after, methods=frozenset()):
        requests_made += 1
    assert requests_made >= 9
