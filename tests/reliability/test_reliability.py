"""The series does with each fault what docs/reliability.md says."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tests.reliability.cases import CASES, Case
from tests.reliability.series import documented, outcome_of
from tests.support.command import sandbox_command
from workshop.cli import main

_BAD = ("hangs", "meets no fault", "does not go on", "Traceback")
_SMALL = {"`ScopeLocked`", "`PrincipalNotFound`, twice"}


def this_process(module: str, *words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Do here what ``python -m`` with this module does."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        for name, value in environment.items():
            patch.setenv(name, value)
        if module == "sandbox":
            return sandbox_command(*words)
        return subprocess.CompletedProcess(words, main(words), out.getvalue(), "")


@pytest.mark.usefixtures("shared_page_maker")
@pytest.mark.parametrize("case", [case for case in CASES if case.title in _SMALL], ids=lambda case: case.title)
def test_the_series_ends_where_the_page_says(case: Case, tmp_path: Path) -> None:
    expected = documented()[case.title]
    where = expected.partition(":")[0]  # what is said there, and by the programs, is held by the long proof
    assert outcome_of(case, tmp_path / "run", this_process).partition(":")[0] == where


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_series_does_what_the_page_says(case: Case, tmp_path: Path) -> None:
    assert outcome_of(case, tmp_path / "run") == documented()[case.title]


def test_the_page_has_each_case_and_no_bad_end() -> None:
    found = documented()
    assert list(found) == [case.title for case in CASES]
    assert not [end for end in found.values() if any(bad in end for bad in _BAD)]
