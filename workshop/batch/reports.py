"""What a batch shows while it runs, and the reports it leaves: a page for people, and JUnit's XML for CI systems."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self
from xml.etree import ElementTree

from workshop.batch.status import BatchResult, BatchStatistics, RowStatus, duration
from workshop.csv_files import csv_text
from workshop.execution.progress import ProgressEvent, Reporter
from workshop.files import encodable
from workshop.notebooks.outcome import State, flat
from workshop.pages.index import page
from workshop.words import quantity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_UPDATE = 0.2  # seconds: a display need not move more often
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BatchLineReporter(Reporter):
    """Prints a line for each row that has ended: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._statistics = BatchStatistics()

    def note(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def report(self, event: ProgressEvent) -> None:
        """Say how a row ended, and how the whole goes."""
        figures = self._statistics
        figures.add(event)
        if event.state.ended and event.name in figures.begun:
            self.note(f"{_outcome(event)} ({figures.ended} of {figures.rows}{_pace(figures)})")


class BatchLiveReporter(Reporter):
    """Shows a bar that moves with the rows, and a line for each that fails."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress: Progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("rows{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("rows", total=None, figures="")
        self._updated = float("-inf")
        self._statistics = BatchStatistics()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Print it above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def report(self, event: ProgressEvent) -> None:
        """Move the bar, and name a row that did not complete."""
        self._statistics.add(event)
        if event.state.ended and event.state is not State.COMPLETED:
            self.note(_outcome(event))
        now = time.monotonic()
        if now - self._updated >= _UPDATE or self._statistics.ended == self._statistics.rows:
            self._updated = now
            self._update()

    def _update(self) -> None:
        figures = self._statistics
        states = figures.states
        parts = [f"{states[State.RUNNING]} running"] if states[State.RUNNING] else []
        parts += [f"[red]{states[State.FAILED]} failed[/red]"] if states[State.FAILED] else []
        parts.append(f"{quantity(figures.notebooks, 'notebook')}{_pace(figures)}")
        self._progress.update(
            self._task, completed=figures.ended, total=figures.rows, figures=f" · {' · '.join(parts)}"
        )


def batch_reporter_on(console: Console) -> Reporter:
    """Return what fits ``console``: a display in a terminal, else lines."""
    return BatchLiveReporter(console) if console.is_terminal else BatchLineReporter(console)


def _outcome(event: ProgressEvent) -> str:
    text = f"{event.name}: {event.state}, {quantity(event.done, 'notebook')}, {event.seconds:.1f} s"
    return f"{text}: {event.error}" if event.error else text


def _pace(figures: BatchStatistics) -> str:
    rate, left = figures.rate, figures.left
    if not rate:
        return ""
    pace = f"{rate:.2f} rows a second" if rate >= 1 else f"{rate * 60:.1f} rows a minute"
    return f", {pace}, {duration(left)} left" if left else f", {pace}"


def html_report(result: BatchResult, notebooks: Sequence[str], linked: bool) -> str:
    """Return the page that shows a batch, whose executed notebooks are beside it if they are to be ``linked``."""
    states = result.states
    text = page(
        "report.html.j2",
        rows=result.rows,
        counts=[(state, states[state]) for state in State if states[state]],
        notebooks=notebooks,
        ended_early=result.ended_early,
        linked=linked,
        flat=flat,
        quantity=quantity,
        took=duration(result.seconds),
    )
    return encodable(text)


def results_table(result: BatchResult) -> str:
    """Return a CSV with each row's name and state, its parameters, and what its notebooks have saved as data."""
    rows = [
        {"name": status.row.name, "state": str(status.state)} | flat(status.row.given) | flat(status.results)
        for status in result.rows
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = csv_text([columns, *([row.get(name, "") for name in columns] for row in rows)])
    return encodable(text)


def junit_report(result: BatchResult, notebooks: Sequence[str]) -> str:
    """Return the report that CI systems read: a suite for each row, a case for each notebook."""
    root = ElementTree.Element("testsuites", name="batch", time=f"{result.seconds:.3f}")
    root.extend(_suite(status, notebooks) for status in result.rows)
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(status: RowStatus, notebooks: Sequence[str]) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=status.row.name, time=f"{status.seconds:.3f}")
    ran = {executed.name: executed for executed in status.notebooks}
    failure_added = False
    for name in notebooks:
        executed = ran.get(name)
        seconds = executed.seconds if executed else 0.0
        case = ElementTree.SubElement(suite, "testcase", classname=status.row.name, name=name, time=f"{seconds:.3f}")
        if executed and not executed.error:
            continue
        if status.state is State.FAILED and not failure_added:
            failure_added = True
            failure = ElementTree.SubElement(case, "failure", message=_xml_text(status.error))
            failure.text = _xml_text(status.details)
        elif not status.earlier:
            ElementTree.SubElement(case, "skipped", message=_reason(status))
    suite.set("tests", str(len(notebooks)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _reason(status: RowStatus) -> str:
    return "an earlier notebook failed" if status.state is State.FAILED else f"the row was {status.state}"


def _xml_text(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
