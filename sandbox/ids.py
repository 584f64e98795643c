"""Ids that are invented but the same on every run: the seed and what the id is for decide it."""

from __future__ import annotations

import uuid

from sandbox.rbac.folding import fold

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sandbox.contoso.com")


class Ids:
    """Makes GUIDs out of a seed."""

    def __init__(self, seed: int) -> None:
        self._namespace = uuid.uuid5(_NAMESPACE, str(seed))

    def guid(self, *parts: str | int) -> str:
        """Return the GUID that stands for ``parts``, in lower case and with dashes."""
        return str(uuid.uuid5(self._namespace, "\n".join(fold(str(part)) for part in parts)))
