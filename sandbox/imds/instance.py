"""``/metadata/instance``: the whole document, a part of it, or a single value as text."""

from __future__ import annotations

from typing import Any

from sandbox.cloud import Cloud
from sandbox.core.http import Answer, Request
from sandbox.imds import errors
from sandbox.imds.compute import describe_compute
from sandbox.imds.network import describe_network
from sandbox.state.store import Resource

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def answer_instance(cloud: Cloud, machine: Resource, request: Request, path: str, version: str) -> Answer:
    """Answer what is at ``path`` below ``/metadata/instance``, in the ``format`` that the request names.

    Raises:
        MetadataError: There is nothing at the path, or not in this format.
    """
    format_ = (request.parameter("format") or "json").casefold()
    if format_ not in {"json", "text"}:
        raise errors.unknown_format(format_)
    document = {"compute": describe_compute(machine, version), "network": describe_network(cloud, machine)}
    found = _find(document, path)
    if format_ == "text":
        return Answer(200, found if isinstance(found, str) else _listing(found), dict(_TEXT))
    if isinstance(found, str):
        raise errors.needs_text(path.strip("/"))
    return Answer(200, found)


def _find(document: Any, path: str) -> Any:
    for segment in path.strip("/").split("/") if path.strip("/") else ():
        if isinstance(document, dict):
            document = next((value for name, value in document.items() if name.casefold() == segment), None)
        elif isinstance(document, list) and segment.isascii() and segment.isdigit():
            document = dict(enumerate(document)).get(int(segment))
        else:
            document = None
        if document is None:
            raise errors.not_found()
    return document


def _listing(found: dict[str, Any] | list[Any]) -> str:
    """Return the names of what is inside, one in a line; a slash says that there is more below."""
    inside = found.items() if isinstance(found, dict) else enumerate(found)
    return "\n".join(str(name) if isinstance(value, str) else f"{name}/" for name, value in inside)
