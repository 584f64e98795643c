"""The course in JupyterLab, in a browser: a learner opens their copy and goes through it, wrong turns included."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.course import NAMES, Cell, book
from tests.support.needs import in_need_of
from tests.workshop.learner import THEMES, Learner, learner_at

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends JupyterLab by a Unix signal to its group")
WRONG = {  # an answer to each exercise that is not right, and what the check has to say to it
    "00_prerequisites": ("lacking = []", "not_actions"),
    "01_create_identity": ("first = second = identity; keeps_role = True", "same principal"),
    "02_assign_identity": ("with_both = after", "no system-assigned identity"),
    "03_grant_access": ("answer = explain(before)", "another reason"),
    "04_get_token": ("wrong_door = response", "the metadata service's answer"),
    "05_read_properties": ("inside = []; grants_needed = 0", "0 in inside"),
    "06_clean_up": ("by_tag = \"tagName eq 'owner'\"; marked = []", "does not say that tagName is 'made-by'"),
}
GUESS = re.compile(r"guess\w* = None")


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    with learner_at(in_need_of("chromium", "google-chrome"), tmp_path) as found:
        yield found


def test_the_course_opens_at_its_home_and_the_first_notebook_answers(learner: Learner) -> None:
    learner.page.locator(".jp-TableOfContents").get_by_text("Glossary").wait_for()  # beside it
    learner.go_on_to(NAMES[0])
    nothing_is_shown_before_it_is_done(learner, NAMES[0])
    said = learner.run("preflight-look")
    assert "resource_group is not there yet" in said and "Run the cell under 'Set up'" in said
    long_lines = "pre => getComputedStyle(pre).whiteSpace"  # are scrolled and not broken, in the box and in the frames
    shown = learner.cell("preflight-look").locator(".jp-OutputArea-output pre")
    assert [each.evaluate(long_lines) for each in shown.all()] == ["pre", "pre"]
    for cell in book(NAMES[0]).code:
        do(learner, NAMES[0], cell)
    assert "What to do" in learner.run("group-ensure", "roles.role_assignments.get(group.id, 'none')")
    assert learner.errors == ["preflight-look: NameError", "group-ensure: ResourceNotFoundError"]
    assert learner.complaints == []
    assert learner.requests_elsewhere == []
    only_what_is_put_there_is_noticed(learner)


@pytest.mark.long
def test_a_learner_goes_through_the_course(learner: Learner) -> None:
    for name in NAMES:
        learner.go_on_to(name)
        nothing_is_shown_before_it_is_done(learner, name)
        for cell in book(name).code:
            do(learner, name, cell)
        learner.save()
        nothing_is_hard_to_use(learner, name)
    learner.go_on_to("index")
    how_far = learner.run("how-far")
    assert how_far.split().count("all") == how_far.split().count("solved") == len(NAMES), how_far
    nothing_is_hard_to_use(learner, "index")
    what_is_hard_to_use_is_noticed(learner)
    assert learner.errors == []
    assert learner.complaints == []
    assert learner.requests_elsewhere == []


def nothing_is_shown_before_it_is_done(learner: Learner, name: str) -> None:
    assert learner.shown().locator(".jp-OutputArea-output").count() == 0
    [solution] = [cell for cell in book(name).code if "solution" in cell.tags]
    with learner.whole_notebook_in_sight():
        assert learner.cell(solution.id).locator(".cm-content").inner_text().strip() == ""
        fold = learner.cell(f"{solution.id}-folded").locator("details")
        assert not fold.locator("pre").is_visible()
        fold.locator("summary").click()
        assert fold.locator("pre").inner_text().strip() == solution.source
        fold.locator("summary").click()
    assert learner.page.locator(".jp-mod-dirty").count() == 0  # nor is it shown as changed


def only_what_is_put_there_is_noticed(learner: Learner) -> None:
    """What this file asserts the absence of is seen where it is."""
    learner.page.evaluate("fetch('http://127.0.0.2:9/').catch(() => console.error('not answered'))")
    learner.page.wait_for_timeout(0)  # what the browser tells is heard while it is waited for
    assert learner.requests_elsewhere == ["http://127.0.0.2:9/"]
    assert "not answered" in " ".join(learner.complaints)


def what_is_hard_to_use_is_noticed(learner: Learner) -> None:
    learner.choose(THEMES[0])  # in the other, pale is clear
    unclear = '<p style="color: #888">pale</p><button></button>'
    learner.run("how-far", f"from IPython.display import HTML\nHTML({unclear!r})")
    assert sorted(learner.hard_to_use()) == [
        "button-name: <button></button>",
        'color-contrast: <p style="color: #888">pale</p>',
    ]


def do(learner: Learner, name: str, cell: Cell) -> None:
    """Do what a cell is there for: run it, guess wrong in it, or solve the exercise at the second try."""
    if "solution" in cell.tags:
        solve(learner, name, cell)
    elif GUESS.match(cell.source):
        learner.run(cell.id, cell.source.replace("None", "404"))
    else:
        said = learner.run(cell.id)
        assert "compare(" not in cell.source or "You expected 404" in said, said
        assert not cell.id.startswith("exercise-check") or "Right:" in said, said


def solve(learner: Learner, name: str, cell: Cell) -> None:
    wrong, hint = WRONG[name]
    [check] = [each.id for each in book(name).code if each.id.startswith("exercise-check")]
    assert "Not yet:" in learner.run(check)
    learner.run(cell.id, wrong)
    said = learner.run(check)
    assert "Not yet:" in said and hint in said, said
    learner.run(cell.id, cell.source)


def nothing_is_hard_to_use(learner: Learner, name: str) -> None:
    pictures = os.environ.get("COURSE_SCREENSHOTS")  # a folder for whoever wants to look for themselves
    for theme in THEMES:
        learner.choose(theme)
        assert learner.hard_to_use(Path(pictures) / f"{name} {theme}.png" if pictures else None) == []
