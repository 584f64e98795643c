"""What a person is told of a notebook that failed."""

from __future__ import annotations

import textwrap

from workshop.execution.execution import Failure

_LONGEST_SOURCE = 30  # lines
_LONGEST_TRACEBACK = 20  # lines


def account_of(name: str, failure: Failure) -> str:
    """Return which notebook and cell failed, the cell's source, and how its traceback ends."""
    verb = "was stopped" if failure.interrupted else "failed"
    if not failure.cell_id:
        return f"{name} {verb} before its first cell.\n\n{_indented(failure.error)}"
    number = f"In [{failure.number}] " if failure.number else ""
    head = f"{name} {verb} in cell {number}(id {failure.cell_id})"
    parts = [f"{head}:", _indented(_first(failure.source, _LONGEST_SOURCE))]
    if failure.traceback:
        parts.append(_indented(_last(failure.traceback, _LONGEST_TRACEBACK)))
    if failure.error.splitlines()[-1].strip() not in failure.traceback:
        parts.append(_indented(failure.error))
    return "\n\n".join(parts)


def _first(text: str, lines: int) -> str:
    found = text.splitlines()
    return "\n".join(found[:lines] + ["…"] * (len(found) > lines))


def _last(text: str, lines: int) -> str:
    found = text.rstrip().splitlines()
    return "\n".join(["…"] * (len(found) > lines) + found[-lines:])


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")
