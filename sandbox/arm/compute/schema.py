"""Reads the body of a virtual machine by ``schema.yaml``.

What a machine refers to by an id, but for its interfaces, is of a kind that the sandbox has none of: it is not found.
"""

from functools import partial
from typing import Any, NoReturn

from sandbox.arm.fields import Fields
from sandbox.arm.schema import Schema
from sandbox.core import errors
from sandbox.core.data_files import read_data
from sandbox.core.resource_ids import parse_resource_id

_SCHEMA = Schema(read_data(__file__, "schema.yaml"), partial(errors.refusal, "BadRequest.member"))


def refuse_reference(reference: str | None, _: str, path: str) -> NoReturn:
    """Refuse what is referred to at ``path`` as malformed, or as not there."""
    parts = parse_resource_id(reference or "")
    if not parts.names:
        raise errors.refusal("LinkedInvalidPropertyId", reference, path)
    raise errors.refusal("ResourceNotFound", parts.type, parts.name, parts.group)


def read(body: Fields) -> dict[str, Any]:
    """Return a machine's body with names and values as Compute writes them, and without what is null."""
    return _SCHEMA.read(body, "VirtualMachine", refuse_reference)


def merged(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what is given in its place, object by object and in its order; lists are replaced."""
    result = dict(base)
    for name, value in given.items():
        before = base.get(name)
        result[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result
