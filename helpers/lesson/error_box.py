"""What a cell shows in place of a long traceback: what happened, why, and what to do. The traceback is folded below.

An IPython extension (``workshop.kernels.error_box``) leads here. The box is the cell's error output, as a traceback is.
"""

import json
import os
import re
import symtable
import textwrap
import traceback
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

import requests
from azure.core.exceptions import AzureError, ClientAuthenticationError
from IPython.core.interactiveshell import InteractiveShell

from helpers.connection import Connection
from helpers.errors import DROPPED, STRONGER_SIGN_IN, TutorialError, about_status, explain, header_of, own_error
from helpers.names import ParameterError

_REFUSED = re.compile(
    r"object id '(?P<who>[^']+)'.* perform action '(?P<action>[^']+)' (?:over|on the linked) scope(?:\(s\))? "
    r"'(?P<scope>[^']+)'"
)
# What is copied into a terminal. Between its words is what text is not wrapped at, until it has been wrapped.
_COMMAND = re.compile(r"\b(?:az|python -m)(?: [a-z][a-z-]*)+(?: --[a-z-]+(?: (?!--)\S+)?)*")
_SPACE = "\N{NO-BREAK SPACE}"
# JupyterLab breaks lines that are too long for the page in the middle of words. So it scrolls them.
_SCROLLING = "<style>.jp-OutputArea:has(summary) .jp-OutputArea-output pre{white-space:pre}</style>"
_OTHER_COURSE = (
    "This notebook was made from an earlier version of the course, and does not fit the one that is installed. "
    "Begin again, with your copy kept beside the new one: python -m workshop lab --fresh\n"
    "In a class, ask for it: the trainer has a command that does the same."
)


def show_error(shell: InteractiveShell, etype: type[BaseException], value: BaseException, tb: Any, offset: Any) -> None:
    """Show an exception that stopped a cell: as a box if it is one of the course's, else as always."""
    rows: Mapping[str, str] = {}
    with suppress(Exception):  # whatever is the matter with the box, the error itself has to be seen
        rows = _rows(value, shell.user_ns)
    if not rows:
        shell.showtraceback((etype, value, tb), tb_offset=offset)
        return
    frames = "".join(traceback.format_exception(etype, value, tb))
    vars(value)["_render_traceback_"] = lambda: _box(rows)  # what IPython asks exceptions for
    try:
        shell.showtraceback((etype, value, tb), tb_offset=offset)
    finally:
        del vars(value)["_render_traceback_"]  # %tb shows all
    if not isinstance(value, TutorialError | ParameterError):
        folded = f"<details><summary>Where it happened</summary><pre>{escape(frames)}</pre></details>{_SCROLLING}"
        shell.display_pub.publish({"text/plain": frames, "text/html": folded})


def _box(rows: Mapping[str, str]) -> list[str]:
    """Return the lines: the first row is the heading, the others have labels."""
    (heading, first), *others = rows.items()
    lines = _wrapped(f"{heading}: " if heading else "", first)
    for label, text in others:
        lines += _wrapped(f"  {label:15}", text)
    return [f"┌ {lines[0]}", *(f"│ {line}" for line in lines[1:]), "└"]


def _wrapped(label: str, text: str) -> list[str]:
    """Return the text's lines; what is to be copied is not broken: commands, and code, which is indented."""
    space = " " * min(len(label), 17)  # under a long one, the text begins earlier
    wrapper = textwrap.TextWrapper(88, subsequent_indent=space, break_on_hyphens=False, break_long_words=False)
    first, *others = _COMMAND.sub(lambda found: found[0].replace(" ", _SPACE), text).splitlines() or [""]
    lines = [label + first, *(space + other for other in others)]
    parts = [[line] if line.startswith(f"{space}  ") else wrapper.wrap(line) for line in lines]
    return [line.replace(_SPACE, " ") for line in chain(*parts)]


def _rows(value: BaseException, variables: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what to say of the exception, by labels; nothing if it is none that the course knows about."""
    value = own_error(value) or value
    if isinstance(value, ImportError) and str(value.name).partition(".")[0] == "helpers":
        value = TutorialError(_OTHER_COURSE)
    if isinstance(value, TutorialError):
        first, _, rest = str(value).partition(". ")
        return {"": first.rstrip(".") + ".", **({"What to do": rest} if rest else {})}
    if isinstance(value, ParameterError):
        return {
            "": "A parameter cannot be used.",
            "Why": str(value),
            "What to do": "Change it in the cell that sets it, run that cell, then this one again.",
        }
    if isinstance(value, NameError):
        return _missing_name(value, variables)
    return _refusal(value, variables) if isinstance(value, AzureError | requests.RequestException) else {}


def _refusal(error: Exception, variables: Mapping[str, Any]) -> dict[str, str]:
    explained = explain(error)
    nothing = "no token" if isinstance(error, ClientAuthenticationError) else ""
    status = str(explained.status or ("no answer" if isinstance(error, DROPPED) else nothing))
    if not status:
        return {}
    # That the sign-in is too weak is said below; 200 is the status, too, of an operation that has failed.
    known = about_status(status) if status != "200" and explained.advice != STRONGER_SIGN_IN else {}
    rows = {
        type(error).__name__: f"{status} {explained.code}" if explained.status else status,
        "What it means": known.get("means", ""),
        "Likely cause": known.get("cause", ""),
        "What to do": explained.advice,
        "Word for word": explained.message,
        "Reason": _decision(explained.message, variables.get("connection")),
        "Correlation id": header_of(error, "x-ms-correlation-request-id"),
    }
    return {label: text for label, text in rows.items() if text}


def _decision(message: str, connection: Connection | None) -> str:
    """Return what the sandbox, which can say why, looked at before it refused."""
    refused = _REFUSED.search(message)
    if refused is None or connection is None or connection.target != "sandbox":
        return ""
    path = f"{refused['scope'].rstrip('/')}/providers/Sandbox.Local/explain"
    question = {"principalId": refused["who"], "action": refused["action"]}
    with suppress(AzureError, requests.RequestException, KeyError, TutorialError):  # who may not ask, or it has stopped
        why = str(connection.arm("POST", path, "2024-05-28", question).json()["why"])
        return re.sub(r"^\S+: ", "", why, flags=re.MULTILINE)  # without the assignments' ids
    return ""


def _missing_name(error: NameError, variables: Mapping[str, Any]) -> dict[str, str]:
    path = Path(str(variables.get("__vsc_ipynb_file__") or os.environ["JPY_SESSION_NAME"]))
    name, failed, heading = str(error.name), variables.get("In", [""])[-1], path.stem
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            heading = next(iter(reversed(re.findall(r"^#+ (.+)$", source, re.MULTILINE))), heading)
        elif source == failed:
            break
        elif _sets(source, name):
            begins = source.strip().partition("\n")[0]
            return {
                "NameError": f"{name} is not there yet",
                "What it means": f"The cell that sets {name} has not been run since this kernel started.",
                "What to do": f"Run the cell under '{heading}' that begins with\n  {begins}\n"
                "or choose Run > Run All Above Selected Cell; then run this one again.",
            }
    return {}


def _sets(source: str, name: str) -> bool:
    try:
        symbol = symtable.symtable(source, "cell", "exec").lookup(name)
    except (SyntaxError, KeyError):
        return False
    return symbol.is_assigned() or symbol.is_imported()
