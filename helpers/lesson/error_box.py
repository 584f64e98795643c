"""What a cell shows in place of a long traceback: what happened, why, and what to do. The traceback is folded below.

An IPython extension (``workshop.kernels.error_box``) leads here. The box is the cell's error output, as a traceback is,
so whatever runs notebooks sees it.
"""

from __future__ import annotations

import json
import os
import re
import symtable
import textwrap
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import requests
from azure.core.exceptions import AzureError
from IPython.core.interactiveshell import InteractiveShell

from helpers.errors import DROPPED, TutorialError, explain, own_error

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_WIDTH = 88
_LABEL = 15
_LONGEST_LINE = 60
_MOST_ASSIGNMENTS = 5
_LOCAL_VERSION = "2024-05-28"
_REFUSED = re.compile(
    r"object id '(?P<who>[^']+)' does not have authorization to perform action '(?P<action>[^']+)' "
    r"over scope '(?P<scope>[^']+)'"
)
_LINKED = re.compile(
    r"object id '(?P<who>[^']+)' has permission .* not have permission to perform action '(?P<action>[^']+)' "
    r"on the linked scope\(s\) '(?P<scope>[^']+)'"
)
_CORRELATION = re.compile(r"Correlation ID: ([0-9a-f-]{36})", re.IGNORECASE)
_MEANS: Mapping[str | int, str] = {
    "no answer": "Nothing answered in time.",
    "no token": "There is no token to be had in this way, so nothing was asked.",
    400: "Azure understood who asks, but something in the request is not as it should be.",
    401: "Azure did not accept the token, or there was none: it does not know who asks.",
    403: "Azure knows who asks, and they may not do this.",
    404: "There is nothing of this name, or nothing that whoever asks may see.",
    409: "What is there already stands in the way.",
    429: "Azure was asked too often.",
}
# The likeliest cause, by the service's code or its sentence, else by the status.
_CAUSES: Mapping[str, str] = {
    "LinkedAuthorizationFailed": "The request points to something else, which whoever asks may not use.",
    "InvalidAuthenticationTokenAudience": "The token was asked for with the resource of another service.",
    "ExpiredAuthenticationToken": "The notebook was left open for longer than a token lives.",
    "ResourceGroupNotFound": "The group or the subscription has another name, or the group was deleted.",
    "FailedIdentityOperation": "An identity that the request names was deleted, by 06_clean_up or by somebody else.",
    "PrincipalNotFound": "The identity was made a moment ago, or the id is not a principal's.",
    "Identity not found": "The identity was never assigned to this machine, or only a moment ago.",
}
_BY_STATUS: Mapping[str | int, str] = {
    "no answer": "No network, a proxy in the way, or what should answer is not running.",
    401: "The token was cut short, is too old, or is for another service.",
    403: "No role that reaches this far has the action; or one was granted only minutes ago.",
    404: "The cell that makes it has not run, or 06_clean_up or somebody else has deleted it.",
    409: "It was made under another name, or is being changed right now.",
    429: "Several notebooks ask at the same time.",
}


def show_error(shell: InteractiveShell, etype: type[BaseException], value: BaseException, tb: Any, offset: Any) -> None:
    """Show an exception that stopped a cell: as a box if it is one of the course's, else as always."""
    try:
        rows = _rows(value, shell.user_ns)
    except Exception:  # whatever is the matter with the box, the error itself has to be seen
        rows = {}
    if not rows:
        shell.showtraceback((etype, value, tb), tb_offset=offset)
        return
    frames = _COLOUR.sub("", "\n".join(shell.InteractiveTB.structured_traceback(etype, value, tb, offset)))
    vars(value)["_render_traceback_"] = lambda: _box(rows)  # what IPython asks exceptions for
    try:
        shell.showtraceback((etype, value, tb), tb_offset=offset)
    finally:
        del vars(value)["_render_traceback_"]  # %tb shows all
    if not isinstance(value, TutorialError):
        shell.display_pub.publish({"text/plain": frames, "text/html": _folded(frames)})


def _folded(frames: str) -> str:
    return f"<details><summary>Where it happened</summary><pre>{escape(frames)}</pre></details>"


def _box(rows: Mapping[str, str]) -> list[str]:
    """Return the lines: the first row is the heading, the others have labels."""
    (heading, first), *others = rows.items()
    lines = [*_wrapped(f"{heading}: " if heading else "", first)]
    for label, text in others:
        lines += [f"  {line}" for line in _wrapped(label.ljust(_LABEL), text)]
    return ["┌ " + lines[0], *("│ " + line for line in lines[1:]), "└"]


def _wrapped(label: str, text: str) -> list[str]:
    space = " " * min(len(label), _LABEL)  # under a long one, the text begins earlier
    found: list[str] = []
    for line in text.splitlines() or [""]:
        start = space if found else label
        found += textwrap.wrap(
            line,
            _WIDTH,
            initial_indent=start,
            subsequent_indent=space,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return found or [label]


def _rows(value: BaseException, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return what to say of the exception, by labels; nothing if it is none that the course knows about."""
    value = own_error(value) or value
    if isinstance(value, TutorialError):
        first, _, rest = str(value).partition(". ")
        return {"": first.rstrip(".") + ".", **({"What to do": rest} if rest else {})}
    if isinstance(value, NameError):
        return _missing_name(value, variables)
    if isinstance(value, AzureError | requests.RequestException):
        return _refusal(value, variables)
    return {}


def _refusal(error: Exception, variables: Mapping[str, Any]) -> dict[str, str]:
    explained = explain(error)
    status, code, message = explained.status, explained.code, explained.message
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    entra = _CORRELATION.search(message)
    known = [cause for key, cause in _CAUSES.items() if key == code or str(key) in message]
    what = f"{status} {code}" if status else "no answer" if isinstance(error, DROPPED) else "no token"
    rows = {
        type(error).__name__: what,
        "What it means": _MEANS.get(status or what, "Azure had trouble of its own."),
        "Likely cause": known[0] if known else _BY_STATUS.get(status or what, ""),
        "What to do": explained.advice,
        "In its words": message,
        **_reasons(message, variables),
        "Correlation id": headers.get("x-ms-correlation-request-id") or (entra[1] if entra else ""),
    }
    return {label: text for label, text in rows.items() if text}


def _reasons(message: str, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return what the sandbox, which can say why, looked at before it refused."""
    refused = _REFUSED.search(message) or _LINKED.search(message)
    connection: Any = variables.get("connection")
    if not refused or getattr(connection, "target", "") != "sandbox":
        return {}
    path = f"{refused['scope'].rstrip('/')}/providers/Sandbox.Local/explain"
    question = {"principalId": refused["who"], "action": refused["action"]}
    try:
        answer = connection.arm("POST", path, _LOCAL_VERSION, question)
        considered = answer.json()["considered"]
    except (AzureError, requests.RequestException, KeyError, RuntimeError):
        return {}  # whoever is signed in may not ask, or the sandbox has stopped meanwhile
    looked_at = [_consideration(entry) for entry in considered[:_MOST_ASSIGNMENTS]]
    if len(considered) > _MOST_ASSIGNMENTS:
        looked_at.append(f"and {len(considered) - _MOST_ASSIGNMENTS} more")
    return {
        "Missing": f"{refused['action']}\nat {refused['scope']}",
        "Looked at": "\n".join(looked_at) or f"no role assignment: {refused['who']} has none here",
    }


def _consideration(entry: Mapping[str, Any]) -> str:
    if not entry["allowedBy"]:
        why = "does not have the action"
    elif entry["removedBy"]:
        why = f"has the action by {entry['allowedBy']}, and takes it off by {entry['removedBy']}"
    elif not entry["scopeApplies"]:
        why = f"has the action by {entry['allowedBy']}, but does not reach this far"
    else:
        why = "has the action by now: try again"
    return f"{entry['roleName'] or 'a role that is gone'} at {entry['scope']} {why}"


def _missing_name(error: NameError, variables: Mapping[str, Any]) -> dict[str, str]:
    name, failed = str(error.name), next(iter(reversed(variables.get("In", ()))), "")
    path = Path(str(variables.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")))
    for heading, source in _cells(path):
        if source == failed:
            break
        if _sets(source, name):
            first = next(line for line in source.splitlines() if line.strip())
            begins = first if len(first) <= _LONGEST_LINE else f"{first[:_LONGEST_LINE]}…"
            return {
                "NameError": f"there is no {name} yet",
                "What it means": f"The cell that sets {name} has not been run since this kernel started.",
                "What to do": f"Run the cell under '{heading}' that begins with\n  {begins}\n"
                "or choose Run > Run All Above Selected Cell; then run this one again.",
            }
    return {}


def _cells(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the source of each cell of a notebook, with the heading that it stands under; nothing if it is none."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"] if path.suffix == ".ipynb" else []
    except (OSError, ValueError, LookupError, TypeError):
        return
    heading = path.stem
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            yield heading, source
        elif found := re.findall(r"^#+ (.+)$", source, re.MULTILINE):
            heading = found[-1]


def _sets(source: str, name: str) -> bool:
    try:
        symbol = symtable.symtable(source, "cell", "exec").lookup(name)
    except (SyntaxError, KeyError):
        return False
    return symbol.is_assigned() or symbol.is_imported()
