"""A process that makes the pages of executed notebooks beside the runner, which meanwhile goes on with the next one.

``python -m workshop.pages.page_maker`` reads jobs, a line of JSON each, and answers each with a line of JSON once its
page is written: an empty text, or what went wrong. It ends with its standard input, and so with the runner, however
that ends.
"""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from workshop.errors import WorkshopError
from workshop.files import read_notebook, write_whole
from workshop.notebooks.outcome import Failure
from workshop.sandbox import start_child

_NICE = 10  # of 19: what notebooks wait for goes first


class PageMaker:
    """The process, and what it is asked to do."""

    def __init__(self) -> None:
        self._jobs = 0
        self._process = start_child("workshop.pages.page_maker")

    def make(self, notebook: Path, names: Sequence[str], folder: Path, failure: Failure | None) -> None:
        """Have a notebook's page made beside it, soon: the pictures in its text are in ``folder``.

        There are pages of all ``names``, in that order; ``failure`` is what stopped the notebook, if anything did.
        """
        job = {"notebook": str(notebook), "names": names, "folder": str(folder), "failure": failure and asdict(failure)}
        assert self._process.stdin is not None
        self._jobs += 1
        with contextlib.suppress(BrokenPipeError):  # it has ended: finish will say so
            print(json.dumps(job), file=self._process.stdin, flush=True)

    def finish(self) -> None:
        """Wait for all pages; raise WorkshopError if one could not be made or written."""
        assert self._process.stdout is not None
        answers = [json.loads(line) for line in islice(self._process.stdout, self._jobs)]
        problems = [answer for answer in answers if answer]
        if len(answers) < self._jobs:
            problems.append(f"Not all pages could be made: their process ended with {self._process.wait()}.")
        if problems:
            raise WorkshopError("\n".join(problems))

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _make(notebook: str, names: Sequence[str], folder: str, failure: dict[str, Any] | None) -> str:
    from workshop.pages.html import notebook_page  # and nbconvert, which the runner need not import

    path = Path(notebook)
    stopped_by = Failure(**failure) if failure else None
    try:
        page = notebook_page(read_notebook(path), names, path.stem, Path(folder), stopped_by)
        write_whole(path.with_suffix(".html"), page)
    except WorkshopError as error:
        return str(error)
    return ""


def main() -> None:
    """Make pages until there are no more jobs."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(_NICE)
    import_module("nbconvert")  # which takes long: now, while the first job is on its way

    for line in sys.stdin:
        print(json.dumps(_make(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
