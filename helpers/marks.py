"""The mark that everything made by the tutorial carries, so that the clean-up can tell it from everything else."""

from __future__ import annotations

from typing import Protocol

_TUTORIAL = "managed-identity-tutorial"
MADE_BY = {"made-by": _TUTORIAL}


class Tagged(Protocol):
    """A resource as the management clients have it."""

    tags: dict[str, str] | None


def made_here(resource: Tagged) -> bool:
    """Tell whether the tutorial made ``resource``."""
    return (resource.tags or {}).items() >= MADE_BY.items()


def grant_note(identity_name: str) -> str:
    """Return the description of a role assignment for that identity: assignments cannot have tags."""
    return f"{_TUTORIAL}: {identity_name}"
