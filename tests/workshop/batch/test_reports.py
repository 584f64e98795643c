"""What a batch shows while it runs and leaves behind."""

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from workshop.batch.reports import (
    BatchLineReporter,
    BatchLiveReporter,
    batch_reporter_on,
    html_report,
    junit_report,
    results_table,
)
from workshop.batch.rows import Row
from workshop.batch.status import BatchResult, RowStatus
from workshop.batch.task import NotebookResult
from workshop.execution.progress import Reporter
from workshop.notebooks.outcome import State

NAMES = ["00_a", "01_b", "02_c"]
ODD = 'ValueError: <b>"&\x00\x1b[31m\ud800]]>'


@pytest.fixture
def result() -> BatchResult:
    states = [State.COMPLETED, State.FAILED, State.SKIPPED, State.CANCELLED, State.RUNNING, State.COMPLETED]
    rows = [RowStatus(Row(n, f"row {n}", [{}], "azure", str(n), ""), state) for n, state in enumerate(states, 1)]
    rows[0].notebooks = [NotebookResult(name, "", 1.5, "", "") for name in NAMES]
    rows[1].notebooks = [NotebookResult("00_a", "", 1, "", ""), NotebookResult("01_b", "", 2, ODD, "")]
    rows[1].error, rows[1].details = ODD, f"01_b failed\n{ODD}"
    rows[4].executed = 2
    rows[5].earlier = True
    return BatchResult(rows, 0.0)


def report(result: BatchResult, reporter: Reporter) -> None:
    """Tell how the first two rows ended while the others are as they are."""
    for status in reversed(result.rows):
        event = status.event()
        if status.row.number <= 2:
            reporter.report(replace(event, state=State.RUNNING))
        reporter.report(event)


def test_junit_has_a_case_for_each_notebook(result: BatchResult) -> None:
    root = ElementTree.fromstring(junit_report(result, NAMES))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("18", "1", "10")
    suites = {suite.get("name"): suite for suite in root}
    assert [len(suite.findall("testcase/skipped")) for suite in suites.values()] == [0, 1, 3, 3, 3, 0]
    failure = suites["row 2"].find("testcase[@name='01_b']/failure")
    assert failure is not None
    assert failure.get("message") == 'ValueError: <b>"&\ufffd\ufffd[31m\ufffd]]>'
    assert "01_b failed" in (failure.text or "")


def test_the_page_shows_each_row_and_escapes_what_it_shows(result: BatchResult) -> None:
    result.rows[1].error = result.rows[1].details = '<script>alert("x")</script>'
    page = html_report(replace(result, ended_early="The disk is <full>."), NAMES, linked=True)
    assert page.count("<tr id=") == 6
    assert "<script>" not in page
    assert "The disk is &lt;full&gt;." in page
    assert 'href="row%202/01_b.ipynb" class="failed"' in page
    assert "href" not in html_report(result, NAMES, linked=False)
    assert "1 failed" in page


def test_the_page_can_be_written_whatever_it_shows(result: BatchResult) -> None:
    page = html_report(replace(result, ended_early="/data/\udce4 cannot be written"), NAMES, linked=True)
    assert "/data/\\udce4 cannot be written" in page
    assert page.encode()


def test_a_spreadsheet_computes_nothing_of_what_notebooks_have_saved(result: BatchResult) -> None:
    result.rows[0].results = {"group": {"name": "=1+1"}}
    first = next(csv.DictReader(io.StringIO(results_table(result))))
    assert first["group.name"] == "'=1+1"


def test_lines_say_how_each_row_ended(result: BatchResult) -> None:
    out = io.StringIO()
    with batch_reporter_on(Console(file=out, width=80)) as reporter:
        assert isinstance(reporter, BatchLineReporter)
        report(result, reporter)
        reporter.note("[bold] is not markup")
    first, second, last = out.getvalue().splitlines()
    assert first.startswith("row 2: failed, 2 notebooks, 0.0 s: 01_b: ValueError")
    assert second.startswith("row 1: completed, 3 notebooks, 0.0 s (5 of 6, ")
    assert last == "[bold] is not markup"


def test_a_terminal_has_a_bar(result: BatchResult) -> None:
    out = io.StringIO()
    with batch_reporter_on(Console(file=out, width=160, force_terminal=True)) as reporter:
        assert isinstance(reporter, BatchLiveReporter)
        report(result, reporter)
        reporter._updated = float("-inf")
        reporter.report(result.rows[1].event())
    shown = out.getvalue()
    for part in ("5/6", "1 running", "1 failed", "7 notebooks", "left", "row 2: failed"):
        assert part in shown, part
