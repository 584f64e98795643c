"""Collections: which objects of one, in pages, and which of their properties.

Query options: https://learn.microsoft.com/graph/query-parameters
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.core.http import Answer, Request
from sandbox.graph import errors
from sandbox.graph.filters import parse_filter
from sandbox.graph.objects import Kind

PAGE_SIZE = 100
MAXIMUM_PAGE_SIZE = 999
_OFFERED = frozenset({"$filter", "$top", "$skiptoken", "$select", "$count"})


def answer_collection(request: Request, kind: Kind, objects: list[dict[str, Any]], context: dict[str, Any]) -> Answer:
    """Answer a page of ``objects``, all of ``kind`` and ordered by id, under the ``context`` of such answers.

    Raises:
        GraphError: The query cannot be read, or asks for more than is offered.
    """
    _check_options(request)
    size = _page_size(request)
    text = request.parameter("$filter")
    found = list(filter(parse_filter(text, kind.filterable, kind.name), objects)) if text is not None else objects
    body = dict(context)
    if (request.parameter("$count") or "").casefold() == "true":
        body["@odata.count"] = len(found)
    after = _skip_token(request)
    rest = [shown for shown in found if shown["id"] > after]
    if len(rest) > size:
        body["@odata.nextLink"] = _next_link(request, rest[size - 1]["id"])
    body["value"] = [selected(request, kind, shown) for shown in rest[:size]]
    return Answer(200, body)


def selected(request: Request, kind: Kind, shown: dict[str, Any]) -> dict[str, Any]:
    """Return what ``$select`` asks for of one object; all of it without that option."""
    wanted = request.parameter("$select")
    if not wanted:
        return shown
    names = {name.casefold(): name for name in shown}
    chosen = [part.strip() for part in wanted.split(",")]
    for name in chosen:
        if name.casefold() not in names:
            raise errors.unsupported_query(f"Could not find a property named '{name}' on type '{kind.odata_type[1:]}'.")
    return {names[name.casefold()]: shown[names[name.casefold()]] for name in chosen}


def _check_options(request: Request) -> None:
    for name, _ in request.query:
        if name.startswith("$") and name.casefold() not in _OFFERED:
            raise errors.unsupported_query(f"The query option '{name}' is not supported for this request.")


def _page_size(request: Request) -> int:
    top = request.parameter("$top")
    if top is None:
        return PAGE_SIZE
    if not (top.isascii() and top.isdigit()) or not 1 <= int(top[:4]) <= MAXIMUM_PAGE_SIZE or len(top) > 3:
        raise errors.bad_request(f"Invalid page size specified: '{top}'. Must be between 1 and {MAXIMUM_PAGE_SIZE}.")
    return int(top)


def _skip_token(request: Request) -> str:
    try:
        return base64.urlsafe_b64decode(request.parameter("$skiptoken") or "").decode()
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise errors.bad_request("The skip token is invalid.") from error


def _next_link(request: Request, last_id: str) -> str:
    token = base64.urlsafe_b64encode(last_id.encode()).decode()
    kept = [(name, value) for name, value in request.query if name.casefold() != "$skiptoken"]
    return f"{request.base_url}{quote(request.path)}?{urlencode([*kept, ('$skiptoken', token)])}"
