"""Ids that are invented but the same on every run: the seed and what the id is for decide it."""

import uuid
from itertools import count

from rbac.folding import fold

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "sandbox.contoso.com")
_REQUESTS = str(uuid.uuid4())[:24]  # what the ids of this process's requests begin with
_requests = count(1)


class Ids:
    """Makes GUIDs out of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._namespace = uuid.uuid5(_NAMESPACE, str(seed))

    def guid(self, *parts: str | int) -> str:
        """Return the GUID that stands for ``parts``, lowercase and with dashes."""
        return str(uuid.uuid5(self._namespace, "\n".join(fold(str(part)) for part in parts)))


def new_request_id() -> str:
    """Return a GUID that no other request has; it is not a secret, so one that follows another's will do."""
    return f"{_REQUESTS}{next(_requests):012x}"
