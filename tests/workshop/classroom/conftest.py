"""Fixtures for tests of classes: a sandbox, the trainer's clients for it, and a class of three in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.pointing import point_to
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.workshop.classroom.lesson import ROSTER, Lesson, class_of
from workshop.classroom.clients import Clients, sign_in


@pytest.fixture
def clients(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """The trainer's clients for the sandbox of this test."""
    point_to(sandbox, monkeypatch)
    return sign_in(class_of([]))


@pytest.fixture
def lesson(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lesson:
    """A class of three, planned only."""
    point_to(sandbox, monkeypatch)
    (tmp_path / "friday.csv").write_text(ROSTER, "utf-8")
    found = Lesson(sandbox, tmp_path)
    assert found.run("plan", str(tmp_path / "friday.csv")) == 0
    return found


@pytest.fixture
def running_lesson(provisioned: Lesson, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    """A class of three, provisioned once for tests that change nothing that others look at."""
    point_to(provisioned.sandbox, monkeypatch)
    return provisioned


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Lesson]:
    folder = tmp_path_factory.mktemp("lesson")
    with running_sandbox(folder / "sandbox", keys_from=keys) as sandbox, pytest.MonkeyPatch.context() as patch:
        point_to(sandbox, patch)
        (folder / "friday.csv").write_text(ROSTER, "utf-8")
        found = Lesson(sandbox, folder)
        assert found.run("plan", str(folder / "friday.csv")) == 0
        assert found.run("provision", "--yes") == 0
        yield found
