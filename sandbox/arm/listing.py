"""Lists: a page at a time, only what the caller may read, and a link to the rest.

The link's ``$skipToken`` is the id of the page's last element, so a list's cost does not grow with what comes before.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from rbac.folding import fold
from sandbox.arm.routing import Call
from sandbox.core import errors
from sandbox.core.http import Answer
from sandbox.core.resource_ids import parse_resource_id
from sandbox.state.store import Resource

PAGE_SIZE = 1000
_SKIP_TOKEN = "$skipToken"
Condition = Callable[[Resource], bool]
_NUMBER = re.compile(r"[0-9]{1,9}")
_TERM = re.compile(  # ``name eq 'value'``, ``name('value')`` or ``name()``, and what joins it to the next
    r"""\s*(\w+) (?: \s+eq\s+ '((?:[^']|'')*)' | (\() \s* (?:'((?:[^']|'')*)')? \s*\) )
    (?: \s+and\s+ (?=\S) | \s*$ )""",
    re.IGNORECASE | re.VERBOSE,
)


def list_resources(
    call: Call,
    under: str,
    type_: str | None,
    show: Callable[[Resource], dict[str, Any]] = lambda resource: resource.body,
    where: Condition = lambda resource: True,
) -> Answer:
    """Answer one page of the resources of ``type_`` (None: of all types) below the id ``under``.

    ``where`` picks from them; ``show`` makes what is shown of each. With an operation declared ``filtered`` the page
    has what the caller may read.
    """
    size = _page_size(call)
    found = call.cloud.store.list(under, type_, after=_skip_token(call), limit=size + 1)
    page = found[:size]
    kept = [resource for resource in page if where(resource)]
    if call.action is not None:
        kept = call.cloud.gate.visible(call.caller, call.action, call.scope, kept)
    body: dict[str, Any] = {"value": [show(resource) for resource in kept]}
    if len(found) > size:
        body["nextLink"] = call.request.next_link(_SKIP_TOKEN, page[-1].id)
    return Answer(200, body)


def read_filter(text: str, names: Collection[str] | None = None) -> dict[str, str]:
    """Return the terms of a ``$filter``, names in lowercase: ``{"resourcetype": "…", "assignedto(…)": "…"}``.

    Only comparisons by ``eq`` and calls, joined by ``and``, are understood; anything else is refused, and with
    ``names`` what is not among them.
    """
    terms: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None:
            raise _invalid_filter(text)
        name = fold(found[1]) + ("" if not found[3] else "()" if found[4] is None else "(…)")
        if name in terms or (names is not None and name not in names):
            raise _invalid_filter(text)
        terms[name] = (found[2] or found[4] or "").replace("''", "'")
        at = found.end()
    return terms


def _invalid_filter(text: str) -> errors.AzureError:
    return errors.refusal("InvalidFilterInQueryString", text)


def resource_condition(call: Call, names: tuple[str, ...]) -> Condition:
    """Return what ``$filter`` asks of a resource; refuses comparisons of other names than ``names``."""
    text = call.query("$filter") or ""
    wanted = read_filter(text, names)
    if "tagvalue" in wanted and "tagname" not in wanted:
        raise _invalid_filter(text)
    tag = fold(wanted.get("tagname", ""))

    def fits(resource: Resource) -> bool:
        tags = {fold(name): value for name, value in (resource.body.get("tags") or {}).items()}
        actual = {
            "resourcetype": fold(resource.type),
            "name": fold(resource.body["name"]),
            "location": fold(resource.body.get("location", "")),
            "resourcegroup": fold(parse_resource_id(resource.id).group),
        }
        same = all(value == fold(wanted.get(name, value)) for name, value in actual.items())
        tagged = "tagname" not in wanted or (tag in tags and tags[tag] == wanted.get("tagvalue", tags[tag]))
        return same and tagged

    return fits


def _page_size(call: Call) -> int:
    top = call.query("$top")
    if top is None:
        return PAGE_SIZE
    if not _NUMBER.fullmatch(top) or int(top) < 1:
        raise errors.refusal("InvalidTopParameter", top)
    return min(int(top), PAGE_SIZE)


def _skip_token(call: Call) -> str:
    try:
        return call.request.page_before(_SKIP_TOKEN)
    except ValueError as error:
        raise errors.refusal("InvalidSkipToken") from error
