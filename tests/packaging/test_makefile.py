"""The Makefile: its list of targets is whole, and it works with the make that macOS has."""

import re
import subprocess

import pytest

from tests.packaging.checkout import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = {"install", "tutorial", "lab", "test", "test-all", "lint", "notebooks", "bench", "lock", "clean", "help"}


def make(*words: str) -> str:
    """What make prints."""
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_alone_it_lists_every_target_with_a_text() -> None:
    listed = re.findall(r"^make ([a-z-]+) +(\S.+)$", make(), flags=re.MULTILINE)
    assert {name for name, _ in listed} == TARGETS
    [phony] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, flags=re.MULTILINE)
    assert set(phony.split()) == TARGETS


def test_every_target_can_be_planned_and_planning_does_nothing() -> None:
    for target in TARGETS:
        assert make("--dry-run", target, "PYTHON=false", "VENV=false")


def test_uses_nothing_newer_than_make_3_81() -> None:
    """3.82 brought .ONESHELL and private, 4.0 $(file ...) and !=, 4.3 grouped targets (&:)."""
    assert not re.search(r"\.ONESHELL|\$\(file |!=|&:|^private ", MAKEFILE, flags=re.MULTILINE)


def test_a_failing_stage_hides_no_other_and_fails_the_whole() -> None:
    """The recipes of test and lint, run with a Python that fails at everything and says at what."""
    for target, stages in (("lint", 4), ("test", 6)):
        failing = ["PYTHON=true", "VENV=sh -c 'echo stage; exit 1'"]
        run = subprocess.run(["make", target, *failing], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.stdout.count("stage") == stages
        assert run.returncode != 0


@pytest.mark.parametrize("one", ["ruff check", "ruff format", "mypy", "importlinter", "--nbval", "worksteal"])
def test_any_stage_that_fails_alone_fails_the_whole(one: str) -> None:
    failing = f'sh -c \'echo stage; case "$$*" in *"{one}"*) exit 1;; esac\' python'
    command = ["make", "test", "PYTHON=true", f"VENV={failing}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.count("stage") == 6
    assert run.returncode != 0
