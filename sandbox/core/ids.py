"""Ids that are invented but the same on every run: the seed and what the id is for decide it."""

from __future__ import annotations

import random
import uuid

from rbac.folding import fold

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sandbox.contoso.com")


class Ids:
    """Makes GUIDs out of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._namespace = uuid.uuid5(_NAMESPACE, str(seed))

    def guid(self, *parts: str | int) -> str:
        """Return the GUID that stands for ``parts``, lowercase and with dashes."""
        return str(uuid.uuid5(self._namespace, "\n".join(fold(str(part)) for part in parts)))


def new_request_id() -> str:
    """Return a GUID that no other request has. It is not a secret, so the system need not be asked for randomness."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
