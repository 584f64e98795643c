"""``python -m tests.reliability [WORDS …]``: run the series with each fault and write docs/reliability.md.

With words, only the cases with one of them in their titles are run, and printed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.reliability.cases import CASES, Case
from tests.reliability.series import DOCUMENT, outcome_of

_TEXT = """\
# What happens when Azure fails

The series of notebooks, 00 to 06, is run as `python -m workshop run` does, against a sandbox in which faults were
ordered (`sandbox start --faults`, see [sandbox.md](sandbox.md)). It completes, or stops in a notebook with the sentence
given here; where it stopped it goes on once the fault is over (each run is continued without faults). In a notebook the
sentence stands in a box, which says besides what it means and what to do. A fault of which nothing says how often it
comes is there always. Resource Manager and Entra have 100 seconds for an answer.

`python -m tests.reliability` runs it all and writes this page (in some 15 minutes); tests hold the series to it.

| Fault | The series |
|---|---|
"""


def main(words: list[str]) -> None:
    """Run what ``words`` name, or everything."""
    cases = [case for case in CASES if not words or any(word in case.title for word in words)]
    rows = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as runs:
        for case, outcome in zip(cases, runs.map(partial(_outcome, Path(folder)), cases), strict=True):
            rows.append(f"| {case.title} | {outcome} |")
            print(rows[-1], flush=True)
    if not words:
        DOCUMENT.write_text(_TEXT + "\n".join(rows) + "\n", "utf-8")


def _outcome(folder: Path, case: Case) -> str:
    return outcome_of(case, folder / str(CASES.index(case)))


if __name__ == "__main__":
    main(sys.argv[1:])
