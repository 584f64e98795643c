"""The report of a batch in the form that CI systems read: a suite for each row, a case for each notebook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from workshop.batch.standing import Standing, Tally
from workshop.batch.states import State

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(tally: Tally, notebooks: Sequence[str]) -> str:
    """Return the report.

    Args:
        tally: of the rows.
        notebooks: the names of those each row has.
    """
    root = ElementTree.Element("testsuites", name="batch", time=f"{tally.seconds:.3f}")
    totals = {"tests": 0, "failures": 0, "skipped": 0}
    for standing in tally.standings:
        suite = _suite(standing, notebooks)
        root.append(suite)
        for name in totals:
            totals[name] += int(suite.get(name, 0))
    for name, number in totals.items():
        root.set(name, str(number))
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(standing: Standing, notebooks: Sequence[str]) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=standing.row.name, time=f"{standing.seconds:.3f}")
    ran = {executed.name: executed for executed in standing.notebooks}
    told = False
    for name in notebooks:
        executed = ran.get(name)
        seconds = executed.seconds if executed else 0.0
        case = ElementTree.SubElement(suite, "testcase", classname=standing.row.name, name=name, time=f"{seconds:.3f}")
        if executed and not executed.error:
            continue
        if standing.state is State.FAILED and not told:
            told = True
            failure = ElementTree.SubElement(case, "failure", message=_printable(standing.error))
            failure.text = _printable(standing.account)
        elif not standing.earlier:
            ElementTree.SubElement(case, "skipped", message=_reason(standing))
    suite.set("tests", str(len(notebooks)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _reason(standing: Standing) -> str:
    return "an earlier notebook failed" if standing.state is State.FAILED else f"the row was {standing.state}"


def _printable(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
