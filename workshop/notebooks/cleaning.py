"""Makes executed notebooks fit to be kept: the same on every machine, at any time, and without secrets."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workshop.notebooks.secrets import Secrets
from workshop.paths import ROOT

if TYPE_CHECKING:
    from nbformat import NotebookNode

_PAPERMILL_MARKER = "papermill-error-cell-tag"
_INJECTED = "injected-parameters"  # papermill's tag; here also the cell's id, which papermill draws at random
_VOLATILE_METADATA = ("papermill", "execution", "ExecuteTime", "collapsed", "scrolled")
_KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_LANGUAGE = {"name": "python"}
_ENCODED = ("image/", "audio/", "video/", "application/pdf", "buffers")  # base64, in which anything may occur by chance
_SVG = "image/svg+xml"
_ANSI = r"\x1b\[[0-9;]*m"  # a colour in front of a path
_CELL_FILE = re.compile(r"<tmp>[/\\]+ipykernel_\d+[/\\]+\d+\.py")


class Paths:
    """Takes this machine's folders out of text: Python's, the user's home, this repository, that of temporary files.

    Of ``more`` folders, each comes with what to write instead.
    """

    def __init__(self, more: Mapping[Path, str] | None = None) -> None:
        folders = {
            Path(tempfile.gettempdir()): "<tmp>",
            Path.home(): "~",
            Path(sys.base_prefix): "<python>",
            Path(sys.prefix): "<python>",
            Path(sysconfig.get_path("stdlib")): "<python>/lib",
            Path(sysconfig.get_path("purelib")): "<python>/site-packages",
            ROOT: ".",
            **(more or {}),
        }
        stand_ins = {form: name for path, name in folders.items() for form in _forms(path)}
        # Windows' paths in a repr()
        stand_ins |= {path.replace("\\", "\\\\"): name for path, name in stand_ins.items()}
        self._stand_ins = {path: name for path, name in stand_ins.items() if len(Path(path).parts) > 1}
        longest_first = sorted(map(re.escape, self._stand_ins), key=len, reverse=True)
        self._pattern = re.compile(rf"({_ANSI}|(?<![\w.-]))({'|'.join(longest_first)})(?![\w-]|\.\w)")

    def replace(self, text: str) -> str:
        """Return ``text`` with the folders' stand-ins; the file of a cell, which has a random name, is just a cell."""
        text = self._pattern.sub(lambda match: match[1] + self._stand_ins[match[2]], text)
        return _CELL_FILE.sub("<cell>", text)


def _forms(path: Path) -> list[str]:
    """How a folder is written: as it is, without links, and as IPython writes what is in the user's home."""
    forms = [path, path.resolve()]
    home = Path.home()
    short = [f"~{os.sep}{form.relative_to(home)}" for form in forms if form.is_relative_to(home) and form != home]
    return [*map(str, forms), *short]


@dataclass
class Findings:
    """What had to be taken out of a notebook, as the ids of the cells it was in; empty for the notebook's metadata."""

    leaks: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def clean(notebook: NotebookNode, secrets: Secrets, paths: Paths) -> Findings:
    """Strip and redact ``notebook``, in place; return what was found.

    What papermill and the kernel record about this run goes; the kernel is said to be Python's usual one. Then
    tokens and secrets go out of everything, and folders of this machine out of the outputs.
    """
    notebook.cells = [cell for cell in notebook.cells if _PAPERMILL_MARKER not in cell.metadata.get("tags", [])]
    _normalize(notebook)
    findings = Findings(leaks=redact(notebook, secrets))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = _rewritten(cell.outputs, paths.replace)
            if outputs != cell.outputs:
                findings.paths.append(cell["id"])
            cell["outputs"] = outputs
    return findings


def redact(notebook: dict[str, Any], secrets: Secrets) -> list[str]:
    """Take tokens and secrets out of everything in ``notebook``, in place, but pictures and the like.

    It need not be a valid notebook: what has another form than it should is gone through as well. Returned are the ids
    of the cells they were in; empty for what is in no cell, such as the state of widgets.
    """
    leaks: list[str] = []
    for name, part in notebook.items():
        if name == "cells" and isinstance(part, list):
            ids = [cell.get("id", "") if isinstance(cell, dict) else "" for cell in part]
            notebook[name] = [_redacted(cell, secrets, leaks, cell_id) for cell, cell_id in zip(part, ids, strict=True)]
        else:
            notebook[name] = _redacted(part, secrets, leaks)
    return leaks


def _redacted(part: Any, secrets: Secrets, leaks: list[str], cell_id: str = "") -> Any:
    redacted = _rewritten(part, secrets.redact)
    if cell_id:
        redacted["id"] = cell_id  # which is random
    if redacted != part:
        leaks.append(cell_id)
    return redacted


def _normalize(notebook: NotebookNode) -> None:
    from nbformat import NotebookNode

    for name in _VOLATILE_METADATA:
        notebook.metadata.pop(name, None)
    notebook.metadata["kernelspec"] = NotebookNode(_KERNELSPEC)
    notebook.metadata["language_info"] = NotebookNode(_LANGUAGE)
    for cell in notebook.cells:
        for name in _VOLATILE_METADATA:
            cell.metadata.pop(name, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if _INJECTED in cell.metadata.get("tags", []):
            cell["id"] = _INJECTED


def _rewritten(value: Any, rewrite: Callable[[str], str]) -> Any:
    """Return ``value`` with all texts in it rewritten, but for encoded pictures and the like."""
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, Mapping):
        rebuilt: Callable[[Mapping[str, Any]], Mapping[str, Any]] = type(value)  # dict, or nbformat's own
        return rebuilt(
            {rewrite(name): part if _is_encoded(name) else _rewritten(part, rewrite) for name, part in value.items()}
        )
    if isinstance(value, list):
        return [_rewritten(part, rewrite) for part in value]
    return value


def _is_encoded(name: str) -> bool:
    return name.startswith(_ENCODED) and name != _SVG
