"""The folder in which a run leaves the executed notebooks and their pages."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from workshop.errors import UsageError, translate_os_errors
from workshop.files import notebook_text, put_in_place, stage, write_whole
from workshop.notebooks.outcome import Outcome, Results, flat
from workshop.pages.index import GENERATOR, IndexEntry, index_page
from workshop.pages.page_maker import PageMaker

if TYPE_CHECKING:
    from nbformat import NotebookNode

INDEX = "index.html"
RESULTS = "results.json"
_PICTURE = re.compile(r'!\[[^\]]*\]\(<?([^)\s>]+)|<img\b[^>]*?\bsrc="([^"]+)"')
_OURS = re.compile(r"(?:\d\d_\w+\.(?:ipynb|html)|results\.json)\Z", re.ASCII)


class OutputFolder(contextlib.AbstractContextManager["OutputFolder"]):
    """Saves what a run brings about, as it comes. Used in a ``with``, at whose end all of it is written.

    Pages of notebooks are made in a process of their own, while the next notebook runs. It is started for the first of
    them: before, it would only slow down what the first notebook waits for. What an earlier run left there goes.
    """

    def __init__(self, path: Path, entries: Sequence[IndexEntry]) -> None:
        self.path = path.absolute()
        self._names = [entry.name for entry in entries]
        with translate_os_errors(f"The folder {path} cannot be written to", UsageError):
            self.path.mkdir(parents=True, exist_ok=True)
            found = [old for old in self.path.iterdir() if _OURS.match(old.name)]
            if found and not self._is_ours():
                raise UsageError(
                    f"{path} has notebooks or results in it that are not from a run; choose another folder."
                )
            put_in_place(stage(self.path / INDEX, index_page(entries)), self.path / INDEX)
            for old in found:
                old.unlink()
        self._pages: PageMaker | None = None

    def __exit__(self, *_: object) -> None:
        if self._pages is not None:
            self._pages.close()

    def save(self, outcome: Outcome, entries: Sequence[IndexEntry]) -> None:
        """Save an executed notebook with its pictures and the list of all now, and its page soon."""
        write_whole(self.path / f"{outcome.name}.ipynb", notebook_text(outcome.node))
        copy_files(pictures_in(outcome.node, outcome.folder), outcome.folder, self.path)
        write_whole(self.path / INDEX, index_page(entries))
        self._pages = self._pages or PageMaker()
        self._pages.make(self.path / f"{outcome.name}.ipynb", self._names, outcome.folder, outcome.failure)

    def finish(self, entries: Sequence[IndexEntry], results: Results, account: str) -> Path:
        """Wait for the pages, and write the final list of them, whose path is returned, and the results as JSON."""
        if self._pages is not None:
            self._pages.finish()
        write_whole(self.path / RESULTS, json.dumps(results, indent=2) + "\n")
        write_whole(self.path / INDEX, index_page(entries, flat(results), account))
        return self.path / INDEX

    def _is_ours(self) -> bool:
        index = self.path / INDEX
        return index.is_file() and GENERATOR in index.read_text("utf-8", "replace")


def copy_files(names: Iterable[str], source: Path, folder: Path) -> None:
    """Copy files of one folder to another, under the same relative names."""
    for name in names:
        copy = folder / name
        with translate_os_errors(f"{copy} cannot be written"), contextlib.suppress(shutil.SameFileError):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, copy)


def pictures_in(node: NotebookNode, folder: Path) -> list[str]:
    """Return the files in ``folder`` that the text of a notebook shows, as it names them."""
    text = "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    names = dict.fromkeys(unquote(match[1] or match[2]) for match in _PICTURE.finditer(text))
    root = folder.resolve()
    return [name for name in names if (root / name).is_file() and (root / name).resolve().is_relative_to(root)]
