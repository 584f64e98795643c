"""Makes executed notebooks fit to be kept: the same on every machine, at any time, and without secrets."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
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
_ENCODED_TYPES = ("image/", "audio/", "video/", "application/pdf")  # base64, in which anything may occur by chance
_SVG = "image/svg+xml"
_ANSI = r"\x1b\[[0-9;]*m"  # a colour in front of a path
_CELL_FILE = re.compile(r"<tmp>[/\\]+ipykernel_\d+[/\\]+\d+\.py")


class Paths:
    """Takes this machine's folders out of text.

    Args:
        more: folders besides Python's, the user's home, this repository and the one for temporary files, each with
            what to write instead.
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

    def found_in(self, text: str) -> bool:
        """Return whether ``text`` names one of the folders or something in them."""
        return self._pattern.search(text) is not None

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
    """What had to be taken out of a notebook, as the ids of the cells it was in."""

    leaks: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def clean(notebook: NotebookNode, secrets: Secrets, paths: Paths) -> Findings:
    """Strip and redact ``notebook``, in place.

    What papermill and the kernel record about this run goes; the kernel is said to be Python's usual one. Then
    tokens and secrets go out of everything, and folders of this machine out of the outputs.

    Returns:
        What was found.
    """
    notebook.cells = [cell for cell in notebook.cells if _PAPERMILL_MARKER not in cell.metadata.get("tags", [])]
    _normalize(notebook)
    findings = Findings()
    for cell in notebook.cells:
        _redact(cell, secrets, findings.leaks)
        if cell.cell_type == "code":
            _hide_paths(cell, paths, findings.paths)
    return findings


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


def _redact(cell: NotebookNode, secrets: Secrets, leaks: list[str]) -> None:
    def redacted(text: str) -> str:
        if not secrets.leaks_in(text):
            return text
        leaks.append(cell["id"])
        return secrets.redact(text)

    cell.source = redacted(cell.source)
    cell.metadata = _rewritten(cell.metadata, redacted)
    if cell.cell_type == "code":
        cell.outputs = _rewritten_outputs(cell.outputs, redacted)


def _hide_paths(cell: NotebookNode, paths: Paths, found: list[str]) -> None:
    def hidden(text: str) -> str:
        if not paths.found_in(text):
            return text
        found.append(cell["id"])
        return paths.replace(text)

    cell.outputs = _rewritten_outputs(cell.outputs, hidden)


def _rewritten_outputs(outputs: Iterable[Any], rewrite: Callable[[str], str]) -> list[Any]:
    """Return ``outputs`` with all texts rewritten, but for encoded pictures and the like."""
    rewritten = []
    for output in outputs:
        data = output.get("data", {})
        encoded = {kind: data.pop(kind) for kind in list(data) if kind.startswith(_ENCODED_TYPES) and kind != _SVG}
        rewritten.append(_rewritten(output, rewrite))
        if encoded:
            rewritten[-1]["data"].update(encoded)
    return rewritten


def _rewritten(value: Any, rewrite: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, Mapping):
        rebuilt: Callable[[Mapping[str, Any]], Mapping[str, Any]] = type(value)  # dict, or nbformat's own
        return rebuilt({rewrite(key): _rewritten(part, rewrite) for key, part in value.items()})
    if isinstance(value, list):
        return [_rewritten(part, rewrite) for part in value]
    return value
