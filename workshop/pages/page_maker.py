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
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.files import read_notebook, write_whole
from workshop.notebooks.outcome import Failure
from workshop.sandbox import start_child

_ENDING = ".ipynb"
_NICE = 10  # of 19: what notebooks wait for goes first


@dataclass(frozen=True)
class Job:
    """A page to make, beside the notebook it is of."""

    notebook: Path
    names: Sequence[str]  # of all notebooks that get a page, in order
    folder: Path  # where the pictures are that its text refers to
    failure: Failure | None  # what stopped it, if anything did


class PageMaker:
    """The process, and what it is asked to do."""

    def __init__(self) -> None:
        self._jobs = 0
        self._process = start_child("workshop.pages.page_maker")

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def make(self, job: Job) -> None:
        """Have a page made, soon."""
        assert self._process.stdin is not None
        self._jobs += 1
        with contextlib.suppress(BrokenPipeError):  # it has ended: finish will say so
            print(json.dumps(asdict(job), default=str), file=self._process.stdin, flush=True)

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


def _make(job: Job) -> str:
    from workshop.pages.html import notebook_page  # and nbconvert, which the runner need not import

    name = job.notebook.name.removesuffix(_ENDING)
    page = job.notebook.with_name(f"{name}.html")
    try:
        write_whole(page, notebook_page(read_notebook(job.notebook), job.names, name, job.folder, job.failure))
    except WorkshopError as error:
        return str(error)
    return ""


def _read(line: str) -> Job:
    given = json.loads(line)
    failure = Failure(**given["failure"]) if given["failure"] else None
    return Job(Path(given["notebook"]), given["names"], Path(given["folder"]), failure)


def main() -> None:
    """Make pages until there are no more jobs."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(_NICE)
    import_module("nbconvert")  # which takes long: now, while the first job is on its way

    for line in sys.stdin:
        print(json.dumps(_make(_read(line))), flush=True)


if __name__ == "__main__":
    main()
