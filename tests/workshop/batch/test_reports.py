"""What a batch shows while it runs and leaves behind."""

import io
import pickle
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from workshop.batch.junit import junit_report
from workshop.batch.place import Folder
from workshop.batch.progress import Lines, Live, batch_progress_on
from workshop.batch.report import html_report
from workshop.batch.rows import Row
from workshop.batch.standing import Executed, Standing, Tally, duration
from workshop.batch.states import State
from workshop.batch.task import NotebookResult, NotebookTask, RowError, RowTask
from workshop.errors import WorkshopError
from workshop.kernels.kernels import KernelKind

NAMES = ["00_a", "01_b", "02_c"]
ODD = 'ValueError: <b>"&\x00\x1b[31m\ud800]]>'


@pytest.fixture
def tally() -> Tally:
    states = [State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED, State.RUNNING, State.COMPLETED]
    standings = [Standing(Row(n, f"row {n}", [{}], "azure", str(n), ""), state) for n, state in enumerate(states, 1)]
    standings[0].notebooks = [Executed(name, 1.5, "") for name in NAMES]
    standings[1].notebooks = [Executed("00_a", 1, ""), Executed("01_b", 2, ODD)]
    standings[1].error, standings[1].account = ODD, f"01_b failed\n{ODD}"
    standings[4].executing = 2
    standings[5].earlier = True
    return Tally(standings, began=0.0, first_row_began=0.0)


def test_junit_has_a_case_for_each_notebook(tally: Tally) -> None:
    root = ElementTree.fromstring(junit_report(tally, NAMES))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("18", "1", "10")
    suites = {suite.get("name"): suite for suite in root}
    assert [len(suite.findall("testcase/skipped")) for suite in suites.values()] == [0, 1, 3, 3, 3, 0]
    failure = suites["row 2"].find("testcase[@name='01_b']/failure")
    assert failure is not None
    assert failure.get("message") == 'ValueError: <b>"&\ufffd\ufffd[31m\ufffd]]>'
    assert "01_b failed" in (failure.text or "")


def test_the_page_shows_each_row_and_escapes_what_it_shows(tally: Tally) -> None:
    tally.standings[1].error = tally.standings[1].account = '<script>alert("x")</script>'
    page = html_report(tally, NAMES, "The disk is <full>.", linked=True)
    assert page.count("<tr id=") == 6
    assert "<script>" not in page
    assert "The disk is &lt;full&gt;." in page
    assert 'href="row%202/01_b.ipynb" class="failed"' in page
    assert "href" not in html_report(tally, NAMES, "", linked=False)
    assert "1 failed" in page


def test_lines_say_how_each_row_ended(tally: Tally) -> None:
    out = io.StringIO()
    with batch_progress_on(Console(file=out, width=80)) as progress:
        assert isinstance(progress, Lines)
        progress.tick(tally)
        progress.ended(tally.standings[0], tally)
        progress.ended(tally.standings[1], tally)
        progress.note("[bold] is not markup")
    first, *rest = out.getvalue().splitlines()
    assert first.startswith("row 1: completed, 3 notebooks, 0.0 s (5 of 6, ")
    assert rest[0].startswith("row 2: failed, 2 notebooks, 0.0 s: 01_b: ValueError")
    assert rest[-1] == "[bold] is not markup"


def test_a_terminal_has_a_bar(tally: Tally) -> None:
    out = io.StringIO()
    with batch_progress_on(Console(file=out, width=160, force_terminal=True)) as progress:
        assert isinstance(progress, Live)
        progress.tick(tally)
        progress.ended(tally.standings[1], tally)
    shown = out.getvalue()
    for part in ("5/6", "1 running", "1 failed", "7 notebooks", "left", "row 2: failed"):
        assert part in shown, part


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_time_left_follows_from_the_rows_of_this_run(tally: Tally) -> None:
    rate = tally.rate
    assert rate > 0
    assert tally.left == pytest.approx(1 / tally.rate, rel=0.01)
    assert Tally(tally.standings).left is None


def test_a_task_shows_no_secret_and_an_error_travels() -> None:
    secret = {"AZURE_CLIENT_SECRET": "hunter2hunter2"}
    notebooks = [NotebookTask("00_a", "{}", {})]
    task = RowTask("batch", "topic", "row", 1, notebooks, "", KernelKind.WARM, None, secret)
    assert "hunter2" not in repr(task)
    assert pickle.loads(pickle.dumps(task)) == task
    assert str(pickle.loads(pickle.dumps(RowError("why")))) == "why"


def test_a_notebook_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "row").write_text("in the way")
    with pytest.raises(WorkshopError, match="cannot be written"):
        Folder(tmp_path).save("row", NotebookResult("00_a", "{}", 1, 1.0, "", ""))
    assert [path.name for path in tmp_path.iterdir()] == ["row"]
