"""docs/trainer.md tells of every command and option, and its links lead somewhere; each ``--help`` says something."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.cli import _parser
from workshop.notebooks.series import find_series
from workshop.paths import NOTEBOOKS, ROOT

PAGE = (ROOT / "docs" / "trainer.md").read_text("utf-8")
ROW = re.compile(r"^\| `python -m workshop ([\w-]+)` \| (.+) \| (.+) \|$", re.MULTILINE)
ELSEWHERE = {"run", "batch"}  # their options are told of where the commands are


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    (subparsers,) = [each for each in _parser()._actions if isinstance(each, argparse._SubParsersAction)]
    yield from subparsers.choices.items()


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {word for action in parser._actions for word in action.option_strings if word.startswith("--")} - {"--help"}


ALL = dict(commands())


def test_every_command_has_its_row() -> None:
    assert sorted(name for name, _, _ in ROW.findall(PAGE)) == sorted(ALL)


@pytest.mark.parametrize("name", sorted(ALL.keys() - ELSEWHERE))
def test_every_option_is_in_it(name: str) -> None:
    (told,) = [set(re.findall(r"`(--[\w-]+)`", row)) for command, _, row in ROW.findall(PAGE) if command == name]
    assert told == options(ALL[name])


@pytest.mark.parametrize("name", sorted(ALL))
def test_its_help_says_what_each_option_is_for(name: str) -> None:
    parser = ALL[name]
    assert parser.format_help()
    for action in parser._actions:
        assert action.help, action
        assert len(action.help) > 5


@pytest.mark.parametrize("name", ["plan", "provision", "hub", "progress", "help", "reset", "clean-up"])
def test_commands_for_classes_begin_with_a_sentence(name: str) -> None:
    description = ALL[name].description or ""
    assert description[:1].isupper() and description.endswith(".")


def test_help_is_quick_to_be_had() -> None:
    code = "import sys; import workshop.cli; print(*[name for name in sys.modules if name.startswith('azure')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_schedule_has_every_notebook_and_adds_up() -> None:
    schedule = PAGE.partition("## The schedule")[2].partition("##")[0]
    rows = re.findall(r"^\| (\d):(\d\d) \| (\d+) \|.*$", schedule, re.MULTILINE)
    now = 0
    for hours, minutes, length in rows:
        assert int(hours) * 60 + int(minutes) == now
        now += int(length)
    assert re.search(rf"^{now} minutes", schedule, re.MULTILINE)
    assert set(re.findall(r"notebooks/(\w+)\.ipynb", schedule)) == {path.stem for path in find_series()}


def test_minutes_are_those_that_notebooks_say() -> None:
    for minutes, name in re.findall(r"\| (\d+) \|[^|]*\| \[[^]]*\]\(\.\./notebooks/(\w+\.ipynb)\)", PAGE):
        assert f"**Time:** {minutes} minutes" in (NOTEBOOKS / name).read_text("utf-8"), name


def test_it_does_not_promise_that_an_identity_stops_at_once() -> None:
    answer = PAGE.partition("**How do I stop an identity at once?**")[2].partition("\n\n")[0]
    assert "On Azure nothing is at once" in answer
    assert "up to\n10 minutes, and 30" in answer
    assert not re.search(r"works at\s+once", PAGE)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((\.\./[^)#]+)\)", PAGE))))
def test_its_links_lead_somewhere(target: str) -> None:
    assert (Path(ROOT / "docs") / target).resolve().exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"python -m workshop ([\w-]+)", PAGE))))
def test_no_other_command_is_told_of(command: str) -> None:
    assert command in ALL


def test_commands_that_are_shown_can_be_typed() -> None:
    block = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
    lines = [line.partition("#")[0].split() for line in block.splitlines() if "-m workshop" in line]
    assert len(lines) > 10
    for line in lines:
        words = line[line.index("workshop") + 1 :]
        unknown = {word for word in words if word.startswith("--")} - options(ALL[words[0]])
        assert not unknown, line
